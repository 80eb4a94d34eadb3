"""Children as their parent's engine sees them: commands, results, policies."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

import continuum
from continuum import workflow
from continuum.engine.execution import RunIdentity
from continuum.errors import ChildCancelled, ChildDepthExceeded, ChildFailed, DefinitionError
from continuum.journal.events import Event, EventKind, Failure, RunForked
from continuum.model import RunState
from tests.unit.engine.driver import START, Driver
from tests.unit.engine.flows import a

BOOM = Failure("ValueError", "boom", "trace")
STOPPED = Failure("cancelled", "enough")


@workflow(name="child")
async def child(x: int) -> timedelta:
    """Never executed here."""
    raise AssertionError


@workflow(name="parent")
async def parent() -> float:
    """Runs one child."""
    return (await continuum.run_child(child, 7)).total_seconds()


def test_a_child_is_inserted_with_the_turn_and_its_typed_result_comes_back() -> None:
    """The turn holds the new run with parent, depth and policy; the result keeps its type."""
    run = Driver(parent).start()
    [new] = run.children
    assert (new.workflow, new.input, new.namespace) == ("child", b"[7]", "default")
    assert (new.parent_id, new.depth, new.parent_close) == (run.identity.run_id, 1, "cancel")
    assert run.execution.waiting_on == f"child {new.run_id}"
    assert run.execution.state is RunState.SUSPENDED
    run.check_replays()
    assert run.child_ends(new, "PT90S").result == 90.0
    run.check_replays()


def test_a_childs_id_is_the_same_whoever_computes_it() -> None:
    """Ids are version 7, differ by command and incarnation, and sort by the time of the start."""
    ids = [Driver(parent).start().children[0].run_id for _ in range(2)]
    assert ids[0] == ids[1]
    assert ids[0].version == 7
    other = Driver(parent, incarnation=2).start().children[0].run_id
    assert other != ids[0]


@workflow(name="two_children")
async def two_children() -> float:
    """Runs a child, and another one after a signal."""
    first = await continuum.run_child(child, 1)
    await continuum.wait_signal("go")
    second = await continuum.run_child(child, 2)
    return (first + second).total_seconds()


def test_a_fork_replays_its_origins_children_and_starts_its_own() -> None:
    """The id of a child follows from its parent's: up to the fork that is the origin."""
    run = Driver(two_children).start()
    run.child_ends(run.children[0], "PT1S")
    fork = Driver(two_children, run_id=uuid4())
    body = RunForked(run.identity.run_id, fork.identity.run_id)
    forked = Event(fork.identity.run_id, len(run.journal) + 1, 1, EventKind.RUN_FORKED, None,
                   msgspec.json.encode(body), run.now)  # fmt: skip
    fork.journal = [*run.journal, forked]
    fork.execution.replay(fork.journal)
    assert (fork.execution.drift, fork.execution.changed) == (None, None)
    for each in (run, fork):
        each.signal("go")
    assert fork.children[0].run_id != run.children[1].run_id
    assert fork.child_ends(fork.children[0], "PT1S").result == 2.0
    again = fork.crashed().execution
    assert (again.drift, again.changed) == (None, None)


def test_failure_and_cancellation_of_a_child_are_exceptions() -> None:
    """ChildFailed and ChildCancelled tell who, what and why."""

    @workflow
    async def flow() -> list[Any]:
        seen: list[Any] = []
        for _ in range(2):
            try:
                await continuum.run_child(child, 1)
            except ChildFailed as error:
                seen.append([error.type, error.error_message, error.is_type(ValueError)])
            except ChildCancelled as error:
                seen.append([error.workflow, error.reason])
        return seen

    run = Driver(flow).start()
    run.child_ends(run.children[0], error=BOOM)
    run.child_ends(run.children[1], error=STOPPED)
    assert run.result == [["ValueError", "boom", True], ["child", "enough"]]
    run.check_replays()


