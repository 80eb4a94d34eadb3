"""What any store answers to clients that look: snapshots, journals, queries, results.

Nothing here locks or writes, apart from `set_attributes`. Every read is bounded in time; one that
takes too long raises `QueryError`. `StoreUnavailable` is transient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from continuum.journal.ends import RunEnd
from continuum.model import (
    MAX_SHOWN_PAYLOAD,
    HistoryEvent,
    Page,
    Plan,
    Run,
    RunState,
    ServerInfo,
    Stamp,
)
from continuum.operators.acts import Act
from continuum.query.tree import Operand, Query


@dataclass(frozen=True, slots=True)
class CountGroup:
    """How many runs share `key` (one value per grouping operand; empty without grouping)."""

    key: tuple[Any, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of runs, largest first, how they were read, and whether they are exact."""

    groups: Sequence[CountGroup]
    stamp: Stamp
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Up to `limit` events of a journal with `after` < seq < `before`.

    Attributes:
        newest: the last of them instead of the first.
        shown: the largest payload that is fetched, in bytes.
        operators: whether what operators did comes besides.
    """

    after: int = 0
    before: int | None = None
    limit: int = 500
    newest: bool = False
    shown: int = MAX_SHOWN_PAYLOAD
    operators: bool = False


@dataclass(frozen=True, slots=True)
class KeyMatch:
    """A run that a key stands for."""

    run_id: UUID
    namespace: str
    workflow: str
    state: RunState


class ReadStore(Protocol):
    """What the client's reading calls need. `namespace` None means any."""

    async def get_run(
        self, run_id: UUID, namespace: str | None, shown: int = MAX_SHOWN_PAYLOAD
    ) -> Run | None:
        """The run as it is now; None when there is none, or only in another namespace.

        Input and output of more than `shown` bytes stay in the store.
        """
        ...

    async def find_key(self, key: str, namespace: str | None) -> Sequence[KeyMatch]:
        """The run of each namespace and workflow that has this key: the live one, else the last.

        `workflow/key`, with the full or the bare name of a workflow, is understood when no run has
        the whole text as its key.
        """
        ...

    async def ends(
        self, run_ids: Sequence[UUID], namespace: str | None = None
    ) -> Mapping[UUID, RunEnd | None]:
        """How these runs ended, with the whole result (None: still live).

        Runs that do not exist, or only in another namespace, are absent.
        """
        ...

    async def published(self, run_id: UUID, namespace: str | None) -> Mapping[str, bytes] | None:
        """The last value of each name that the run published; None when there is no such run."""
        ...

    async def history(
        self, run_id: UUID, namespace: str | None, stretch: Stretch
    ) -> Sequence[HistoryEvent] | None:
        """The events of a stretch, oldest first; None when there is no such run.

        With `operators` what operators did since the first of them comes besides, each entry behind
        the event that was the last one then and with its seq.
        """
        ...

    async def search(
        self,
        query: Query,
        limit: int,
        cursor: str | None,
        *,
        payloads: bool,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of matches; `payloads` fetches input and output too.

        After `budget` seconds (None: the time limit of a read) the page holds what was found.
        """
        ...

    async def records(
        self, query: Query, fields: Sequence[str], limit: int, cursor: str | None
    ) -> Page[tuple[Any, ...]]:
        """One page of matches, each as the values of some of `RUN_FIELDS`, states as text."""
        ...

    async def count(
        self, query: Query, group_by: Sequence[Operand], *, budget: float | None = None
    ) -> Counts:
        """Numbers of matches, per combination of the grouping operands, largest first.

        They are exact, unless `budget` seconds were not enough: then there are at least so many.
        """
        ...

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds a run, in order."""
        ...

    async def server(self) -> ServerInfo:
        """Who and where the connection in use is."""
        ...

    async def set_attributes(
        self,
        run_id: UUID,
        namespace: str | None,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        act: Act | None = None,
    ) -> bool:
        """Merge and remove top-level keys in one statement; whether the run exists (there)."""
        ...
