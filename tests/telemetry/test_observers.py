"""Whoever watches a worker is a guest: what goes wrong there is logged, and changes nothing."""

from __future__ import annotations

from contextvars import Context
from uuid import UUID

import pytest

from continuum import Continuum
from continuum.journal.events import Failure
from continuum.journal.turn import Turn
from continuum.worker.attempt import Attempt
from continuum.worker.observing import Observer
from continuum.worker.owned import OwnedRun
from tests.telemetry.flows import order_flow, ship, tries


class Broken(Observer):
    """As a span processor or exporter of the user that raises."""

    def trace_of(self, run_id: UUID) -> str | None:
        raise RuntimeError("no trace")

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        raise RuntimeError("not counted")

    def attempt_begins(self, attempt: Attempt) -> Context | None:
        raise RuntimeError("no span")

    def attempt_ended(self, attempt: Attempt, outcome: str, failure: Failure | None = None) -> None:
        raise RuntimeError("span not ended")


class Counting(Observer):
    """Hears of commits."""

    def __init__(self) -> None:
        self.turns = 0

    def committed(self, run: OwnedRun, turn: Turn) -> None:
        self.turns += 1


async def test_an_observer_that_fails_stops_no_run(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs and attempts end as ever, the other observers hear of them, and the log says why."""
    tries.clear()
    counting = Counting()
    async with Continuum(dsn) as ct:
        node = ct.worker([order_flow, ship])
        node.observe(Broken(), counting)
        async with node:
            run = await ct.start(order_flow, "o1")
            await run.signal("go")
            assert await run.result(timeout=20) == "shipped"
    assert counting.turns > 1
    told = {record.getMessage() for record in caplog.records if record.name.startswith("continuum")}
    assert "the observer Broken failed in committed, which changes nothing else" in told
    assert "the observer Broken failed in attempt_begins, which changes nothing else" in told
