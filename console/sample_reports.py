"""Reports over the fixed world of `console.sample`: one of everything that they can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from console.source import Workforce
from continuum.audit.report import (
    AuditReport,
    Finding,
    Forecast,
    PatchSite,
    ReplaySummary,
    Split,
    UnknownVersion,
    VersionEntry,
    WaitingRun,
)
from continuum.audit.selecting import live_runs_of
from continuum.health.report import (
    ClusterFacts,
    ConnectionFacts,
    DatabaseFacts,
    Facts,
    FailureFamily,
    FamilyFact,
    HealthReport,
    IndexFact,
    ParkedFact,
    QueueFact,
    Severity,
    SnapshotFact,
    TableFact,
    TakeoverFact,
)
from continuum.health.report import Finding as HealthFinding
from continuum.model import NodeInfo
from continuum.versions.facts import CodePlace

NOW: Final = datetime(2026, 3, 14, 9, 26, 53, 589000, tzinfo=UTC)
NODES: Final = tuple(UUID(int=0x0199C2F4_51CE_7D0A_9C1F_52A7F0C3B1D0 + n) for n in range(3))
_WAITS: Final = UUID("0199c2f4-11aa-7b21-8c3d-0e5f7712ab41")
_ORDER: Final = "shop.orders:order_flow"
_REFUND: Final = "shop.payments:refund"
_HASHES: Final = {number: f"{text}{'0' * 56}" for number, text in
                  enumerate(("c4e8a0b7", "9f2c41aa", "03bed914", "71aa40c2"))}  # fmt: skip


def _version(workflow: str, version: int, number: int, runs: int, **more: object) -> VersionEntry:
    facts: dict[str, object] = {
        "loaded": True,
        "nodes": NODES[:2],
        "source": "shop/orders.py:31",
        "first_seen_at": NOW - timedelta(days=9),
        "last_seen_at": NOW - timedelta(hours=2),
        "last_started_at": NOW - timedelta(seconds=40),
        **more,
    }
    return VersionEntry(workflow, version, _HASHES[number], "1-py3.11", live_runs=runs, **facts)  # pyright: ignore[reportArgumentType]


def sample_audit() -> AuditReport:
    """Against given code: two patches, a version that nothing can run, a dead worker's leases."""
    needing = live_runs_of(_ORDER, [_HASHES[1]])
    waits = WaitingRun(_WAITS, _ORDER, "orders", NOW - timedelta(hours=5), "signal fraud_review")
    used = PatchSite(
        CodePlace("fraud_v2", "shop/orders.py", 41), 2, "still-in-use",
        Split(22, 9, 4, took_old=6, not_reached=2, undetermined=1), NOW - timedelta(days=3),
        Forecast(9, NOW + timedelta(hours=26), 1, (waits,), 812, 94.0), 0, needing,
    )  # fmt: skip
    dated = PatchSite(
        CodePlace("eu_vat", "shop/orders.py", 58), 2, "still-in-use",
        Split(30, 3, 2, took_old=3, not_reached=0, undetermined=0), NOW - timedelta(days=2),
        Forecast(3, NOW + timedelta(hours=26, minutes=4), 0, (), 812, 94.0), 2, needing,
    )  # fmt: skip
    safe = PatchSite(
        CodePlace("round_half_even", "shop/orders.py", 77), 2, "safe-to-remove",
        Split(35, 0, 0, took_old=0, not_reached=0, undetermined=0), NOW - timedelta(days=30),
        Forecast(0, NOW), 0,
    )  # fmt: skip
    unknown = UnknownVersion(
        _REFUND, 1, _HASHES[2], "1-py3.11", "version", 3, NOW - timedelta(hours=3),
        "shop/payments.py:12", tuple(UUID(int=_WAITS.int + n) for n in (17, 40, 93)),
    )  # fmt: skip
    return AuditReport(
        generated_at=NOW,
        audited="application",
        live_runs=41,
        workflows=(
            _version(_ORDER, 2, 0, 26, taken=("fraud_v2",), patch_sites=(used, dated, safe)),
            _version(_ORDER, 2, 1, 9, nodes=NODES, last_started_at=NOW - timedelta(days=3)),
            _version(_REFUND, 2, 3, 3, nodes=NODES[:1], source="shop/payments.py:12"),
            _version(_REFUND, 1, 2, 3, loaded=False, nodes=(), source="shop/payments.py:12"),
        ),
        unknown_versions=(unknown,),
        expired_leases=2,
        abandoned_leases=1,
        blocked_runs=0,
        quarantined_runs=0,
        findings=(
            Finding(
                "error", "version-unknown",
                f"{_REFUND}: 3 live runs of version 03bed9140000 (the oldest since "
                "2026-03-14T06:26:53Z), which no loaded code can run; last known at "
                "shop/payments.py:12",
                "load that code beside the new one, under the same name with its own version=, or "
                "keep a worker that has it until they end: continuum versions drain 03bed9140000",
                strict=True, where=unknown.where,
            ),
            Finding(
                "warning", "patch-safe-to-remove",
                f"{_ORDER} version 2: no live run needs the code before patch round_half_even "
                "(shop/orders.py:77): proved",
                "remove patched('round_half_even') with its old branch and keep the new one; audit "
                "that code before the roll-out, and once more before the last worker with this one "
                "stops",
                strict=True,
            ),
            Finding(
                "info", "patch-in-use",
                f"{_ORDER} version 2: 9 live runs need the code before patch fraud_v2 "
                "(shop/orders.py:41)",
                "keep both branches; new runs need the old one, too, until they come to the patch",
                where=needing,
            ),
        ),
        replay=ReplaySummary(12, 11, 0, 1, 0.041),
        elapsed=0.093,
    )  # fmt: skip


