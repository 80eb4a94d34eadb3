"""Handles of children: signals to them, and those that earlier incarnations started."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import continuum
from continuum import workflow
from continuum.errors import ChildCancelled, ChildFailed, PayloadError, RunTerminal
from continuum.journal.events import Failure
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a


@dataclass
class Rate:
    currency: str
    value: float


@workflow(name="child")
async def child(x: int) -> timedelta:
    """Never executed here."""
    raise AssertionError


@workflow(name="other")
async def other() -> int:
    """Never executed here."""
    raise AssertionError


@workflow(name="signalling")
async def signalling(rate: float) -> None:
    """Signals its child twice, in one turn and in another."""
    handle = await continuum.start_child(child, 1)
    handle.signal("rate", Rate("EUR", rate))
    await a()
    handle.signal("stop")
    await continuum.wait_signal("never")


def test_a_signal_goes_out_once_with_the_turn_of_its_command() -> None:
    """Each call is a numbered command and one message; a replay sends nothing again."""
    run = Driver(signalling, 1.5).start().complete(3)
    [new] = run.children
    assert [(p.run_id, p.kind, p.name) for p in run.posts] == [
        (new.run_id, "signal", "rate"), (new.run_id, "signal", "stop"),
    ]  # fmt: skip
    assert json.loads(run.posts[0].value) == {"currency": "EUR", "value": 1.5}
    assert "child_signalled#2" in run.kinds()
    again = run.crashed()
    assert again.execution.drift is None
    assert again.commit().posts == []
    run.check_replays()


def test_another_name_is_drift_and_another_payload_a_warning() -> None:
    """Replay compares name and receiver; a changed payload was sent as it was journaled."""

    @workflow(name="signalling")
    async def renamed(rate: float) -> None:
        handle = await continuum.start_child(child, 1)
        handle.signal("price", rate)

    @workflow(name="signalling")
    async def redirected(rate: float) -> None:
        await continuum.start_child(child, 1)
        for handle in continuum.children():
            handle.cancel()

    run = Driver(signalling, 1.5).start()
    assert "child_signalled price" in run.crashed(flow=renamed).drift
    assert "child_cancel_requested" in run.crashed(flow=redirected).drift

    @workflow(name="signalling")
    async def dearer(rate: float) -> None:
        await signalling.fn(rate + 1)

    replayed = run.crashed(flow=dearer).execution
    assert replayed.drift is None
    assert "arguments of command 2 (child_signalled rate) differ" in str(replayed.changed)


def test_a_signal_to_another_child_is_drift() -> None:
    """The same command to another run is not the same command."""

    @workflow(name="choosing")
    async def first() -> None:
        handles = [await continuum.start_child(child, n) for n in (1, 2)]
        handles[0].signal("go")
        await a()

    @workflow(name="choosing")
    async def second() -> None:
        handles = [await continuum.start_child(child, n) for n in (1, 2)]
        handles[1].signal("go")
        await a()

    run = Driver(first).start()
    assert "child_signalled go" in run.crashed(flow=second).drift


def test_an_ended_child_takes_no_signal() -> None:
    """What the journal knows to have ended is refused, live and in replay alike."""

    @workflow
    async def flow() -> str:
        handle = await continuum.start_child(child, 1)
        with contextlib.suppress(ChildFailed):
            await handle.result()
        try:
            handle.signal("late")
        except RunTerminal as error:
            return f"{error.state} {error.run_id == handle.id}"
        return "sent"

    run = Driver(flow).start()
    run.child_ends(run.children[0], error=Failure("ValueError", "boom"))
    assert run.result == "failed True"
    assert run.posts == []
    run.check_replays()


def test_what_cannot_be_sent_is_refused_before_anything_is_issued() -> None:
    """A bad name, payload or reason names what is wrong; no command is numbered."""

    @workflow
    async def flow() -> list[str]:
        handle = await continuum.start_child(child, 1)
        seen: list[str] = []
        for attempt in (
            lambda: handle.signal("", 1),
            lambda: handle.signal("x", {"a": object()}),
            lambda: handle.cancel("a\0b"),
        ):
            try:
                attempt()
            except PayloadError as error:
                seen.append(str(error))
        return seen

    run = Driver(flow).start()
    name, payload, reason = run.result
    assert "signal name has 1 to 255 characters" in name
    assert "payload of signal x['a']" in payload
    assert "reason is text" in reason
    assert run.execution.commands == 1


@workflow(name="carrying")
async def carrying(n: int) -> Any:
    """Starts two children, continues, and looks at them in the last incarnation."""
    if n == 0:
        await continuum.start_child(child, 1)
        await continuum.start_child(other)
    if n < 2:
        await continuum.wait_signal("go")
        continuum.continue_as_new(n + 1)
    seen: list[Any] = [handle.workflow for handle in continuum.children()]
    [slow] = continuum.children(child)
    slow.signal("hurry", n)
    seen.append((await slow.result()).total_seconds())
    seen += [len(continuum.children()), [await each.result() for each in continuum.children(other)]]
    return [*seen, continuum.children()]


def test_a_later_incarnation_gets_at_the_children_of_an_earlier_one() -> None:
    """Two incarnations later: signals reach them, results are typed, and what was taken is gone."""
    first = Driver(carrying, 0).start()
    one, two = first.children
    run = first.signal("go").continued().signal("go").continued(crash=True)
    assert run.execution.waiting_on == f"child {one.run_id}"
    assert [(p.run_id, p.kind, p.name) for p in run.posts] == [(one.run_id, "signal", "hurry")]
    run.check_replays()
    run.child_ends(two, 7).child_ends(one, "PT90S")
    assert run.result == ["child", "other", 90.0, 1, [7], []]
    run.check_replays()


def test_an_end_that_nobody_saw_is_carried_into_the_next_incarnation_only() -> None:
    """A child that ended just before `continue_as_new` keeps its result for one incarnation."""

    @workflow
    async def flow(n: int) -> list[Any]:
        if n == 0:
            for number in range(3):
                await continuum.start_child(child, number)
            [taken, _, _] = continuum.children(child)
            await taken.result()
        known = continuum.children(child)
        await continuum.wait_signal("go")
        if n < 2:
            continuum.continue_as_new(n + 1)
        return [len(known), *[(await each.result()).total_seconds() for each in known]]

    run = Driver(flow, 0).start()
    taken, quick, slow = run.children
    run.child_ends(taken, "PT1S").child_ends(quick, "PT2S")
    run.check_replays()
    second = run.signal("go").continued()
    assert [e.kind for e in second.journal if e.incarnation == 2][:4] == [
        "child_carried", "child_completed", "child_carried", "run_started",
    ]  # fmt: skip
    third = second.signal("go").continued().child_ends(slow, "PT3S").signal("go")
    second.check_replays()
    assert third.result == [1, 3.0]
    third.check_replays()


def test_a_carried_child_is_cancelled_by_name() -> None:
    """The command names the child, since no command of this incarnation started it."""

    @workflow
    async def flow(n: int) -> str:
        if n == 0:
            await continuum.start_child(child, 1)
            continuum.continue_as_new(1)
        [handle] = continuum.children(child)
        handle.cancel("enough")
        try:
            await handle.result()
        except ChildCancelled as error:
            return str(error.reason)
        return "completed"

    first = Driver(flow, 0).start()
    run = first.continued()
    [new] = first.children
    assert [(p.run_id, p.kind) for p in run.posts] == [(new.run_id, "cancel")]
    run.check_replays()
    assert run.child_ends(new, error=Failure("cancelled", "enough")).result == "enough"
    run.check_replays()


def test_a_result_that_does_not_fit_its_type_is_drift() -> None:
    """A changed return type parks the run; user code never sees a decoding error."""

    @workflow
    async def flow() -> float:
        handle = await continuum.start_child(child, 1)
        try:
            return (await handle.result()).total_seconds()
        except Exception:
            return -1.0

    run = Driver(flow).start()
    run.child_ends(run.children[0], ["no", "duration"])
    assert run.execution.end is None
    assert f"the result of child {run.children[0].run_id} (child)" in run.drift