def test_an_unhandled_child_failure_fails_the_parent() -> None:
    """Failure propagates like any exception."""
    run = Driver(parent).start()
    run.child_ends(run.children[0], error=BOOM)
    assert run.error.type == "continuum.errors.ChildFailed"
    run.check_replays()


def test_a_handle_gives_its_result_often_and_late() -> None:
    """start_child returns at once; result() may be awaited again, after the end too."""

    @workflow
    async def flow() -> list[Any]:
        handle = await continuum.start_child(child, 1)
        await a()
        first = await handle.result()
        again = await asyncio.gather(handle.result(), handle.result())
        return [str(handle.id), first.total_seconds(), *(t.total_seconds() for t in again)]

    run = Driver(flow).start()
    [new] = run.children
    run.child_ends(new, "PT5S").complete(2)
    assert run.result == [str(new.run_id), 5.0, 5.0, 5.0]
    run.check_replays()


def test_giving_up_on_run_child_cancels_it() -> None:
    """A timeout around run_child sends the child one cancel request, by a numbered command."""

    @workflow
    async def flow() -> str:
        try:
            async with asyncio.timeout(10):
                await continuum.run_child(child, 1)
        except TimeoutError:
            await continuum.sleep(1)
        return "late"

    run = Driver(flow).start().advance(10)
    [post] = run.posts
    assert (post.run_id, post.kind) == (run.children[0].run_id, "cancel")
    assert "child_cancel_requested" in run.commands()[2]
    run.child_ends(run.children[0], error=STOPPED)
    assert run.advance(1).result == "late"
    assert len(run.posts) == 1
    run.check_replays()


def test_giving_up_on_a_handles_result_leaves_the_child_alone() -> None:
    """Only cancel() of a handle cancels; it does so once."""

    @workflow
    async def flow() -> str:
        handle = await continuum.start_child(child, 1)
        try:
            async with asyncio.timeout(10):
                await handle.result()
        except TimeoutError:
            await continuum.wait_signal("go")
        handle.cancel("enough")
        handle.cancel("again")
        try:
            await handle.result()
        except ChildCancelled:
            return "cancelled"
        return "completed"

    run = Driver(flow).start().advance(10)
    assert run.posts == []
    run.signal("go")
    assert [json.loads(post.value) for post in run.posts] == ["enough"]
    assert run.child_ends(run.children[0], error=STOPPED).result == "cancelled"
    run.check_replays()


@pytest.mark.parametrize("how", ["completes", "fails", "is cancelled"])
def test_children_end_with_their_parent_by_policy(how: str) -> None:
    """The parent's last turn asks live children to stop; abandoned and ended ones are not."""

    @workflow
    async def flow() -> str:
        for policy in ("cancel", "abandon", "cancel"):
            await continuum.start_child(child, 1, parent_close=policy)
        if await continuum.wait_signal("go") == "fails":
            raise ValueError("no")
        return "done"

    run = Driver(flow).start()
    run.child_ends(run.children[2], "PT1S")
    if how == "is cancelled":
        run.cancel("stop")
    else:
        run.signal("go", how)
    assert run.execution.end is not None
    assert [(p.run_id, p.kind) for p in run.posts] == [(run.children[0].run_id, "cancel")]
    run.check_replays()


def test_a_child_created_while_its_parent_is_cancelled_is_not_missed() -> None:
    """Clean-up that starts a child ends its parent: the same turn inserts and cancels it."""

    @workflow
    async def flow() -> None:
        try:
            await continuum.wait_signal("never")
        finally:
            await continuum.start_child(child, 1)

    run = Driver(flow).start().cancel("stop")
    assert run.execution.end is not None
    assert [p.run_id for p in run.posts] == [new.run_id for new in run.children]
    assert len(run.posts) == 1
    run.check_replays()


