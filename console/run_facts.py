"""What completion knows of the runs of a namespace, read when it is asked for and kept a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Final

from console.completion import Known
from console.session import Session
from continuum.errors import ContinuumError
from continuum.query.printing import print_operand
from continuum.query.tree import Operand

KEPT: Final = 60.0
"""Seconds that what was read is good enough for."""
_UNANSWERED: Final = (ContinuumError, OSError, TimeoutError)


class RunFacts:
    """Reads attribute keys and values beside the typing; the source bounds each read.

    Args:
        session: whose source is asked.
        changed: called when more is known.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed
        self._namespace: str | None = None
        self._read_at: float | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: Operand | None = None
        self._unknown: set[Operand] = set()
        self.known = Known()
        self.note = ""

    def look_at(self, namespace: str | None) -> None:
        """Of this namespace; what is known of another, or for too long, is forgotten."""
        now = self._session.clock()
        if (
            self._read_at is None
            or now - self._read_at > KEPT
            or namespace != self._namespace
            or not self.known.keys
        ):
            self._namespace, self._read_at = namespace, now
            self.known, self.note, self._unknown = Known(), "", set()
            self._start("keys", self._read_keys())

    def want(self, operand: Operand | None) -> None:
        """Have the values of this operand read, instead of those of another."""
        if operand is not None and operand != self._wanted and operand not in self._unknown:
            self._wanted = operand
            self._start("values", self._read_values(operand))

    def stop(self) -> None:
        """Read no more; what is under way is cancelled, on the server too."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._wanted = None

    @property
    def idle(self) -> bool:
        """Whether nothing is being read."""
        return all(task.done() for task in self._tasks.values())

    def _start(self, what: str, reading: Coroutine[object, object, None]) -> None:
        if what in self._tasks:
            self._tasks[what].cancel()
        self._tasks[what] = asyncio.create_task(reading)

    async def _read_keys(self) -> None:
        try:
            keys = await self._session.source.attribute_keys(self._namespace)
        except _UNANSWERED:
            self.note = "attribute keys could not be read in time"
        else:
            self.known = replace(self.known, keys=keys)
        self._changed()

    async def _read_values(self, operand: Operand) -> None:
        try:
            counts = await self._session.source.values(self._namespace, print_operand(operand))
        except _UNANSWERED:
            self._unknown.add(operand)
        else:
            self.known = replace(self.known, values={**self.known.values, operand: counts})
        self._wanted = None
        self._changed()
