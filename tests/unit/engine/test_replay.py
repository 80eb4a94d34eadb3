"""Replay checks every command of every interval; a difference is drift, in words."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import continuum
from continuum import activity, workflow
from continuum.journal.events import Event, EventKind
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b


@workflow(name="original")
async def original() -> str:
    """Two activities, then a signal with a timeout."""
    first = await a(1)
    second = await b(2)
    await continuum.wait_signal("go", timeout=60)
    return first + second


def recorded() -> Driver:
    """The original, waiting for its signal."""
    return Driver(original).start().complete(1, "x").complete(2, "y")


def drift_of(flow: Any) -> str:
    """What replaying the original's journal through other code says."""
    return recorded().crashed(flow=flow).drift


def test_other_activity_is_drift() -> None:
    """Both sides, the number and the place in the code are named."""

    @workflow(name="original")
    async def changed() -> str:
        await a(1)
        return await a(2)

    text = drift_of(changed)
    assert "command 2: the journal records activity_scheduled b (seq 4)" in text
    assert "the code issued activity_scheduled a at test_replay.py:" in text


def test_other_kind_is_drift() -> None:
    """A sleep where the journal has an activity."""

    @workflow(name="original")
    async def changed() -> str:
        await asyncio.sleep(5)
        return ""

    assert "the code issued timer_started" in drift_of(changed)


def test_extra_command_is_drift() -> None:
    """The code does more in an interval than was recorded."""

    @workflow(name="original")
    async def changed() -> str:
        await asyncio.gather(a(1), a(2))
        return ""

    text = drift_of(changed)
    assert "nothing more after run_started (seq 1), the code issued activity_scheduled a" in text


def test_missing_command_is_drift() -> None:
    """The code does less: it waits where it once went on."""

    @workflow(name="original")
    async def changed() -> str:
        await a(1)
        await asyncio.Event().wait()
        return ""

    text = drift_of(changed)
    assert "the journal records activity_scheduled b (seq 4), the code issued nothing" in text
    assert re.search(r"at test_replay\.py:\d+$", text)


def test_history_left_over_at_a_normal_return_is_drift() -> None:
    """Returning early is not success."""

    @workflow(name="original")
    async def changed() -> str:
        return await a(1)

    run = recorded().crashed(flow=changed)
    assert "the workflow function had already ended" in run.drift
    assert run.commit().journal == recorded().journal


def test_an_end_where_the_journal_still_waits_is_drift() -> None:
    """Ending without any command where the journal records a wait is found too."""

    @workflow(name="w")
    async def waits() -> None:
        await asyncio.Event().wait()

    @workflow(name="w")
    async def ends() -> None:
        return

    assert "but its journal records that it still waited" in (
        Driver(waits).start().crashed(flow=ends).drift
    )
    run = Driver(waits).start().signal("unread", 1).crashed(flow=ends)
    assert "its journal goes on with signal_received (seq 2)" in run.drift


def test_a_failing_replay_is_drift_not_failure() -> None:
    """Code that raises earlier than recorded must not fail the run."""

    @workflow(name="original")
    async def changed() -> str:
        await a(1)
        raise ValueError("a bug of the new deploy")

    run = recorded().crashed(flow=changed)
    assert run.execution.drift is not None
    assert run.execution.collect().entries == []


def test_undecodable_result_is_drift() -> None:
    """The activity's type changed under a journaled value: park, never a user exception."""

    @activity(name="a")
    async def a_int(x: int = 0) -> int:
        return x

    @workflow(name="original")
    async def changed() -> str:
        try:
            await a_int(1)
        except Exception:
            await b(2)
        await b(2)
        return ""

    text = drift_of(changed)
    assert "the result of command 1 (activity a) cannot be restored" in text


def test_undecodable_live_result_is_drift_too() -> None:
    """One code path: what a replay could not read parks the live run as well."""
    run = Driver(original).start()
    run.execution.attempt_completed(1, 1, b"17", run.now)
    assert "cannot be restored" in run.drift


