"""Keeps Python's cycle collector from walking every run in memory again and again.

A run is freed by reference counts when it ends, and thousands of them live at once. With CPython's
default the collector starts after every 700 new objects, a few dozen runs, and each time looks at
whatever is young; that was a third of a worker's CPU. While a worker is at work the collector
starts after 50,000. A host that has chosen a higher number, or none, keeps it.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 50_000
"""New objects after which the youngest generation is collected."""


class _Relaxed:
    """How many workers of this process are at work, and what the host had."""

    def __init__(self) -> None:
        self.workers = 0
        self.before = 0


_relaxed: Final = _Relaxed()


def relax_collection() -> None:
    """A worker begins: collect more rarely, unless the host has set that already."""
    if _relaxed.workers == 0:
        _relaxed.before = young = gc.get_threshold()[0]
        if 0 < young < YOUNG:
            _set_young(YOUNG)
    _relaxed.workers += 1


def restore_collection() -> None:
    """A worker has left; with the last one the host's setting returns, if it is still ours."""
    _relaxed.workers -= 1
    if _relaxed.workers == 0 and gc.get_threshold()[0] == YOUNG:
        _set_young(_relaxed.before)


def _set_young(young: int) -> None:
    gc.set_threshold(young, *gc.get_threshold()[1:])
