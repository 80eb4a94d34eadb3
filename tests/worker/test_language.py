"""Sagas, children, incarnations and attributes on workers and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from continuum.store.protocol import NewMessage
from tests.worker import flows, language_flows
from tests.worker.cluster import Cluster, eventually
from tests.worker.language_flows import (
    catching,
    double,
    failing_child,
    fan_in,
    inherits,
    labelled,
    leaving,
    listener,
    moves_on,
    nested,
    one_child,
    order_flow,
    rounds,
    spins,
    telling,
    waiting_child,
)

ALL = (
    catching, double, failing_child, fan_in, inherits, labelled, leaving, listener, moves_on,
    nested, one_child, order_flow, rounds, spins, telling, waiting_child,
)  # fmt: skip


async def child_of(cluster: Cluster, parent: UUID) -> UUID:
    """The only child of a run, once it waits."""

    async def look() -> Any:
        rows = await cluster.rows(
            "SELECT id FROM continuum_runs WHERE parent_id = %s AND state = 'suspended'", parent
        )
        return rows and rows[0][0]

    return await eventually(look)


async def attributes(cluster: Cluster, run_id: UUID) -> Any:
    [(found,)] = await cluster.rows("SELECT attributes FROM continuum_runs WHERE id = %s", run_id)
    return found


@pytest.fixture(autouse=True)
def clean() -> None:
    """Nothing of the test before."""
    flows.reset()
    language_flows.ledger.clear()


async def test_attributes_are_merged_with_their_turns(cluster: Cluster) -> None:
    """Later keys replace earlier ones, also in the turn that ends the run."""
    await cluster.join(*ALL)
    run_id = await cluster.start(labelled, "o1")
    assert await cluster.result(run_id) == "ok"
    assert await attributes(cluster, run_id) == {"stage": "done", "order": "o1", "total": 3}


async def test_attributes_of_a_client_are_not_lost(cluster: Cluster) -> None:
    """A merge of the workflow and one of a client keep each other's keys."""
    await cluster.join(*ALL)
    run_id = await cluster.start(order_flow, "o2")
    await cluster.execute(
        """UPDATE continuum_runs SET attributes = attributes || '{"by": "client"}'"""
    )
    other = await cluster.start(labelled, "o3")
    assert await cluster.result(other) == "ok"
    assert await attributes(cluster, run_id) == {"by": "client"}


async def test_a_rejected_order_is_refunded(cluster: Cluster) -> None:
    """The saga of the documentation: charge, reject, refund with its own retries, fail."""
    await cluster.join(*ALL)
    run_id = await cluster.start(order_flow, "o1")
    await cluster.suspended(run_id)
    await cluster.signal(run_id, "fraud_review", "rejected")
    assert (await cluster.error(run_id))[0].endswith("OrderRejected")
    assert language_flows.ledger == ["charge o1", "refund o1"]


async def test_a_cancelled_order_is_refunded_though_its_worker_dies(cluster: Cluster) -> None:
    """Killing the worker in the middle of the refund repeats the refund, and it ends cancelled."""
    first = await cluster.join(*ALL)
    run_id = await cluster.start(order_flow, "o1")
    await cluster.suspended(run_id)
    flows.gate("o1-refunding")
    await cluster.cancel(run_id)
    await flows.entered["o1-refunding"].wait()
    await first.die()
    flows.gates["o1-refunding"].set()
    await cluster.join(*ALL)
    assert await cluster.ended(run_id) == "cancelled"
    assert language_flows.ledger == ["charge o1", "refund o1"]


async def test_a_drained_worker_compensates_nothing(cluster: Cluster) -> None:
    """A worker that stops in the middle of a saga undoes nothing; the next one finishes it."""
    first = await cluster.join(*ALL)
    run_id = await cluster.start(order_flow, "o1")
    await cluster.suspended(run_id)
    await first.close()
    assert language_flows.ledger == ["charge o1"]
    await cluster.join(*ALL)
    await cluster.signal(run_id, "fraud_review", "approved")
    assert await cluster.result(run_id) == "shipped o1"
    assert language_flows.ledger == ["charge o1", "ship o1"]


async def test_children_fan_out_and_in(cluster: Cluster) -> None:
    """Each child is a run with its parent; nothing is left of any of them when all have ended."""
    await cluster.join(*ALL)
    run_id = await cluster.start(fan_in, 50)
    assert await cluster.result(run_id) == sum((i + 1) * 2 for i in range(50))
    [row] = await cluster.rows(
        "SELECT count(*), min(depth), max(parent_close) FROM continuum_runs WHERE parent_id = %s",
        run_id,
    )
    assert row == (50, 1, "cancel")
    assert await cluster.rows("SELECT count(*) FROM continuum_leases") == [(0,)]


