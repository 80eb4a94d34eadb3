"""What a run must be woken for: timers and retries, in the order (due time, command)."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from typing import Protocol


class Deadline(Protocol):
    """Something that falls due."""

    @property
    def pending(self) -> bool:
        """Whether it still counts."""
        ...

    @property
    def due_at(self) -> datetime:
        """When; changes with every retry."""
        ...


class Deadlines:
    """A heap that forgets what was cancelled when it comes to the top."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, int, Deadline]] = []
        self._serial = 0

    def add(self, due_at: datetime, command: int, deadline: Deadline) -> None:
        """Remember a deadline of a command."""
        self._serial += 1
        heappush(self._heap, (due_at, command, self._serial, deadline))

    def first(self) -> Deadline | None:
        """The earliest that still counts."""
        heap = self._heap
        while heap:
            due_at, _, _, deadline = heap[0]
            if deadline.pending and deadline.due_at == due_at:
                return deadline
            heappop(heap)
        return None

    def pop_due(self, now: datetime) -> Deadline | None:
        """Take the earliest if it is due."""
        first = self.first()
        if first is None or first.due_at > now:
            return None
        heappop(self._heap)
        return first
