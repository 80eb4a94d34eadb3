"""The error that every store call may raise."""

from __future__ import annotations

from continuum.errors import DatabaseUnavailable


class StoreUnavailable(DatabaseUnavailable):
    """The store cannot answer now; nothing is known to be lost. Retry with back-off."""
