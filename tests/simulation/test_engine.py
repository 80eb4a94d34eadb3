"""Seeded simulation of the engine: random workflows, random event order, crashes anywhere.

CONTINUUM_SIMULATION_SEEDS sets how many seeds run (default 40). A failure names its seed; run
that one alone with CONTINUUM_SIMULATION_SEED=<seed>.
"""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from typing import Any

import pytest

import continuum
from continuum import workflow
from continuum.journal.events import Failure
from continuum.model import RunState
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, once, retried

ONE = os.environ.get("CONTINUUM_SIMULATION_SEED")
SEEDS = [int(ONE)] if ONE else range(int(os.environ.get("CONTINUUM_SIMULATION_SEEDS", "40")))
ACTIVITIES = {"a": a, "b": b, "retried": retried, "once": once}

Node = Any


def grow(rng: random.Random, depth: int = 0) -> Node:
    """A random program as JSON: what a workflow does."""
    leaves = ["a", "b", "retried", "once", "sleep", "signal", "draw", "effect",
              "child", "patch", "label"]  # fmt: skip
    branches = ["sequence", "gather", "group", "race", "timeout", "guarded", "queue", "saga"]
    kind = rng.choice(leaves if depth > 2 else leaves + branches + branches)
    if kind == "sleep":
        return [kind, rng.choice([0, 1, 5, 20])]
    if kind == "signal":
        return [kind, rng.choice("xy"), rng.choice([None, 3, 30])]
    if kind == "timeout":
        return [kind, rng.choice([1, 7, 25]), grow(rng, depth + 1)]
    if kind in ("gather", "group", "race", "sequence", "queue"):
        return [kind, *(grow(rng, depth + 1) for _ in range(rng.randint(1, 4)))]
    return [kind, grow(rng, depth + 1)] if kind in ("guarded", "saga") else [kind]


async def perform(node: Node) -> Any:
    """Execute a program inside a workflow."""
    kind, *rest = node
    if kind in ACTIVITIES:
        return await ACTIVITIES[kind](1)
    if kind == "sleep":
        await continuum.sleep(rest[0])
        return continuum.now().isoformat()
    if kind == "signal":
        try:
            return await continuum.wait_signal(rest[0], timeout=rest[1])
        except TimeoutError:
            return "no signal"
    if kind == "draw":
        return continuum.rng().randint(1, 1000)
    if kind == "child":
        try:
            return await continuum.run_child(simulated, [])
        except (continuum.ChildFailed, continuum.ChildCancelled) as error:
            return type(error).__name__
    if kind == "patch":
        return continuum.patched("p")
    if kind == "label":
        return continuum.set_attributes({"seen": continuum.now().isoformat()})
    if kind == "effect":
        return continuum.side_effect(lambda: 42)
    return await BRANCHES[kind](rest)


async def sequence(parts: list[Node]) -> Any:
    """One after another."""
    return [await perform(part) for part in parts]


async def gather(parts: list[Node]) -> Any:
    """All at once, failures as values."""
    results = await asyncio.gather(*map(perform, parts), return_exceptions=True)
    return [r if not isinstance(r, BaseException) else type(r).__name__ for r in results]