async def test_a_thousand_children_of_one_run(cluster: Cluster) -> None:
    """Two workers share a thousand children; every result arrives once."""
    await cluster.join(*ALL)
    await cluster.join(*ALL)
    run_id = await cluster.start(fan_in, 1000)
    assert await cluster.result(run_id, within=60) == sum((i + 1) * 2 for i in range(1000))
    kinds = await cluster.events(run_id)
    assert kinds.count("child_completed") == kinds.count("child_started") == 1000


async def test_a_childs_failure_reaches_its_parent(cluster: Cluster) -> None:
    """The error keeps its type and text."""
    await cluster.join(*ALL)
    assert await cluster.result(await cluster.start(catching)) == ["ValueError", "child 7"]


async def test_children_inherit_attributes(cluster: Cluster) -> None:
    """Those of the parent, set in the very turn that inserts parent and child, or before."""
    member = await cluster.join(*ALL)
    from tests.worker.cluster import new_run

    local = new_run(inherits)
    await member.worker.create_local(local)
    claimed = await cluster.start(inherits)
    for run_id in (local.run_id, claimed):
        assert await cluster.result(run_id) == "ok"
        [(found,)] = await cluster.rows(
            "SELECT attributes FROM continuum_runs WHERE parent_id = %s", run_id
        )
        assert found == {"plan": "pro", "stage": "done", "order": "child", "total": 3}


async def test_ten_generations_and_no_more(cluster: Cluster) -> None:
    """The depth is stored with each run, so no worker can lose count."""
    await cluster.join(*ALL)
    assert await cluster.result(await cluster.start(nested, 10)) == 0
    kind, text = await cluster.error(await cluster.start(nested, 11))
    assert kind.endswith("ChildFailed")
    assert "ChildDepthExceeded" in text


async def test_cancelling_a_parent_cancels_its_children(cluster: Cluster) -> None:
    """The request travels on, and both clean up."""
    await cluster.join(*ALL)
    parent = await cluster.start(one_child)
    child = await child_of(cluster, parent)
    assert await cluster.suspended(parent) == f"child {child}"
    await cluster.cancel(parent, "stop")
    assert await cluster.ended(parent) == "cancelled"
    assert await cluster.ended(child) == "cancelled"
    assert flows.calls["add_one"] == 1


@pytest.mark.parametrize("policy", ["cancel", "abandon"])
@pytest.mark.parametrize("force", [False, True])
async def test_children_of_an_ended_parent(cluster: Cluster, policy: str, force: bool) -> None:
    """By policy they are cancelled or go on, whether the parent ended itself or was ended."""
    await cluster.join(*ALL)
    parent = await cluster.start(leaving, policy)
    child = await child_of(cluster, parent)
    if force:
        outcome = await cluster.store.force_cancel(parent, "now", None)
        assert list(outcome.touched) == ([child] if policy == "cancel" else [])
        cluster.hints.runs_changed(outcome.touched)
    else:
        await cluster.signal(parent, "leave")
    await cluster.ended(parent)
    if policy == "cancel":
        assert await cluster.ended(child) == "cancelled"
    else:
        await cluster.signal(child, "go", "on")
        assert await cluster.result(child) == "on"


async def test_a_child_ended_by_force_tells_its_parent(cluster: Cluster) -> None:
    """The parent's await raises ChildCancelled; nobody waits for ever."""
    await cluster.join(*ALL)
    parent = await cluster.start(one_child)
    child = await child_of(cluster, parent)
    outcome = await cluster.store.force_cancel(child, "enough", None)
    assert list(outcome.touched) == [parent]
    cluster.hints.runs_changed(outcome.touched)
    kind, text = await cluster.error(parent)
    assert kind.endswith("ChildCancelled")
    assert "enough" in text


async def test_parent_and_child_on_workers_that_die(cluster: Cluster) -> None:
    """The child's end waits in its parent's inbox when nobody owns the parent."""
    first = await cluster.join(one_child)
    parent = await cluster.start(one_child)
    second = await cluster.join(waiting_child)
    child = await child_of(cluster, parent)
    await first.die()
    await cluster.signal(child, "go", "late")
    assert await cluster.result(child) == "late"
    await second.die()
    await cluster.join(one_child)
    assert await cluster.result(parent) == "late"


async def test_incarnations_share_id_seq_and_mail(cluster: Cluster) -> None:
    """seq goes on, the old journal stays, signals to the run id reach whichever lives."""
    await cluster.join(*ALL)
    run_id = await cluster.start(rounds, 1, 4)
    await cluster.signal(run_id, "tick", "tock")
    assert await cluster.result(run_id) == [5, "tock", 4]
    kinds = await cluster.events(run_id)
    assert kinds.count("run_continued") == 3
    [(incarnation, data)] = await cluster.rows(
        "SELECT incarnation, convert_from(input, 'UTF8') FROM continuum_runs"
    )
    assert (incarnation, data) == (4, "[4,4]")
    rows = await cluster.rows(
        "SELECT incarnation, count(*) FROM continuum_events WHERE type = 'run_started'"
        " GROUP BY 1 ORDER BY 1"
    )
    assert rows == [(n, 1) for n in (1, 2, 3, 4)]


