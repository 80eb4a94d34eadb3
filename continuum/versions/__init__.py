"""What code a run is bound to: version hashes, runtime tag, build fingerprint."""
