"""`continuum.testing`, used as its users use it."""