async def test_continuing_in_the_turn_that_inserts_the_run(cluster: Cluster) -> None:
    """A run that continues at once is inserted as what it has become."""
    member = await cluster.join(*ALL)
    from tests.worker.cluster import new_run

    local = new_run(spins, 3)
    await member.worker.create_local(local)
    assert await cluster.result(local.run_id) == 4
    assert await cluster.result(await cluster.start(spins, 3)) == 4


async def test_rule_6_what_an_incarnation_leaves_behind(cluster: Cluster) -> None:
    """Its activity is cancelled and its result nobody's; signals and the child are carried."""
    first = await cluster.join(*ALL)
    flows.gate("left-behind")
    run_id = await cluster.start(moves_on, 0)
    await flows.entered["left-behind"].wait()
    child = await child_of(cluster, run_id)
    for value in (1, 2):
        await cluster.signal(run_id, "x", value)
    flows.gate("mine")
    await cluster.signal(run_id, "go")
    await flows.entered["mine"].wait()
    flows.gates["left-behind"].set()
    await first.die()
    flows.gates["mine"].set()
    await cluster.join(*ALL)
    assert await cluster.result(run_id) == ["mine done", 1, 2]
    assert await cluster.ended(child) == "cancelled"


async def test_a_worker_that_dies_between_two_incarnations(cluster: Cluster) -> None:
    """The run lies there unpinned, with what was carried; the next owner begins it."""
    first = await cluster.join(*ALL)
    flows.gate("left-behind")
    run_id = await cluster.start(moves_on, 0)
    await flows.entered["left-behind"].wait()
    run = first.worker.runner.runs[run_id]
    kept = first.worker.runner._continue

    def die_here(*_: Any) -> None:
        reached.set()

    reached = asyncio.Event()
    first.worker.runner._continue = die_here  # type: ignore[method-assign]
    await cluster.signal(run_id, "x", 1)
    await cluster.signal(run_id, "go")
    await reached.wait()
    assert run.incarnation == 1
    first.worker.runner._continue = kept  # type: ignore[method-assign]
    await first.die()
    [(version_hash, incarnation)] = await cluster.rows(
        "SELECT version_hash, incarnation FROM continuum_runs WHERE id = %s", run_id
    )
    assert (version_hash, incarnation) == ("", 2)
    await cluster.join(*ALL)
    await cluster.signal(run_id, "x", 2)
    assert await cluster.result(run_id) == ["mine done", 1, 2]


async def test_delivery_ids_are_remembered_across_incarnations(cluster: Cluster) -> None:
    """A message that one incarnation consumed is not delivered again to the next."""
    await cluster.join(*ALL)
    run_id = await cluster.start(moves_on, 0)
    message = NewMessage(run_id, "signal", "x", b"1", delivery_id="once")
    [sent] = await cluster.store.post([message])
    assert sent.posted is not None
    await cluster.signal(run_id, "go")

    async def continued() -> Any:
        rows = await cluster.rows("SELECT incarnation FROM continuum_runs WHERE id = %s", run_id)
        return rows == [(2,)]

    await eventually(continued)
    [again] = await cluster.store.post([message])
    assert again.duplicate
    await cluster.signal(run_id, "x", 2)
    assert await cluster.result(run_id) == ["mine done", 1, 2]


async def test_two_workers_with_crossed_parents_never_deadlock(cluster: Cluster) -> None:
    """Rule 11: batches that end children of each other's parents wait, and nothing is 40P01."""
    [(before,)] = await cluster.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    await cluster.join(*ALL)
    await cluster.join(*ALL)
    parents = await asyncio.gather(*(cluster.start(fan_in, 20) for _ in range(20)))
    for run_id in parents:
        assert await cluster.result(run_id, within=60) == sum((i + 1) * 2 for i in range(20))
    await cluster.execute("SELECT pg_stat_force_next_flush()")
    [(after,)] = await cluster.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert after == before


async def test_signals_to_children_of_two_incarnations_survive_their_workers(
    cluster: Cluster,
) -> None:
    """Whoever owns parent and children, each signal arrives once and in order."""
    first = await cluster.join(*ALL)
    flows.gate("told")
    run_id = await cluster.start(telling, 0)
    await flows.entered["told"].wait()
    await first.die()
    flows.gates["told"].set()
    second = await cluster.join(*ALL)

    async def waits() -> Any:
        [(text,)] = await cluster.rows(
            "SELECT waiting_on FROM continuum_leases WHERE run_id = %s", run_id
        )
        return text == "signal go"

    await eventually(waits)
    await second.die()
    await cluster.join(*ALL)
    await cluster.signal(run_id, "go")
    assert await cluster.result(run_id) == [[1, 5, 10], [2, 5, 10]]
