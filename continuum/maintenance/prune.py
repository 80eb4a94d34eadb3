"""Pruning: forgets runs that ended long ago, batch after batch, and what outlives them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from continuum.operators.acts import Act
from continuum.query.times import pin
from continuum.query.tree import All, Condition
from continuum.store.retention import (
    KEEP_DELIVERIES,
    KEEP_RESULTS,
    DroppedMonth,
    EndedRuns,
    KeptFor,
    Place,
    PrunedBatch,
    PruneOrder,
    RetentionStore,
)
from continuum.system import monotonic

REST: Final = 1.0
"""Seconds of rest for each second of deleting."""


@dataclass(frozen=True, slots=True)
class PrunedRuns:
    """What was, or would be, deleted of a workflow in a namespace.

    Attributes:
        retention: seconds for which the workflow declares to keep its ended runs; None: for ever.
        runs, events: how many.
        size: bytes of their stored values, without the rows and indexes around them.
        kept: how many runs that are old enough are kept, and for what.
    """

    namespace: str
    workflow: str
    retention: float | None
    runs: int = 0
    events: int = 0
    size: int = 0
    kept: Mapping[KeptFor, int] = field(default_factory=dict["KeptFor", int])


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune has done so far, or would do.

    Attributes:
        at: the store's clock when it began; ages are counted from here.
        executed: whether anything was deleted.
        groups: by namespace and workflow, those with something to delete or to keep.
        results: of idempotency keys.
        deliveries: delivery ids of signals.
        looked: runs that it has looked at.
        total: runs that had ended when it began, of the workflows that it looks at.
        months: journals of months that were over and empty, and are gone with their files.
    """

    at: datetime
    executed: bool
    groups: Sequence[PrunedRuns] = ()
    results: int = 0
    deliveries: int = 0
    looked: int = 0
    total: int = 0
    months: Sequence[DroppedMonth] = ()

    @property
    def runs(self) -> int:
        """Of all groups."""
        return sum(group.runs for group in self.groups)

    @property
    def events(self) -> int:
        """Of all groups."""
        return sum(group.events for group in self.groups)

    @property
    def size(self) -> int:
        """Of all groups."""
        return sum(group.size for group in self.groups)

    @property
    def given_back(self) -> int:
        """Bytes of disk, of all months."""
        return sum(month.given_back for month in self.months)

    @property
    def kept(self) -> Mapping[KeptFor, int]:
        """How many runs that are old enough are kept, and for what."""
        total: Counter[KeptFor] = Counter()
        for group in self.groups:
            total.update(group.kept)
        return total


OnProgress = Callable[[PruneReport], None]


@dataclass(frozen=True, slots=True)
class PruneWish:
    """What somebody wants to be forgotten.

    Attributes:
        namespace: None: all.
        condition: of runs; None: all, and then also idempotency results and delivery ids.
        older_than: seconds since the end of a run; None: what each workflow declares.
        keep_results, keep_deliveries: seconds for which these are kept.
        ignore_retention: whether `older_than` counts even for workflows that keep runs longer.
        execute: delete; else only look.
        rest: seconds of rest for each second of deleting.
    """

    namespace: str | None = None
    condition: Condition | None = None
    older_than: float | None = None
    keep_results: float = KEEP_RESULTS.total_seconds()
    keep_deliveries: float = KEEP_DELIVERIES.total_seconds()
    ignore_retention: bool = False
    execute: bool = False
    rest: float = REST


