"""`patched` and `set_attributes`: journaled plain calls."""

from __future__ import annotations

from typing import Any

import continuum
from continuum import workflow
from continuum.errors import AttributesError, DefinitionError
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b


def decided(run: Driver) -> list[tuple[str, bool]]:
    """The decisions in the journal."""
    return [
        (e.body().name, e.body().taken) for e in run.journal if e.kind == "patch_decided"
    ]  # fmt: skip


@workflow(name="loop")
async def before() -> list[str]:
    """Three iterations of the old code."""
    return [await a(n) for n in range(3)]


@workflow(name="loop")
async def patched() -> list[str]:
    """The same with a patch inside the loop."""
    seen: list[str] = []
    for n in range(3):
        if continuum.patched("p"):
            seen.append(await b(n))
        else:
            seen.append(await a(n))
    return seen


@workflow(name="loop")
async def removed() -> list[str]:
    """The patch taken out again, new branch kept."""
    return [await b(n) for n in range(3)]


def test_rule_16_a_fresh_run_takes_the_new_branch_and_says_so_once() -> None:
    """Decided True at the first evaluation, journaled once, the same in every replay."""
    run = Driver(patched).start().complete(1).complete(2).complete(3)
    assert run.commands() == ["activity_scheduled b"] * 3
    assert decided(run) == [("p", True)]
    run.check_replays()


def test_rule_16_a_loop_half_done_stays_on_the_old_branch() -> None:
    """A run that did two iterations before the deploy decides False, journaled, to its end."""
    old = Driver(before).start().complete(1)
    run = old.crashed(flow=patched)
    assert run.execution.drift is None
    run.recover()
    assert decided(run) == [("p", False)]
    run.complete(2).complete(3)
    assert run.commands() == ["activity_scheduled a"] * 3
    assert decided(run) == [("p", False)]
    assert run.crashed().execution.drift is None


def test_rule_16_false_is_recorded_and_survives_the_next_owner() -> None:
    """The next owner finds nothing undelivered and still takes the old branch."""
    run = Driver(before).start().complete(1).complete(2).crashed(flow=patched).recover()
    again = run.crashed()
    assert decided(again) == [("p", False)]
    again.recover().complete(3)
    assert again.result == ["ok"] * 3


def test_rule_16_a_patch_first_reached_live_is_new_even_in_an_old_run() -> None:
    """Nothing of the journal depends on it: decided True at the live tail."""

    @workflow(name="tail")
    async def old() -> str:
        await a()
        return "old"

    @workflow(name="tail")
    async def new() -> str:
        await a()
        return "new" if continuum.patched("p") else "old"

    run = Driver(old).start().crashed(flow=new).recover().complete(1)
    assert run.result == "new"
    assert decided(run) == [("p", True)]
    run.check_replays()


def test_rule_16_an_earlier_site_added_later_obeys_the_recorded_decision() -> None:
    """One decision a name, wherever it is evaluated first in the replaying code."""

    @workflow(name="sites")
    async def late() -> list[Any]:
        await a()
        return [continuum.patched("p"), await continuum.wait_signal("x")]

    @workflow(name="sites")
    async def early() -> list[Any]:
        first = continuum.patched("p")
        await a()
        return [first, continuum.patched("p"), await continuum.wait_signal("x")]

    run = Driver(late).start().complete(1).crashed(flow=early)
    assert run.execution.drift is None
    assert run.recover().signal("x", 1).result == [True, True, 1]


def test_a_patch_taken_out_replays_what_it_decided_true() -> None:
    """Decisions are no numbered commands: code without the call fits the same journal."""
    run = Driver(patched).start().complete(1).complete(2)
    after = run.crashed(flow=removed)
    assert after.execution.drift is None
    assert after.recover().complete(3).result == ["ok"] * 3


def test_the_next_incarnation_decides_anew() -> None:
    """One decision a name and incarnation."""

    @workflow(name="again")
    async def old(n: int) -> str:
        await a()
        continuum.continue_as_new(1)

    @workflow(name="again")
    async def new(n: int) -> str:
        first = continuum.patched("p")
        await a()
        if n == 0:
            continuum.continue_as_new(1)
        return str(first)

    run = Driver(old, 0).start().crashed(flow=new).recover()
    assert decided(run) == [("p", False)]
    assert run.complete(1).continued().complete(1).result == "True"


def test_patch_names_are_checked() -> None:
    """An empty or unprintable name is refused."""

    @workflow
    async def flow() -> str:
        try:
            continuum.patched("")
        except DefinitionError:
            return "refused"
        return "accepted"

    assert Driver(flow).start().result == "refused"


def test_attributes_are_set_once() -> None:
    """Each call is a numbered command; its merge goes with the turn and never with a replay."""

    @workflow
    async def flow() -> str:
        continuum.set_attributes({"stage": "paying", "tries": 1})
        await a()
        continuum.set_attributes({"stage": "paid"})
        continuum.set_attributes({"total": 2.5})
        return await b()

    run = Driver(flow).start()
    assert run.attributes == {"stage": "paying", "tries": 1}
    run.complete(2)
    assert run.attributes == {"stage": "paid", "tries": 1, "total": 2.5}
    again = run.crashed().recover()
    assert again.attributes == {}
    assert again.execution.drift is None
    run.complete(5).check_replays()


def test_attributes_that_cannot_be_stored_are_refused_and_nothing_is_set() -> None:
    """The client's rules hold inside a workflow too."""

    @workflow
    async def flow() -> str:
        try:
            continuum.set_attributes({"bad": float("nan")})
        except AttributesError:
            return "refused"
        return "accepted"

    run = Driver(flow).start()
    assert run.result == "refused"
    assert run.attributes == {}
