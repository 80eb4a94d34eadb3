"""Who was given each idempotency key, and that nobody was who should not have been.

A keyed effect happens again only when an attempt of it was lost between the effect and the commit
of its result: nobody can know then that it has happened. So a key may be given to another attempt
after its holder gave it back, or lost its run (`Ledger` looks at the lease), and never once it has
a result. Each time it is given the effect happens once at most.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Final

import msgspec

from continuum.journal.events import EventKind
from continuum.store.activities import AttemptFence, Reservation
from continuum.store.memory.tables import RunRow, Tables
from continuum.store.memory.tasks import MemoryActivities
from continuum.store.protocol import InboxMessage

KEYED: Final = "keyed"
"""The activity whose result says how often its effect had happened."""

Name = tuple[str, str, str]


class Ledger:
    """Stands before the keys of a store.

    Args:
        activities: of the store.
        tables: of the store.

    Attributes:
        given: by key, the attempts that it was given to.
        wrong: what should not have happened.
    """

    def __init__(self, activities: MemoryActivities, tables: Tables) -> None:
        self._activities = activities
        self._tables = tables
        self._returned: set[tuple[Name, AttemptFence]] = set()
        self._reserve, self._complete = activities.reserve_key, activities.complete_key
        self._release = activities.release_key
        self._results: dict[Name, bytes] = {}
        self.given: dict[Name, list[AttemptFence]] = defaultdict(list)
        self.wrong: list[str] = []

    async def reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        """As the store does; the key must be free."""
        name = (fence.namespace, activity, key)
        reservation = await self._reserve(fence, activity, key)
        if not reservation.mine:
            self._look(name, reservation.value)
            return reservation
        holders = self.given[name]
        if name in self._results:
            self.wrong.append(f"{key} was given to {fence} although it has a result")
        if holders and holders[-1] != fence and self._holds(name, holders[-1], fence):
            self.wrong.append(f"{key} was given to {fence} while {holders[-1]} held it")
        if fence not in holders:
            holders.append(fence)
        return reservation

    async def complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """As the store does."""
        messages = await self._complete(fence, activity, key, value)
        name = (fence.namespace, activity, key)
        self._look(name, self._tables.results[name].result)
        return messages

    async def release_key(self, fence: AttemptFence, activity: str, key: str) -> list[InboxMessage]:
        """As the store does."""
        self._returned.add(((fence.namespace, activity, key), fence))
        return await self._release(fence, activity, key)

    def lost(self, name: Name) -> int:
        """How often a key was taken from an attempt that had not returned it, with its run."""
        return sum(
            (name, before) not in self._returned and before.token != after.token
            for before, after in pairwise(self.given[name])
        )

    def executions(self) -> dict[str, int]:
        """By label, how often the effect may have happened."""
        times = {name: len(holders) for name, holders in self.given.items() if name[1] == KEYED}
        return {key.partition(":")[2]: number for (_, _, key), number in times.items()}

    def _holds(self, name: Name, holder: AttemptFence, fence: AttemptFence) -> bool:
        """Whether an attempt is under way: it has neither returned the key nor lost its run."""
        if (name, holder) in self._returned:
            return False
        command = holder.run_id, holder.incarnation, holder.command
        if command == (fence.run_id, fence.incarnation, fence.command):
            return holder.token == fence.token and holder.attempt >= fence.attempt
        return self._activities._holds(holder)

    def _look(self, name: Name, result: bytes | None) -> None:
        """A result is for ever."""
        if result is not None and self._results.setdefault(name, result) != result:
            self.wrong.append(f"{name} had the result {self._results[name]!r}, now {result!r}")


def check_keys(ledger: Ledger, tables: Tables, effects: dict[str, int], losses: int) -> None:
    """Nobody was given a key wrongly, and all who used it have seen the one result.

    Args:
        effects: how often each label's effect happened.
        losses: how many times attempts may have been lost.
    """
    assert not ledger.wrong, ledger.wrong
    for name in ledger.given:
        assert ledger.lost(name) <= losses, f"{name}: {ledger.given[name]}, {losses} losses"
    for label, times in ledger.executions().items():
        assert effects.get(label, 0) <= times, f"{label}: {effects[label]} times, given {times}"
    seen: dict[str, set[bytes]] = defaultdict(set)
    for row in tables.runs.values():
        for label, value in _results(row):
            seen[label].add(value)
    for label, values in seen.items():
        assert len(values) == 1, f"{label}: its users have seen {values}"
        [value] = values
        assert 1 <= msgspec.json.decode(value) <= effects[label], f"{label}: {value!r}"


def _results(row: RunRow) -> list[tuple[str, bytes]]:
    """The labels and results of its keyed activities."""
    commands: dict[tuple[int, int | None], str] = {}
    found: list[tuple[str, bytes]] = []
    for event in row.events:
        command = event.incarnation, event.command
        if event.kind is EventKind.ACTIVITY_SCHEDULED and event.body().name == KEYED:
            commands[command] = msgspec.json.decode(bytes(event.body().args))[1]
        elif event.kind is EventKind.ACTIVITY_COMPLETED and command in commands:
            found.append((commands[command], bytes(event.body().value)))
    return found
