"""What every part of the client for synchronous code is built on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from continuum.client.client import Continuum

R = TypeVar("R")


class BlockingCalls(ABC):
    """Has an asynchronous client, and calls it from the thread of the caller."""

    _client: Continuum

    @abstractmethod
    def call(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine of the asynchronous client."""
