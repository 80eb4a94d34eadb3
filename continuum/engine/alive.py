"""Executions whose code is suspended; nothing of theirs is freed but by `drop`."""

from __future__ import annotations

import atexit
from typing import Final, Protocol


class Droppable(Protocol):
    """An execution."""

    def drop(self) -> None:
        """Close its coroutines in a context in which nothing they do counts."""
        ...


alive: Final[set[Droppable]] = set()
"""Every execution with suspended code that was not dropped. Freeing one would run its `finally`
blocks outside any run, where activities are plain functions."""


def _drop_all() -> None:
    for execution in list(alive):
        execution.drop()


atexit.register(_drop_all)
