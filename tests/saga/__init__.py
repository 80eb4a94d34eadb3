"""The saga of the documentation, disturbed at each of its commits."""
