"""What every part of the asynchronous client is built on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.client.acting import Acting
    from continuum.client.backend import Backend
    from continuum.client.control import Control
    from continuum.client.repairs import Repairs
    from continuum.store.reading import ReadStore


class Calls(ABC):
    """Has an open store, an operator, and what acts upon runs."""

    _acting: Acting

    @property
    @abstractmethod
    def _backend(self) -> Backend:
        """The open store. Raises `ConfigurationError` when the client is not open."""

    @property
    @abstractmethod
    def _controls(self) -> Control:
        """Starts and messages; a process that only reads never loads them."""

    @property
    def _reads(self) -> ReadStore:
        """The half of the store that reads."""
        return self._backend.reads

    @property
    def _repairs(self) -> Repairs:
        """What puts runs right."""
        from continuum.client.repairs import Repairs

        backend = self._backend
        return Repairs(backend.repair, backend.pauses, backend.hints)