def test_cancelling_a_parent_asks_its_children_at_once_and_only_once() -> None:
    """A parent that cleans up for long does not hold the request back."""

    @workflow
    async def flow() -> None:
        try:
            await continuum.run_child(child, 1)
        finally:
            await a()

    run = Driver(flow).start().cancel("stop")
    assert len(run.posts) == 1
    run.complete(max(run.calls))
    assert run.execution.end is not None
    assert len(run.posts) == 1
    run.check_replays()


def test_children_nest_at_most_ten_deep() -> None:
    """The eleventh generation is refused with a clear error, before anything is issued."""

    @workflow
    async def flow() -> str:
        try:
            await continuum.run_child(child, 1)
        except ChildDepthExceeded as error:
            return str(error)
        return "started"

    run = Driver(flow)
    who = run.identity
    deep = RunIdentity(who.run_id, "default", flow, 1, who.input, START, depth=10)
    run.identity, run.execution = deep, type(run.execution)(deep)
    assert "the limit is 10" in run.start().result
    assert run.children == []


def test_attributes_and_namespace_are_inherited_unless_given() -> None:
    """What the parent set before in the same turn is inherited too; given values go on top."""

    @workflow
    async def flow() -> None:
        continuum.set_attributes({"plan": "pro", "stage": 1})
        await continuum.start_child(child, 1)
        await continuum.start_child(child, 2, namespace="other", attributes={"stage": 2})

    run = Driver(flow).start()
    plain, special = run.children
    assert (plain.namespace, plain.attributes) == ("default", {"plan": "pro", "stage": 1})
    assert (special.namespace, special.attributes) == ("other", {"plan": "pro", "stage": 2})
    run.check_replays()


def test_only_workflows_can_be_children() -> None:
    """A plain function or a bad policy is refused by name."""

    @workflow
    async def flow() -> list[str]:
        texts: list[str] = []
        for attempt in (
            lambda: continuum.run_child(print, 1),  # type: ignore[arg-type]
            lambda: continuum.run_child(child, 1, parent_close="keep"),  # type: ignore[arg-type]
        ):
            try:
                await attempt()
            except DefinitionError as error:
                texts.append(str(error))
        return texts

    texts = Driver(flow).start().result
    assert "is not a workflow" in texts[0]
    assert "keep" in texts[1]


def test_live_children_survive_continue_as_new() -> None:
    """Their policy binds the run: the incarnation in which the run ends still cancels them."""

    @workflow
    async def flow(n: int) -> str:
        if n == 0:
            await continuum.start_child(child, 1)
            await continuum.start_child(child, 2)
        await continuum.wait_signal("go")
        if n < 2:
            continuum.continue_as_new(n + 1)
        return "done"

    run = Driver(flow, 0).start()
    first, second = run.children
    after = run.signal("go").continued().child_ends(first, "PT1S").signal("go").continued()
    after.check_replays()
    assert after.signal("go").result == "done"
    assert [(p.run_id, p.kind) for p in after.posts] == [(second.run_id, "cancel")]
    after.check_replays()


def test_a_thousand_children_fan_out_and_in() -> None:
    """One run starts a thousand children at once and collects their results."""

    @workflow
    async def flow(n: int) -> float:
        results = await asyncio.gather(*(continuum.run_child(child, i) for i in range(n)))
        return sum(result.total_seconds() for result in results)

    run = Driver(flow, 1000).start()
    assert len({new.run_id for new in run.children}) == 1000
    assert run.execution.waiting_on is not None
    assert run.execution.waiting_on.endswith("and 995 more")
    for new in reversed(run.children):
        run.child_ends(new, "PT2S")
    assert run.result == 2000.0
    again = run.crashed()
    assert again.execution.drift is None


def test_another_child_in_the_code_is_drift() -> None:
    """Replay compares which workflow a child runs."""

    @workflow(name="parent")
    async def changed() -> None:
        await continuum.run_child(parent)

    run = Driver(parent).start()
    assert "child_started parent" in run.crashed(flow=changed).drift
