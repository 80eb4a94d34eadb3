"""Callbacks of a run's own loop: those of this step, and those behind a timer."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any


class ReadyHandle(asyncio.Handle):
    """A callback to be run in this step."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: Any, context: Any) -> None:
        self._context = context
        self._loop = loop
        self._callback = callback
        self._cancelled = False
        self._args = args
        self._repr = None
        self._source_traceback = None


class DurableTimer(asyncio.TimerHandle):
    """A callback behind a journaled timer.

    Attributes:
        command: number of its `timer_started`.
        due_at: when it fires, by the database clock.
        pending: neither fired nor cancelled.
        shown: whether it is worth a word in `waiting_on`; a signal's timeout is shown there.
    """

    __slots__ = ("command", "due_at", "pending", "shown")

    command: int
    due_at: datetime
    pending: bool
    shown: bool
