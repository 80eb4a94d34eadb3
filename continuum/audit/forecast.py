"""When live runs can have ended: from their deadlines, and from how long past runs took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from continuum.audit.report import Forecast, WaitingRun
from continuum.store.auditing import AuditStore, Outlook, PastRuns, RunExample

EXAMPLES: Final = 20
"""Runs without an end of their own that are named."""
LOOKED_AT: Final = 10_000
"""So many live runs of a version are asked when they began; of more, one may have begun now."""


class Forecasts:
    """Forecasts for sets of versions, read at once.

    Args:
        store: where to look.
        now: the moment of the audit.
    """

    def __init__(self, store: AuditStore, now: datetime) -> None:
        self._store = store
        self._now = now
        self._outlooks: dict[int, Outlook] = {}
        self._past: dict[str, PastRuns] = {}

    async def read(self, wanted: Mapping[str, frozenset[int]]) -> None:
        """Look at all versions that are going to be asked for, by workflow."""
        ids = sorted(frozenset[int]().union(*wanted.values()))
        for outlook in await self._store.outlooks(ids, LOOKED_AT, EXAMPLES):
            self._outlooks[outlook.version_id] = outlook
        workflows = sorted(
            name for name, needed in wanted.items() if needed & self._outlooks.keys()
        )
        if workflows:
            self._past = {past.workflow: past for past in await self._store.past_runs(workflows)}

    def of(self, workflow: str, version_ids: frozenset[int]) -> Forecast:
        """When the last live run of these versions can have ended."""
        outlooks = [self._outlooks[each] for each in version_ids if each in self._outlooks]
        past = self._past.get(workflow, PastRuns(workflow, 0, None))
        if not outlooks:
            return Forecast(0, self._now)
        ends = [end for each in outlooks if (end := self._end(each, past)) is not None]
        examples = [run for each in outlooks for run in each.examples]
        examples.sort(key=lambda run: run.run_id)
        return Forecast(
            sum(each.runs for each in outlooks),
            max(ends, default=None),
            sum(each.endless for each in outlooks),
            [waiting(run) for run in examples[:EXAMPLES]],
            past.sample,
            past.p99,
        )

    def _end(self, outlook: Outlook, past: PastRuns) -> datetime | None:
        """Never before now: what should have ended long ago may end at any moment."""
        if outlook.endless == outlook.runs:
            return None
        known: list[datetime] = []
        if outlook.last_wake_at is not None:
            known.append(outlook.last_wake_at)
        if past.p99 is not None:
            known.append((outlook.last_started_at or self._now) + timedelta(seconds=past.p99))
        return max([*known, self._now]) if known else None


def waiting(run: RunExample) -> WaitingRun:
    """A run as the report names it."""
    return WaitingRun(run.run_id, run.pin.workflow, run.namespace, run.started_at, run.waiting_on)


def longest(forecasts: Sequence[Forecast]) -> Forecast:
    """Of several, as one: all of their runs, and the last of their ends."""
    ends = [each.ends_at for each in forecasts if each.runs and each.ends_at is not None]
    unknown = any(each.runs > each.endless and each.ends_at is None for each in forecasts)
    return Forecast(
        sum(each.runs for each in forecasts),
        None if unknown else max(ends, default=None),
        sum(each.endless for each in forecasts),
        [run for each in forecasts for run in each.examples][:EXAMPLES],
        sum(each.past_runs for each in forecasts),
        max((each.p99 for each in forecasts if each.p99 is not None), default=None),
    )
