"""`StartStore`: keys, later starts, a first signal."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from continuum.journal.events import Entry, EventKind, RunCompleted
from continuum.journal.turn import RunEnd, RunState
from continuum.store.starts import FirstSignal, KeyReuse, StartOutcome
from tests.conformance.stage import Stage, order_of, parked
from tests.postgres.scene import claimed_turn

GO = FirstSignal("go", b'"x"')


async def _end(stage: Stage, state: RunState = RunState.COMPLETED) -> None:
    """End the one free run, by itself or by force."""
    if state is RunState.CANCELLED:
        [match] = await stage.reads.find_key("k", None)
        await stage.store.force_cancel(match.run_id, None, None)
        return
    [run] = await stage.claim()
    end = RunEnd(RunState.COMPLETED, b"7")
    turn = claimed_turn(
        run,
        entries=[Entry(EventKind.RUN_COMPLETED, None, RunCompleted(), await stage.now())],
        end=end,
        parked=False,
    )
    assert await stage.commit(turn) == ["committed"]


async def test_a_live_key_answers_its_run_whatever_the_input(stage: Stage) -> None:
    """The second start inserts nothing, also within one batch; another workflow or place does."""
    first, again = order_of(key="k"), order_of(key="k", input=b"[2]")
    [made, met] = await stage.store.orders.start_orders([first, again])
    assert made == StartOutcome()
    assert (met.existing, met.state, met.by_key) == (first.run, RunState.RUNNING, True)
    later = await stage.order(key="k", input=b"[3]")
    assert (later.existing, later.refused) == (first.run, False)
    for elsewhere in ({"namespace": "other"}, {"workflow": "other:flow"}, {"key": "K"}):
        assert await stage.order(**{"key": "k", **elsewhere}) == StartOutcome()
    assert (await stage.run(first.run.run_id)).key == "k"


@pytest.mark.parametrize("ended", [RunState.COMPLETED, RunState.CANCELLED])
@pytest.mark.parametrize("reuse", list(KeyReuse))
async def test_the_policy_counts_once_the_last_run_has_ended(
    stage: Stage, ended: RunState, reuse: KeyReuse
) -> None:
    """A completed run is followed only under "allow", a cancelled one not under "reject"."""
    first = order_of(key="k")
    await stage.store.orders.start_orders([first])
    await _end(stage, ended)
    outcome = await stage.order(key="k", reuse=reuse)
    allowed = reuse is KeyReuse.ALLOW or (
        reuse is KeyReuse.ALLOW_IF_FAILED and ended is RunState.CANCELLED
    )
    if allowed:
        assert outcome == StartOutcome()
    else:
        assert outcome.existing is not None
        assert (outcome.existing.run_id, outcome.state) == (first.run.run_id, ended)
        assert outcome.refused


async def test_an_idempotency_key_goes_before_the_key(stage: Stage) -> None:
    """The same start sent twice is one, though its run has ended and the key is free."""
    first = order_of(key="k", idempotency_key="i")
    await stage.store.orders.start_orders([first])
    await _end(stage)
    again = await stage.order(key="k", idempotency_key="i", input=b"[9]")
    assert (again.existing, again.by_key) == (first.run, False)
    same_id = await stage.order(key="l", run_id=first.run.run_id)
    assert (same_id.existing, same_id.by_key) == (first.run, False)


async def test_a_key_stands_for_the_live_run_else_the_last(stage: Stage) -> None:
    """One match a workflow and namespace; `workflow/key` when no run has the whole as its key."""
    older, newer = order_of(key="a/b"), order_of(key="a/b")
    await stage.store.orders.start_orders([older])
    await _end(stage)
    assert [m.run_id for m in await stage.reads.find_key("a/b", None)] == [older.run.run_id]
    await stage.store.orders.start_orders([newer])
    [match] = await stage.reads.find_key("a/b", None)
    assert (match.run_id, match.state) == (newer.run.run_id, RunState.RUNNING)
    other, third = order_of(key="b", workflow="m:a"), order_of(key="a/b", namespace="n")
    await stage.store.orders.start_orders([other, third])
    found = [m.run_id for m in await stage.reads.find_key("a/b", None)]
    assert found == [newer.run.run_id, third.run.run_id]
    assert [m.run_id for m in await stage.reads.find_key("a/b", "n")] == [third.run.run_id]
    assert [m.run_id for m in await stage.reads.find_key("m:a/b", None)] == [other.run.run_id]
    await stage.store.force_cancel(third.run.run_id, None, None)
    assert await stage.reads.find_key("none", None) == []
    assert await stage.reads.find_key("b", "default") != []


async def test_a_signal_comes_with_the_start_or_to_the_live_run(stage: Stage) -> None:
    """One transaction: the new run has it; then the live one, in order; a delivery id once."""
    first = order_of(key="k", signal=GO)
    again = order_of(key="k", signal=FirstSignal("go", b'"y"', "d"))
    outcomes = await stage.store.orders.start_orders([first, again, again])
    assert [o.posted is not None for o in outcomes] == [True, True, False]
    [run] = await stage.claim()
    assert [(m.name, m.value) for m in run.inbox] == [("go", b'"x"'), ("go", b'"y"')]
    [repeated] = await stage.store.orders.start_orders([again])
    assert (repeated.posted, repeated.refused) == (None, False)
    await stage.commit(parked(run, consumed=[m.id for m in run.inbox]))
    await stage.order(key="k", signal=GO)
    assert len(await stage.store.read_inbox(stage.node, [run.run_id])) == 1


async def test_a_delivery_id_counts_though_the_run_has_ended(stage: Stage) -> None:
    """A client that repeats its call starts no second run; another delivery does."""
    order = order_of(key="k", signal=FirstSignal("go", b"1", "d"))
    await stage.store.orders.start_orders([order])
    await _end(stage)
    for reuse in KeyReuse:
        again = order_of(key="k", signal=order.signal, reuse=reuse)
        [outcome] = await stage.store.orders.start_orders([again])
        assert outcome.existing is not None
        assert (outcome.existing.run_id, outcome.refused) == (order.run.run_id, False)
    assert await stage.order(key="k", signal=FirstSignal("go", b"1", "e")) != StartOutcome()
    assert len(await stage.claim()) == 1


async def test_a_later_start_is_claimed_at_its_time_and_not_before(stage: Stage) -> None:
    """Suspended, told what it waits for; mail does not hurry it, and is there when it starts."""
    order = order_of(delay=0.3)
    assert await stage.store.orders.start_orders([order]) == [StartOutcome()]
    run_id = order.run.run_id
    run = await stage.run(run_id)
    assert run.state is RunState.SUSPENDED
    assert run.waiting_on == f"start at {run.started_at:%Y-%m-%dT%H:%M:%SZ}"
    assert run.duration == timedelta()
    assert (await stage.post(run_id)).posted is not None
    if await stage.now() < run.started_at:
        assert await stage.claim() == []
    await stage.reach(run.started_at)
    [claimed] = await stage.claim()
    assert claimed.started_at == run.started_at
    assert len(claimed.inbox) == 1


async def test_a_start_at_a_time_that_is_past_is_an_ordinary_one(stage: Stage) -> None:
    """It starts now, not then."""
    before = await stage.now()
    assert await stage.order(start_at=await stage.past()) == StartOutcome()
    [claimed] = await stage.claim()
    assert claimed.started_at >= before
    assert claimed.state is RunState.RUNNING


async def test_a_cancel_wakes_a_run_that_has_not_started(stage: Stage) -> None:
    """It need not wait for its time to end."""
    order = order_of(start_at=await stage.future())
    await stage.store.orders.start_orders([order])
    assert await stage.claim() == []
    await stage.post(order.run.run_id, "", kind="cancel")
    [claimed] = await stage.claim()
    assert claimed.cancel_requested


async def test_a_key_of_a_foreign_namespace_reveals_nothing(stage: Stage) -> None:
    """As if there were none."""
    await stage.order(key="k", namespace="billing")
    assert await stage.reads.find_key("k", "default") == []
    assert await stage.reads.get_run(uuid4(), None) is None