def test_undecodable_input_is_drift() -> None:
    """An input of another shape parks the run with the workflow's place."""

    @workflow(name="typed")
    async def takes_text(x: str) -> str:
        return x

    @workflow(name="typed")
    async def takes_int(x: int) -> int:
        return x

    run = Driver(takes_text, "seven").start().crashed(flow=takes_int)
    assert "the input of the run cannot be restored" in run.drift


def test_completion_of_an_unknown_command_is_drift() -> None:
    """A journal that talks about a command nobody issued is not believed."""
    run = recorded()
    odd = Event(
        run.identity.run_id, len(run.journal) + 1, 1, EventKind.ACTIVITY_COMPLETED, 77,
        b'{"attempt":1,"value":1}', run.now,
    )  # fmt: skip
    run.journal.append(odd)
    assert "activity_completed of command 77" in run.crashed().drift


def test_unreadable_event_is_drift() -> None:
    """A payload that is no JSON of its kind parks the run."""
    run = recorded()
    broken = run.journal[2]
    run.journal[2] = Event(
        broken.run_id, broken.seq, 1, broken.kind, broken.command, b"{", broken.at
    )
    assert "activity_completed (seq 3) cannot be restored" in run.crashed().drift


def test_changed_arguments_only_warn() -> None:
    """Arguments are diagnosis, not identity; a repeat after a crash uses the recorded ones."""

    @workflow(name="original")
    async def changed() -> str:
        return await a(999)

    run = Driver(original).start().crashed(flow=changed).recover()
    assert run.execution.drift is None
    changed = run.execution.changed
    assert changed is not None
    assert changed.message.startswith("arguments of command 1 (activity_scheduled a) differ")
    assert changed.location is not None
    assert changed.location.startswith("test_replay.py:")
    assert run.calls[1].args == b"[1]"


def test_other_incarnations_are_not_replayed() -> None:
    """Only events of the run's current incarnation count (rule 6)."""
    run = recorded()
    old = [Event(e.run_id, e.seq, 0, e.kind, e.command, e.payload, e.at) for e in run.journal[:3]]
    run.journal = old + run.journal
    assert run.crashed().execution.drift is None


def test_live_values_equal_replayed_values() -> None:
    """A result is decoded from its bytes in both cases: tuples and dataclasses alike."""

    @dataclass
    class Money:
        cents: int

    @activity(name="price")
    async def price() -> tuple[Money, ...]:
        return (Money(1),)

    seen: list[Any] = []

    @workflow
    async def flow() -> None:
        seen.append(await price())
        await asyncio.sleep(1)

    run = Driver(flow).start().complete(1, [{"cents": 7}])
    run.crashed()
    assert seen == [(Money(7),), (Money(7),)]


def test_side_effect_is_called_once() -> None:
    """Its journaled value answers ever after."""
    calls: list[int] = []

    def setting() -> int:
        calls.append(1)
        return len(calls)

    @workflow
    async def flow() -> list[int]:
        values = [continuum.side_effect(setting), continuum.side_effect(setting)]
        await asyncio.sleep(1)
        return values

    run = Driver(flow).start()
    taken = run.crashed().recover().advance(1)
    assert taken.result == [1, 2]
    assert len(calls) == 2
    run.check_replays()


def test_side_effect_that_raises_raises_alike_in_replay() -> None:
    """A raise is journaled; the function is not called again."""
    calls: list[int] = []

    def broken() -> int:
        calls.append(1)
        raise OSError("no such setting")

    @workflow
    async def flow() -> str:
        try:
            continuum.side_effect(broken)
        except continuum.ActivityFailed as error:
            await asyncio.sleep(1)
            return error.type
        return "?"

    run = Driver(flow).start()
    taken = run.crashed().recover().advance(1)
    assert taken.result == "OSError"
    assert calls == [1]
    run.check_replays()


def test_workflow_calls_inside_side_effect_are_refused() -> None:
    """A command issued there would be missing in every replay."""

    @workflow
    async def flow() -> str:
        def nested() -> int:
            return continuum.side_effect(lambda: 1)

        try:
            continuum.side_effect(nested)
        except continuum.ActivityFailed as error:
            return error.type
        return "?"

    run = Driver(flow).start()
    assert run.result == "continuum.errors.NonDeterminismError"
    run.check_replays()