class Prune:
    """One prune; a batch that was interrupted did nothing, and another prune goes on.

    Args:
        store: where to.
        wish: what.
        act: what is recorded of it; None records nothing.
        on_progress: told after each batch.
    """

    def __init__(
        self,
        store: RetentionStore,
        wish: PruneWish,
        act: Act | None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._store = store
        self._wish = wish
        self._act = act
        self._on_progress = on_progress
        self._done: list[PrunedRuns] = []
        self._results = self._deliveries = self._looked = self._total = 0

    async def run(self) -> PruneReport:
        """All of it.

        Raises:
            ReasonRequired: a namespace wants to know why; those before it in order are pruned.
            ConfigurationError: the role in use may not delete.
            StoreUnavailable: what was done so far is done.
        """
        ended, now = await self._store.ended_runs(self._wish.namespace)
        groups = [each for each in ended if self._age(each) is not None]
        self._total = sum(each.runs for each in groups)
        for each in groups:
            await self._prune_group(each, now)
        if self._wish.condition is None:
            await self._forget(now)
        report = self._report(now)
        if not self._wish.execute:
            return report
        return replace(report, months=tuple(await self._store.drop_months()))

    def _age(self, ended: EndedRuns) -> float | None:
        older_than = self._wish.older_than
        return ended.retention if older_than is None else older_than

    async def _prune_group(self, ended: EndedRuns, now: datetime) -> None:
        order = self._order(ended, now)
        group = PrunedRuns(ended.namespace, ended.workflow, ended.retention)
        place: Place | None = None
        while True:
            began = monotonic()
            act = None if group.runs else self._act  # once, with the first deletion
            batch = await self._store.prune_runs(order, place, act)
            group, place = _with(group, batch), batch.place
            self._looked += batch.looked
            self._tell(now, group)
            if place is None:
                break
            await self._rest(began, batch.runs)
        if group.runs or group.kept:
            self._done.append(group)
        if self._wish.execute and group.runs and self._act is not None:
            told = f"{group.runs} runs of {group.workflow} deleted"
            await self._store.note_pruned(self._act, group.namespace, told)

    def _order(self, ended: EndedRuns, now: datetime) -> PruneOrder:
        wish, age = self._wish, self._age(ended) or 0.0
        kept_for = age if wish.ignore_retention else max(age, ended.retention or 0.0)
        return PruneOrder(
            ended.namespace,
            ended.workflow,
            before=now - timedelta(seconds=age),
            kept_from=now - timedelta(seconds=kept_for),
            condition=All() if wish.condition is None else pin(wish.condition, now),
            execute=wish.execute,
        )

    async def _forget(self, now: datetime) -> None:
        """Idempotency results and delivery ids."""
        wish, store = self._wish, self._store
        before = now - timedelta(seconds=wish.keep_results)
        key: tuple[str, str, str] | None = None
        while True:
            began = monotonic()
            results = await store.prune_results(
                wish.namespace, before, key, execute=wish.execute
            )  # fmt: skip
            self._results += results.rows
            self._tell(now)
            if results.place is None:
                break
            key = results.place
            await self._rest(began, results.rows)
        before = now - timedelta(seconds=wish.keep_deliveries)
        run_id: UUID | None = None
        while True:
            began = monotonic()
            deliveries = await store.prune_deliveries(
                wish.namespace, before, run_id, execute=wish.execute
            )
            self._deliveries += deliveries.rows
            self._tell(now)
            if deliveries.place is None:
                break
            run_id = deliveries.place
            await self._rest(began, deliveries.rows)

    async def _rest(self, began: float, deleted: int) -> None:
        """Leave the database to whoever works, in proportion to what a batch took of it."""
        if self._wish.execute and deleted:
            await asyncio.sleep((monotonic() - began) * self._wish.rest)

    def _tell(self, now: datetime, group: PrunedRuns | None = None) -> None:
        if self._on_progress is not None:
            self._on_progress(self._report(now, group))

    def _report(self, now: datetime, group: PrunedRuns | None = None) -> PruneReport:
        groups = tuple(self._done) if group is None else (*self._done, group)
        return PruneReport(
            now, self._wish.execute, groups, self._results, self._deliveries, self._looked,
            self._total,
        )  # fmt: skip


def _with(group: PrunedRuns, batch: PrunedBatch) -> PrunedRuns:
    kept: Counter[KeptFor] = Counter(group.kept)
    kept.update(batch.kept)
    return replace(
        group,
        runs=group.runs + batch.runs,
        events=group.events + batch.events,
        size=group.size + batch.size,
        kept=dict(kept),
    )
