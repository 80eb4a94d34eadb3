"""Reports over the fixed world of `console.sample`: one of everything that they can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

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