async def group(parts: list[Node]) -> Any:
    """A TaskGroup: the first failure cancels the others."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(perform(part)) for part in parts]
    except ExceptionGroup as errors:
        return sorted(type(error).__name__ for error in errors.exceptions)
    return [task.result() for task in running]


async def race(parts: list[Node]) -> Any:
    """The first wins, the others are cancelled and clean up."""
    tasks = [asyncio.ensure_future(perform(part)) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return len(done)


async def timeout(parts: list[Node]) -> Any:
    """A deadline around the rest."""
    try:
        async with asyncio.timeout(parts[0]):
            return await perform(parts[1])
    except TimeoutError:
        return "late"


async def guarded(parts: list[Node]) -> Any:
    """Compensates when the inner part fails or is cancelled."""
    try:
        return await perform(parts[0])
    except continuum.ActivityFailed:
        return ["failed", await a(0)]
    except asyncio.CancelledError:
        await b(0)
        raise


async def saga(parts: list[Node]) -> Any:
    """Two compensations around the inner part."""
    try:
        async with continuum.saga() as undoing:
            undoing.undo(b, 1)
            undoing.undo(retried, 2)
            return await perform(parts[0])
    except continuum.ActivityFailed:
        return "undone"


async def queue(parts: list[Node]) -> Any:
    """Producers and one consumer."""
    items: asyncio.Queue[Any] = asyncio.Queue()

    async def produce(part: Node) -> None:
        try:
            await items.put(await perform(part))
        except continuum.ActivityFailed:
            await items.put("failed")

    producers = [asyncio.create_task(produce(part)) for part in parts]
    seen = [await items.get() for _ in parts]
    await asyncio.gather(*producers)
    return seen


BRANCHES = {"sequence": sequence, "gather": gather, "group": group, "race": race,
            "timeout": timeout, "guarded": guarded, "queue": queue, "saga": saga}  # fmt: skip


@workflow(name="simulated")
async def simulated(program: Any) -> Any:
    """Perform a random program."""
    return await perform(program)


class World:
    """Decides what happens next, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.run = Driver(simulated, ["sequence", *(grow(self.rng) for _ in range(3))])
        self.cancelled = False

    def live(self) -> Driver:
        """Let random things happen, with crashes, until the run ends."""
        self.run.start()
        for _ in range(3000):
            if self.run.execution.end is not None:
                return self.run
            assert self.run.execution.drift is None, self.run.drift
            self.happen()
        raise AssertionError(f"did not end: {self.run.execution.waiting_on}")

    def happen(self) -> None:
        """One random event."""
        run, rng = self.run, self.rng
        attempts = [s for s in run.execution._attempts.open.values() if s.local]
        happening = rng.random()
        if happening < 0.15:
            self.crash()
        elif happening < 0.25:
            run.signal(rng.choice("xy"), rng.randint(0, 9))
        elif happening < 0.26 and not self.cancelled:
            self.cancelled = True
            run.cancel("simulated")
        elif run.execution._children.open and happening < 0.5:
            self.end_child(rng.choice(list(run.execution._children.open.values())))
        elif attempts and happening < 0.85:
            self.end(rng.choice(attempts).command)
        else:
            run.advance(rng.choice([0.5, 1, 10]))

    def end_child(self, child: Any) -> None:
        """A child ends somehow; one that was asked to stop may do so."""
        how = self.rng.random()
        if child.asked and how < 0.7:
            self.run.child_ends(child, error=Failure("cancelled", "stopped"))
        else:
            self.run.child_ends(child, 1, Failure("ValueError", "boom") if how > 0.7 else None)

    def end(self, command: int) -> None:
        """An attempt ends somehow."""
        run, how = self.run, self.rng.random()
        if command in run.stopped and how < 0.7:
            run.fail(command, "stopped", reason="cancelled")
        elif how < 0.7:
            run.complete(command, "ok")
        else:
            run.fail(command, reason=self.rng.choice(["raised", "timeout"]))

    def crash(self) -> None:
        """The owner dies, now or after giving back; a new one takes over."""
        old = self.run
        if self.rng.random() < 0.4:
            old.execution.release(old.now)
            old.commit()
        self.run = old.crashed()
        assert self.run.execution.drift is None, self.run.drift
        assert self.run.execution.waiting_on is not None
        old.execution.drop()
        self.run.now += timedelta(seconds=self.rng.choice([0, 1]))
        self.run.recover()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_workflows_survive_crashes_anywhere(seed: int) -> None:
    """Whatever happens, replays agree with what was live, at the end and at every prefix."""
    world = World(seed)
    run = world.live()
    end = run.execution.end
    assert end is not None
    if world.cancelled:
        assert end.state is RunState.CANCELLED
    for _ in range(2):
        again = run.crashed()
        assert again.execution.drift is None, again.drift
        assert again.execution.end is not None
        assert again.execution.end.state is end.state
        assert again.execution.end.result == end.result
        again.execution.drop()
    run.snapshots.clear()
    run.check_replays()
    run.execution.drop()


@pytest.mark.parametrize("seed", SEEDS)
def test_crashes_are_not_observable(seed: int) -> None:
    """With the same answers in the same order, crashing before each changes no command."""
    journals: list[list[str]] = []
    for crashing in (False, True):
        rng = random.Random(seed)
        run = Driver(simulated, ["sequence", *(grow(rng) for _ in range(3))]).start()
        for _ in range(1000):
            if run.execution.end is not None:
                break
            if crashing and not run.execution.busy:
                old, run = run, run.crashed().recover()
                old.execution.drop()
            local = sorted(s.command for s in run.execution._attempts.open.values() if s.local)
            if local:
                run.complete(rng.choice(local), "ok")
            elif run.execution._children.open:
                run.child_ends(next(iter(run.execution._children.open.values())), 1)
            elif rng.random() < 0.5:
                run.signal(rng.choice("xy"), rng.randint(0, 9))
            else:
                run.advance(rng.choice([1, 10]))
        assert run.execution.end is not None
        journals.append(run.kinds())
        run.execution.drop()
    assert journals[0] == journals[1]
