"""What a run waits for, followed from child to child and into the queues.

A run says in words what it waits for (`Run.waiting_on`); here the words are taken apart, and the
runs and queues they name are looked up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from continuum.model import QueueLoad, Run, Wait, WaitNode

MOST_RUNS: Final = 50
"""Runs of one chain that are looked up."""

_NEXT: Final = re.compile(
    r", (?=child [0-9a-f]{8}-|signal |question |timer until |activity |and \d+ more$)"
)
_CHILD: Final = re.compile(r"child ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_TIME: Final = re.compile(r"(?:until|retry at) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$")
_QUEUE: Final = re.compile(r"activity \S+ in queue (\S+?)(?: attempt \d+ of \d+)?$")


def waits_of(waiting_on: str | None) -> tuple[Wait, ...]:
    """The single waits of a run's `waiting_on`.

    Example:
        >>> [wait.kind for wait in waits_of("timer until 2026-11-23T10:00:00Z, signal go")]
        ['timer', 'signal']
    """
    if not waiting_on:
        return ()
    return tuple(_wait(text) for text in _NEXT.split(waiting_on))


def _wait(text: str) -> Wait:
    if child := _CHILD.match(text):
        return Wait("child", text, run_id=UUID(child[1]))
    time = _TIME.search(text)
    until = datetime.fromisoformat(time[1]) if time else None
    queue = _QUEUE.match(text)
    if text.startswith("activity "):
        return Wait("activity", text, until, queue=QueueLoad(queue[1]) if queue else None)
    if text.startswith("signal "):
        return Wait("signal", text, until)
    if text.startswith("question "):
        return Wait("question", text, until)
    if text.startswith("timer "):
        return Wait("timer", text, until)
    return Wait("other", text)


@dataclass(slots=True)
class Chain:
    """Looks up a chain level by level.

    Args:
        get_run: a run, None when it is gone.
        stuck: which of these runs no living worker can run.
        queues: every queue by its name; empty when they cannot be read.
    """

    get_run: Callable[[UUID], Coroutine[Any, Any, Run | None]]
    stuck: Callable[[list[UUID]], Coroutine[Any, Any, set[UUID]]]
    queues: Callable[[], Coroutine[Any, Any, Mapping[str, QueueLoad]]]
    _runs: dict[UUID, Run] = field(default_factory=dict[UUID, Run])

    async def of(self, run: Run) -> WaitNode:
        """The chain that begins with `run`."""
        self._runs = {run.id: run}
        level = [run]
        while level and len(self._runs) < MOST_RUNS:
            level = await self._next(level)
        live = [found.id for found in self._runs.values() if not found.state.terminal]
        stuck = await self.stuck(live) if live else set[UUID]()
        return self._node(run, stuck, await self._queues(), frozenset())

    async def _next(self, level: list[Run]) -> list[Run]:
        """The children that the runs of a level wait for."""
        ids = dict.fromkeys(
            wait.run_id
            for run in level
            for wait in waits_of(run.waiting_on)
            if wait.run_id is not None and wait.run_id not in self._runs
        )
        wanted = list(ids)[: MOST_RUNS - len(self._runs)]
        found = await asyncio.gather(*map(self.get_run, wanted))
        children = [run for run in found if run is not None]
        self._runs.update({run.id: run for run in children})
        return children

    async def _queues(self) -> Mapping[str, QueueLoad]:
        named = any(
            wait.queue is not None
            for run in self._runs.values()
            for wait in waits_of(run.waiting_on)
        )
        return await self.queues() if named else {}

    def _node(
        self,
        run: Run,
        stuck: set[UUID],
        queues: Mapping[str, QueueLoad],
        above: frozenset[UUID],
    ) -> WaitNode:
        """The run with its waits; a run is never followed below itself."""
        waits: list[Wait] = []
        for wait in waits_of(run.waiting_on):
            child = None if wait.run_id is None else self._runs.get(wait.run_id)
            if child is not None and child.id not in above:
                node = self._node(child, stuck, queues, above | {run.id})
                waits.append(replace(wait, then=node))
            elif wait.queue is not None:
                waits.append(replace(wait, queue=queues.get(wait.queue.name, wait.queue)))
            else:
                waits.append(wait)
        return WaitNode(run, tuple(waits), run.id in stuck)
