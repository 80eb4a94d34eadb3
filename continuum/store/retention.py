"""What any store does to forget runs that ended long ago, and what outlives them for a while.

Everything is done a batch at a time, each in one transaction that waits for nobody: a row that
somebody else has locked is left for the next time. A batch that was lost did nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, Literal, Protocol, TypeVar
from uuid import UUID

from continuum.operators.acts import Act
from continuum.query.tree import Condition

K = TypeVar("K")

KeptFor = Literal[
    "retention", "live child", "live parent", "live origin", "schedule", "plan", "in use"
]
"""Why a run that is old enough is kept, see `Continuum.prune`."""

KEEP_RESULTS: Final = timedelta(days=90)
"""For which results of idempotency keys are kept, also when their runs are gone before."""

KEEP_DELIVERIES: Final = timedelta(days=30)
"""After the end of a run, for which the delivery ids of its signals are kept."""

BATCH: Final = 250
"""Runs that one batch looks at."""

BATCH_EVENTS: Final = 5_000
"""Events that the runs of one batch have, unless a single run has more."""

NEW_INCARNATION: Final = timedelta(minutes=1)
"""Before its first event: a child that started earlier is of an incarnation that is over. Workers
estimate the time of events; nobody's estimate is as wrong as this."""


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """The runs of a workflow in a namespace that have ended.

    Attributes:
        runs: how many.
        retention: seconds that its code declares; None: for ever, or no worker ever said.
    """

    namespace: str
    workflow: str
    runs: int
    retention: float | None


@dataclass(frozen=True, slots=True)
class PruneOrder:
    """Which runs of a workflow in a namespace to look at, and what to do.

    Attributes:
        before: runs that ended later are none of its business.
        kept_from: of these, runs that ended later are kept for `retention`.
        condition: what else must hold of a run; relative times are pinned.
        execute: delete what can go; else only look.
    """

    namespace: str
    workflow: str
    before: datetime
    kept_from: datetime
    condition: Condition
    execute: bool


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk through runs, by start, has come."""

    started_at: datetime
    run_id: UUID


@dataclass(frozen=True, slots=True)
class PrunedBatch:
    """What one batch found.

    Attributes:
        place: where the next one begins; None: this was the last.
        looked: runs that it passed.
        runs, events: that were deleted, or would be.
        size: bytes of their stored values, as the database compresses them.
        kept: how many runs were kept for what.
    """

    place: Place | None
    looked: int = 0
    runs: int = 0
    events: int = 0
    size: int = 0
    kept: Mapping[KeptFor, int] = field(default_factory=dict["KeptFor", int])


ResultKey = tuple[str, str, str]
"""Namespace, activity and idempotency key."""


@dataclass(frozen=True, slots=True)
class ForgottenBatch(Generic[K]):
    """What one batch of idempotency results or delivery ids found.

    Attributes:
        place: the last key or run that was looked at; None: there are no more.
        rows: that were deleted, or would be.
    """

    place: K | None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class DroppedMonth:
    """A partition of the journals that is gone, with its files.

    Attributes:
        month: of the starts of its runs (UTC), such as "2026-11"; "default": the journals that no
            month is for.
        given_back: bytes of disk.
    """

    month: str
    given_back: int


class RetentionStore(Protocol):
    """Deletes what is not needed any more."""

    @property
    def by_month(self) -> bool:
        """Whether journals are kept by month, so that months have to be made ahead."""
        ...

    async def ended_runs(self, namespace: str | None) -> tuple[Sequence[EndedRuns], datetime]:
        """Workflows with ended runs, in order, and the store's clock."""
        ...

    async def prune_runs(
        self, order: PruneOrder, after: Place | None, act: Act | None
    ) -> PrunedBatch:
        """Look at the next runs behind a place, and delete those that nobody needs.

        Args:
            order: what to do.
            after: where the batch before ended.
            act: recorded in the transaction, if it deletes anything.

        Raises:
            ReasonRequired: nothing was deleted.
            ConfigurationError: the role in use may not delete.
        """
        ...

    async def prune_results(
        self, namespace: str | None, before: datetime, after: ResultKey | None, *, execute: bool
    ) -> ForgottenBatch[ResultKey]:
        """Forget results of idempotency keys of that time or older, whose runs are gone."""
        ...

    async def prune_deliveries(
        self, namespace: str | None, before: datetime, after: UUID | None, *, execute: bool
    ) -> ForgottenBatch[UUID]:
        """Forget delivery ids of signals to runs that had ended by then."""
        ...

    async def note_pruned(self, act: Act, namespace: str | None, outcome: str) -> None:
        """Record what came of it all."""
        ...

    async def take_duty(self, name: str, every: float) -> bool:
        """Whether nobody has done it for so many seconds; then it is the caller's."""
        ...

    async def make_months(self) -> Sequence[str]:
        """Make room for journals of this month and the two after it; answers the months made.

        What cannot be made now without keeping others waiting is left to the next time.

        Raises:
            ConfigurationError: the role in use may not have it done.
        """
        ...

    async def drop_months(self) -> Sequence[DroppedMonth]:
        """Give the disk back of months that are over and have no journals left.

        Raises:
            ConfigurationError: the role in use may not have it done.
        """
        ...
