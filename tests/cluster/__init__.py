"""Real worker processes, killed for real; `make test-cluster` runs the long forms."""
