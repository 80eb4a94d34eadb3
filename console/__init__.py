"""The operations console of Continuum."""
