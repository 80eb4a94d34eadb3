"""The saga matrix over the memory store: every commit, every disturbance, time skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from continuum import RunTerminal, WorkflowCancelled, WorkflowFailed
from continuum.client.handle import RunHandle
from continuum.testing import Environment, environment
from tests.saga import example
from tests.saga.disturbing import Case, check, let_a_step_fail
from tests.saga.example import Order, order_flow, refund, stocked_order_flow

ORDER = Order("o1", 4200)

Deed = Callable[[RunHandle[Any]], Awaitable[Any]]


async def approve(run: RunHandle[Any]) -> None:
    await run.signal("fraud_review", "approved")


async def reject(run: RunHandle[Any]) -> None:
    await run.signal("fraud_review", "rejected")


async def withdraw(run: RunHandle[Any]) -> None:
    await run.cancel(reason="withdrawn")


async def leave(run: RunHandle[Any]) -> None:
    """Its day passes."""


DEEDS: dict[str, tuple[Deed, str]] = {
    "approved": (approve, "completed"),
    "rejected": (reject, "failed"),
    "withdrawn": (withdraw, "cancelled"),
    "timed out": (leave, "completed"),
}


async def once(
    deed: Deed, case: Case, disturbance: str, flow: Any = order_flow, *args: Any
) -> tuple[str, int]:
    """One order with one disturbance. Answers how it ended and how many commits that took."""
    async with environment([flow]) as env:
        run = await env.start(flow, ORDER, *args)
        if disturbance == "crash":
            env.crash_at(case.at, moment="before" if case.moment == "before" else "after")
        else:
            case.strike = let_a_step_fail if disturbance == "raise" else partial(_cancel, run)
            commit = env.store.commit_turns
            env.store.commit_turns = partial(case.around, commit)  # type: ignore[method-assign]
        await _lead(env, run, deed)
        found = await run.get()
        events = await env.history(run)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert env.store.tables.leases == {}
        check(found.state, found.error and found.error.message, ORDER.id)
        return found.state, env.commits


async def _cancel(run: RunHandle[Any], moment: str) -> None:
    with suppress(RunTerminal):
        await run.cancel(reason="changed my mind")


async def _lead(env: Environment, run: RunHandle[Any], deed: Deed) -> None:
    """Up to the review, then to the end."""
    await env.settle()
    with suppress(RunTerminal):
        await deed(run)
    with suppress(WorkflowFailed, WorkflowCancelled):
        await run.result()


async def boundaries(deed: Deed, flow: Any = order_flow, *args: Any) -> tuple[str, int]:
    """How the scenario ends when nothing happens, and its commits."""
    state, commits = await once(deed, Case(0, "before"), "raise", flow, *args)
    example.ledger.clear()
    return state, commits


@pytest.fixture(autouse=True)
def _fresh() -> None:
    example.reset()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("disturbance", ["raise", "crash", "cancel"])
@pytest.mark.parametrize("scenario", DEEDS)
async def test_no_charge_without_refund_or_shipment(
    scenario: str, disturbance: str, moment: str
) -> None:
    """Whatever happens at whichever commit of the order flow, the money and the goods agree."""
    deed, expected = DEEDS[scenario]
    state, commits = await boundaries(deed)
    assert (state, commits) == (expected, 4)
    ends: set[str] = set()
    for at in range(1, commits + 1):
        example.reset()
        ended, _ = await once(deed, Case(at, moment), disturbance)
        ends.add(ended)
        if disturbance == "crash":
            assert ended == expected
    if disturbance == "cancel":
        assert "cancelled" in ends
    if disturbance == "raise":
        assert "failed" in ends


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("disturbance", ["raise", "crash", "cancel"])
@pytest.mark.parametrize("parallel", [False, True], ids=["one by one", "parallel"])
async def test_two_effects_are_both_undone(parallel: bool, disturbance: str, moment: str) -> None:
    """In turn or at once, each of two compensations runs after the effect that it undoes."""
    state, commits = await boundaries(reject, stocked_order_flow, parallel)
    assert state == "failed"
    assert commits >= 5
    for at in range(1, commits + 1):
        example.reset()
        ended, _ = await once(reject, Case(at, moment), disturbance, stocked_order_flow, parallel)
        assert ended in ("failed", "cancelled")


@pytest.mark.parametrize("parallel", [False, True], ids=["one by one", "parallel"])
@pytest.mark.parametrize("broken", ["refund", "unlock"])
@pytest.mark.parametrize("deed", [reject, withdraw])
async def test_a_failing_compensation_stops_no_other(
    deed: Deed, broken: str, parallel: bool
) -> None:
    """At every crash the other one runs, and the run's error names the one that failed."""
    example.failing[broken] = "before"
    _, commits = await boundaries(deed, stocked_order_flow, parallel)
    for at in range(commits + 1):
        example.ledger.clear()
        await once(deed, Case(at, "after"), "crash", stocked_order_flow, parallel)
        other = "unlock" if broken == "refund" else "refund"
        assert f"{other} o1" in example.ledger
        assert f"{broken} o1" not in example.ledger


async def test_eviction_undoes_nothing() -> None:
    """Orders that are pushed out of memory again and again ship in the end, none is refunded."""
    async with environment([order_flow], max_cached_runs=1) as env:
        runs = [await env.start(order_flow, Order(f"o{n}", n)) for n in range(6)]
        await env.settle()
        owned = [worker.worker.runner.runs for worker in env._backend.workers]
        assert sum(map(len, owned)) < len(runs)
        await asyncio.gather(*(approve(run) for run in runs))
        assert [await run.result() for run in runs] == [f"parcel-o{n}" for n in range(6)]
        assert env.attempts(refund) == 0


async def test_force_is_the_exception() -> None:
    """A run ended by force undoes nothing: its charge stays, as the documentation says."""
    async with environment([order_flow]) as env:
        run = await env.start(order_flow, ORDER)
        await env.settle()
        await run.cancel(force=True)
        await env.settle()
        assert (await run.get()).state == "cancelled"
    assert example.ledger == ["charge o1"]
