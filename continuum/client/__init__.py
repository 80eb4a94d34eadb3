"""The public client."""

from __future__ import annotations

from continuum.client.client import Continuum
from continuum.client.handle import RunHandle

__all__ = ["Continuum", "RunHandle"]
