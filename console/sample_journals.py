"""Believable journals for the sample runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from console.present.shapes import is_array
from continuum.model import HistoryEvent, Run, RunState, StoredValue

LIVE_CHILD: Final = UUID("0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8")
"""The child that reports wait for."""


def stored(value: object) -> StoredValue:
    """A value as the client hands it out."""
    data = msgspec.json.encode(value)
    return StoredValue(data, len(data))


class _Journal:
    """Events one after the other, from the start of a run."""

    def __init__(self, run: Run) -> None:
        self.at = run.started_at
        self.events: list[HistoryEvent] = []
        self.add(
            "run_started", None, 0, version=run.version, version_hash=run.version_hash,
            runtime="1-py3.11",
        )  # fmt: skip

    def add(self, kind: str, command: int | None, later: float, **data: object) -> None:
        """One more event, `later` seconds after the one before."""
        self.at += timedelta(seconds=later)
        seq = len(self.events) + 1
        self.events.append(HistoryEvent(seq, 1, kind, command, stored(data), self.at))


def sample_report(run: Run) -> list[HistoryEvent]:
    """The journal of a report that still waits for some of its children."""
    journal = _Journal(run)
    add = journal.add
    children = [*(UUID(int=run.id.int + number) for number in range(1, 4)), LIVE_CHILD]
    regions = ("eu", "us", "apac", "latam")
    for number, (child, region) in enumerate(zip(children, regions, strict=True)):
        add(
            "child_started",
            number + 1,
            0,
            run_id=str(child),
            name="shop.reports:region_report",
            args=[region, "2026-03-13"],
            namespace="reports",
            attributes={"region": region},
        )
    add(
        "child_completed",
        2,
        0.83,
        run_id=str(children[1]),
        state="completed",
        value={"region": "us", "orders": 412, "revenue": 2_310_400},
    )
    add("patch_decided", None, 0, name="retry-regions", taken=True, after=4)
    error = {"type": "shop.reports.WarehouseBusy", "message": "no answer for store 3 of apac"}
    add("child_failed", 3, 0.4, run_id=str(children[2]), state="failed", value=None, error=error)
    add("attributes_set", 5, 0, attributes={"incomplete": ["apac"]})
    add(
        "child_completed",
        1,
        0.2,
        run_id=str(children[0]),
        state="completed",
        value={"region": "eu", "orders": 290, "revenue": 1_876_200},
    )
    return journal.events


def sample_history(run: Run) -> list[HistoryEvent]:
    """A believable journal for a run."""
    if run.workflow.endswith("nightly_report") and not run.state.terminal:
        return sample_report(run)
    journal = _Journal(run)
    add, events = journal.add, journal.events
    arguments: list[Any] = [*run.input] if is_array(run.input) else []
    error = {"type": "shop.payments.GatewayTimeout", "message": "gateway did not answer in 2 s"}
    add("activity_scheduled", 1, 0, name="shop.orders:reserve_stock", args=arguments)
    add("activity_completed", 1, 0.031, attempt=1, value={"warehouse": "ber-2", "shelf": 14})
    add("side_effect", 2, 0, value="2026-03-14")
    add("activity_scheduled", 3, 0, name="shop.payments:charge", args=[*arguments, "card_4242"])
    retry_at = (journal.at + timedelta(seconds=2.1)).isoformat()
    add("activity_attempt_failed", 3, 2.004, attempt=1, error=error, next_at=retry_at)
    add("activity_started", 3, 0.1, attempt=2)
    add("activity_completed", 3, 0.244, attempt=2, value=f"pay_{run.id.hex[-8:]}")
    due = (journal.at + timedelta(hours=24)).isoformat()
    add("timer_started", 4, 0, due_at=due)
    add("signal_awaited", 5, 0, name="fraud_review")
    if run.state is RunState.SUSPENDED or run.state is RunState.RUNNING:
        return events
    add("signal_received", None, 0.8, name="fraud_review", value="approved", message=7)
    add("timer_cancelled", 6, 0, target=4)
    add("activity_scheduled", 7, 0, name="shop.orders:ship", args=arguments)
    if run.error is not None:
        failure = {"type": run.error.type, "message": run.error.message}
        add("activity_failed", 7, 0.3, attempt=1, error=failure)
        add("run_failed", None, 0, error=failure)
    elif run.state is RunState.CANCELLED:
        add("cancel_requested", None, 0.2, message=9, reason="customer asked")
        add("run_cancelled", None, 0, reason="customer asked")
    else:
        add("activity_completed", 7, 0.3, attempt=1, value={"carrier": "DHL", "parcel": "JD0146"})
        add("run_completed", None, 0)
    return events
