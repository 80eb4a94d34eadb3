"""Traces and metrics, for those who collect them. Nothing here is imported unless they do."""
