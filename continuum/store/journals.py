"""What a store answers to whoever replays the journals of live runs: reads only, in batches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from continuum.journal.events import Event
from continuum.journal.turn import VersionPin
from continuum.store.reading import ReadStore


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that has not ended.

    Attributes:
        version_id: the version that continues it.
        events: how many its journal has at most, counting all incarnations.
    """

    run_id: UUID
    version_id: int
    events: int


@dataclass(frozen=True, slots=True)
class RunJournal:
    """A live run with the journal of its incarnation, all read at one moment.

    Attributes:
        next_seq: of the lease; it grows with every turn.
        owned: a worker has it.
        blocked_build: the build that could not go on with it, if it drifted.
    """

    run_id: UUID
    namespace: str
    pin: VersionPin
    incarnation: int
    next_seq: int
    owned: bool
    blocked_build: str | None
    input: bytes
    started_at: datetime
    parent_id: UUID | None
    depth: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a workflow that some worker once had loaded.

    Attributes:
        source: "file.py:12" of the code that registered it last.
        taken: patches that its runs have taken.
    """

    pin: VersionPin
    source: str | None
    taken: frozenset[str]
    first_seen_at: datetime


class JournalStore(Protocol):
    """Live runs, their journals, and the versions they may be of."""

    async def live_runs(self, after: UUID | None, limit: int) -> Sequence[LiveRun]:
        """Up to `limit` live runs with ids beyond `after`, in order of id."""
        ...

    async def live_among(self, run_ids: Sequence[UUID]) -> Sequence[LiveRun]:
        """Those of these runs that are live."""
        ...

    def journals(self, run_ids: Sequence[UUID]) -> AsyncGenerator[RunJournal]:
        """Those of these runs that are live, one by one, as of one moment.

        No more than one journal and a few megabytes of the next ones are in memory.
        """
        ...

    async def registered(self) -> Sequence[RegisteredVersion]:
        """Every version in the registry."""
        ...


class ReplaySource(Protocol):
    """An open store, as a replay needs it."""

    @property
    def reads(self) -> ReadStore:
        """Finds runs by conditions."""
        ...

    @property
    def journals(self) -> JournalStore:
        """Reads their journals."""
        ...