_DEAD: Final = UUID(int=NODES[0].int + 77)


def sample_workforce() -> Workforce:
    """Workers that are alive, draining and dead; a queue that nobody serves; a quarantine."""

    def node(node_id: UUID, pid: int, runs: int, **more: Any) -> NodeInfo:
        facts: dict[str, Any] = {
            "heartbeat_at": NOW - timedelta(seconds=2),
            "dead_at": None,
            "draining": False,
            "queues": ("mail",),
            **more,
        }
        return NodeInfo(
            id=node_id, host="worker-1.eu", pid=pid, version="0.5.0", build="4f1c09ab",
            started_at=NOW - timedelta(hours=5), expires_at=NOW + timedelta(seconds=28),
            capacity=200, owned_runs=runs,
            workflows=(_ORDER, _REFUND), **facts,
        )  # fmt: skip

    dead = NOW - timedelta(minutes=12)
    nodes = (
        node(NODES[0], 4117, 17),
        node(NODES[1], 4118, 21, queues=("mail", "reports")),
        node(NODES[2], 902, 3, draining=True, queues=()),
        node(_DEAD, 871, 0, dead_at=dead, alive=False, heartbeat_at=dead - timedelta(seconds=4)),
    )
    queues = (
        QueueFact("mail", 12, 8, NOW - timedelta(seconds=4), 2),
        QueueFact("reports", 0, 1, None, 1),
        QueueFact("exports", 3, 0, NOW - timedelta(minutes=7), 0),
    )
    parked = (
        ParkedFact(
            "quarantine", _REFUND, _HASHES[2], 1, (_WAITS,), "four of its workers died, one after "
            "the other",
        ),
    )  # fmt: skip
    facts = Facts(cluster=_cluster(), queues=queues, parked=parked, takeovers=_takeovers(dead))
    return Workforce(nodes, facts, timedelta(seconds=0.4), NOW)


def _takeovers(died_at: datetime) -> tuple[TakeoverFact, ...]:
    """The runs of the dead worker went to two others."""

    def taken(by: UUID, pid: int, after: float, runs: int) -> TakeoverFact:
        at = died_at + timedelta(seconds=after)
        sample = tuple(UUID(int=_WAITS.int + n) for n in range(min(runs, 5)))
        return TakeoverFact(
            at, at, _DEAD, "worker-1.eu", 871, died_at, by, "worker-1.eu", pid, runs, sample
        )

    return (taken(NODES[1], 4118, 1.1, 23), taken(NODES[0], 4117, 0.9, 14))


def _cluster() -> ClusterFacts:
    runs = {"running": 17, "suspended": 34, "completed": 8_902, "failed": 146, "cancelled": 61}
    return ClusterFacts(NOW, (), runs, 0, NOW - timedelta(hours=2))


def sample_health() -> HealthReport:
    """Something wrong, something that will be, two causes of failures, and the database."""

    def family(name: str, message: str, hour: int, day: int, *, new: bool) -> FailureFamily:
        fact = FamilyFact(
            name, "shop.payments.CardDeclined", message, ("shop.payments:collect_invoice",), (3,),
            NOW - timedelta(hours=1 if new else 90), NOW - timedelta(minutes=2), hour, day, _WAITS,
        )  # fmt: skip
        return FailureFamily(name, message, fact, new)

    tables = tuple(
        TableFact(f"continuum_{name}", live, dead, NOW - timedelta(minutes=age), NOW, 10, True)
        for name, live, dead, age in (
            ("runs", 9_160, 410, 14), ("leases", 51, 8, 1), ("events", 88_241, 120, 33),
            ("inbox", 4, 2_204, 190),
        )
    )  # fmt: skip
    facts = Facts(
        cluster=_cluster(),
        queues=(),
        families=(
            family(
                "73a0ad1c5a1f", "GatewayTimeout: gateway did not answer in # s", 41, 57, new=True
            ),
            family("1f0c55e2b9d3", "CardDeclined: card ending # was declined", 3, 88, new=False),
        ),
        database=DatabaseFacts("18.1", 0.0, 84_120_771),
        snapshot=SnapshotFact("session", "pg_dump", 3120, NOW - timedelta(minutes=31), 90_112),
        tables=tables,
        invalid_indexes=(IndexFact("continuum_runs_plan_idx", "continuum_runs", ("plan",)),),
        connections=ConnectionFacts(31, 18, 100),
        transactions_per_second=212.0,
    )
    return HealthReport(
        NOW,
        (
            HealthFinding(
                Severity.ERROR, "queue-unserved",
                "queue exports: 3 attempts wait, the first for 7 min, and no living worker "
                "serves it",
                "continuum worker --app MODULE --queues exports",
            ),
            HealthFinding(
                Severity.WARNING, "failures-new",
                "GatewayTimeout: gateway did not answer in # s (shop.payments:collect_invoice): 41 "
                "in the last hour, 57 in the last day, none before the last deploy",
                "continuum query -A \"state = 'failed' and error_family = '73a0ad1c5a1f'\"",
                (_WAITS,),
            ),
            HealthFinding(
                Severity.WARNING, "old-snapshot",
                "session pg_dump has had a transaction open for 31 min: no row that died since can "
                "be removed",
                "SELECT pg_terminate_backend(3120);",
            ),
            HealthFinding(
                Severity.UNKNOWN, "inbox-unknown",
                "inbox could not be looked at: permission denied",
                "continuum doctor",
            ),
        ),
        facts,
        timedelta(seconds=0.4),
    )  # fmt: skip
