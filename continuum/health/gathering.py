"""Asks the store part by part; what it cannot answer is unknown, never well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, TypeVar

from continuum.health.findings import findings_of, wake_lag_of
from continuum.health.report import Facts, FailureFamily, HealthReport, Limits
from continuum.journal.families import family_of
from continuum.store.health import ActivityFacts, ClusterFacts, FamilyFact, HealthStore, NotKnown

T = TypeVar("T")

FAMILIES: Final = 20
"""Families of failures in a report."""


async def make_report(store: HealthStore, limits: Limits, sample: float) -> HealthReport:
    """Look at everything once.

    Args:
        store: where.
        limits: from where on something is a finding.
        sample: seconds over which the rate of transactions is measured; 0 does not measure it.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    asking = _Asking()
    before = await asking.ask("activity", store.activity()) if sample else None
    cluster = await asking.ask("cluster", store.cluster())
    families = await asking.ask("families", store.families(FAMILIES))
    waiting = await asking.ask("waiting", store.waiting())
    parked = await asking.ask("parked", store.parked())
    queues = await asking.ask("queues", store.queues())
    takeovers = await asking.ask("takeovers", store.takeovers())
    paused = await asking.ask("paused", store.paused())
    inbox = await asking.ask("inbox", store.inbox())
    database = await asking.ask("database", store.database())
    snapshot = await asking.ask("snapshot", store.oldest_snapshot())
    tables = await asking.ask("tables", store.tables())
    months = await asking.ask("months", store.months())
    indexes = await asking.ask("indexes", store.invalid_indexes())
    connections = await asking.ask("connections", store.connections())
    rate = None
    if before is not None:
        await asyncio.sleep(sample)
        rate = _rate(before, await asking.ask("activity", store.activity()))
    facts = Facts(
        cluster=cluster,
        waiting=waiting,
        parked=parked,
        queues=queues,
        takeovers=takeovers,
        paused=paused,
        inbox=inbox,
        families=None if families is None else [_family(each, cluster) for each in families],
        database=database,
        snapshot=snapshot,
        tables=tables,
        months=months,
        invalid_indexes=indexes,
        connections=connections,
        transactions_per_second=rate,
        unknown=asking.unknown,
    )
    at = None if cluster is None else cluster.now
    lag = wake_lag_of(facts)
    seconds = None if lag is None else timedelta(seconds=lag)
    return HealthReport(at, tuple(findings_of(facts, limits)), facts, seconds)


class _Asking:
    def __init__(self) -> None:
        self.unknown: dict[str, str] = {}

    async def ask(self, part: str, answer: Awaitable[T]) -> T | None:
        try:
            return await answer
        except NotKnown as error:
            self.unknown[part] = str(error)
            return None


def _family(fact: FamilyFact, cluster: ClusterFacts | None) -> FailureFamily:
    deployed_at = None if cluster is None else cluster.deployed_at
    message = family_of(fact.error_type, fact.error_message).message
    is_new = None if deployed_at is None else fact.first_at >= deployed_at
    return FailureFamily(fact.family, message, fact, is_new)


def _rate(before: ActivityFacts, after: ActivityFacts | None) -> float | None:
    if after is None:
        return None
    seconds = (after.at - before.at).total_seconds()
    return max(after.transactions - before.transactions, 0) / seconds if seconds > 0 else None
