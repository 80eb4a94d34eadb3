"""What the memory store and one process lack: transactions, and processes that can die.

Both stand in below the code under test. A transaction of the memory store appends to a `World`
where one of PostgreSQL writes rows, under the same fence and with the same unknown outcomes. A
process is a thread that is forgotten when it dies or is killed. The real ones die at each commit
boundary of their scenarios in tests/effects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from continuum.codec.failures import capture_failure
from continuum.journal.tasks import RESULT, attempt_name
from continuum.store.activities import ActivityStore, AttemptFence, AttemptFenced
from continuum.store.memory.tables import Tables
from continuum.store.protocol import InboxMessage, NewMessage
from continuum.worker.processes import ProcessDied, _call
from tests.simulation.world import Died, happens

Complete = Callable[[AttemptFence, str, str, bytes], Awaitable[list[InboxMessage]]]


class WorldTransaction:
    """An `AttemptTransaction` and the connection of its activity.

    Args:
        activities, tables: of the memory store.
        fence: of the attempt.
        complete: stores a result under an idempotency key.
    """

    def __init__(
        self, activities: ActivityStore, tables: Tables, fence: AttemptFence, complete: Complete
    ) -> None:
        self._activities = activities
        self._complete = complete
        self._tables = tables
        self._fence = fence
        self._effects: list[tuple[int, str]] = []
        self._result = b""
        self._key: tuple[str, str, bytes] | None = None
        self.posted: list[InboxMessage] = []

    @property
    def connection(self) -> WorldTransaction:
        """What `continuum.transaction()` gives."""
        return self

    def insert(self, world: int, label: str) -> None:
        """An effect that happens with the commit."""
        self._effects.append((world, label))

    async def answer(self, result: bytes, key: tuple[str, str, bytes] | None) -> None:
        """See `AttemptTransaction.answer`."""
        self._result, self._key = result, key

    async def commit(self) -> None:
        """Effects, result and key at once; nothing here suspends.

        Raises:
            AttemptFenced: the attempt is not current any more.
        """
        fence = self._fence
        if fence.task:
            self.posted = await self._activities.finish_tasks([(fence, self._result)])
        elif self._is_owned(fence.run_id):
            name = attempt_name(fence.incarnation, fence.command, fence.attempt)
            message = NewMessage(fence.run_id, RESULT, name, self._result)
            self.posted = [self._tables.deliver(message)]
            self._tables.changed()
        if not self.posted:
            raise AttemptFenced
        if self._key is not None:
            self.posted += await self._complete(fence, *self._key)
        for world, label in self._effects:
            happens(world, label)

    def _is_owned(self, run_id: UUID) -> bool:
        lease, fence = self._tables.leases.get(run_id), self._fence
        return lease is not None and (lease.owner, lease.token) == (fence.node_id, fence.token)


class ThreadHelper:
    """Takes the place of `continuum.worker.processes._Helper`."""

    def __init__(self) -> None:
        self.process = SimpleNamespace(pid=0)
        self._killed = False

    def ask(self, request: tuple[str, str, bytes]) -> Any:
        """Blocks until the answer comes. Raises `ProcessDied`."""
        answer: Any
        try:
            answer = _call(*request)
        except Died:
            raise ProcessDied("out of memory") from None
        except BaseException as error:
            kinds = tuple(f"{c.__module__}.{c.__qualname__}" for c in type(error).__mro__)
            answer = capture_failure(error), kinds
        if self._killed:
            raise ProcessDied("killed")
        return answer

    def kill(self) -> None:
        """Whatever it does is for nobody any more."""
        self._killed = True
