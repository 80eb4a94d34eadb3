"""Executes an example twice, undisturbed and disturbed, and checks what must hold."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import cycle
from unittest.mock import patch

import msgspec

from continuum.client.handle import RunHandle
from continuum.errors import (
    QuestionRefused,
    QuestionUnanswered,
    ResultTimeout,
    RunTerminal,
    WorkflowCancelled,
    WorkflowFailed,
)
from continuum.worker import deaths, processes
from continuum.worker.service import Backoff
from tests.drifts import drifts
from tests.simulation.chaos import RUN_ID, Chaos
from tests.simulation.interpreter import simulated
from tests.simulation.keys import check_keys
from tests.simulation.outcomes import (
    Outcome,
    check_compensated,
    check_effects,
    check_journals,
    check_same,
    outcome_of,
)
from tests.simulation.programs import SIGNALS_WITHIN, Disturbance, Example, Program
from tests.simulation.replays import Album
from tests.simulation.standins import ThreadHelper
from tests.simulation.world import World

UNDISTURBED = Disturbance()
ENDS = {"value": "completed", "error": "failed", "cancelled": "cancelled"}
PATIENCE = 100.0
"""Seconds of real time after which an execution counts as stuck."""

PAUSES = (0.001, 0.02)
"""Seconds of real time until a commit is tried again: at once, or when others may have the run."""

SWEEP = 0.05
"""Seconds of real time between two looks at what the dead own."""

AFTERWARDS = 1000.0
"""Virtual seconds in which children that were left alone end."""


def check(example: Example) -> None:
    """All properties of one example.

    Raises:
        AssertionError: one does not hold.
    """
    program, disturbance = example.program, example.disturbance
    with standing_in(), drifts() as found:
        undisturbed = asyncio.run(execute(program, UNDISTURBED))
        disturbed = asyncio.run(execute(program, disturbance.scaled(undisturbed.commits)))
    assert found == []
    stopped = disturbance.cancel_at is not None
    if not program.races:
        assert undisturbed.state == ENDS[program.end], undisturbed.runs[""]
    if not program.races and not stopped:
        check_same(undisturbed, disturbed)
    if stopped:
        assert disturbed.state in ("cancelled", undisturbed.state)
        if not disturbance.force:
            check_compensated(disturbed)


@contextmanager
def standing_in() -> Generator[None]:
    """Inside, processes are threads, and what comes again and again comes after less time."""
    with (
        patch.object(processes, "_Helper", ThreadHelper),
        patch.object(Backoff, "pause", _pause),
        patch.object(deaths, "SWEEP", SWEEP),
    ):
        yield


def _pause(backoff: Backoff) -> float:
    return backoff._random.choice(PAUSES)


async def execute(program: Program, disturbance: Disturbance) -> Outcome:
    """Run a program to its end and everything after; its journals replay from every prefix."""
    world, album = World(), Album()
    env = Chaos(disturbance, album.take)
    await env.open()
    try:
        done: list[object] = []
        args = (world.number, "", program.parts, program.end, done)
        try:
            async with asyncio.timeout(PATIENCE):
                run = await env.start(simulated, *args, run_id=RUN_ID)
                await _live(env, run, program, disturbance)
        except TimeoutError:
            tables = env.store.tables
            left = tables.leases, tables.tasks, tables.nodes
            raise AssertionError(f"nothing ends any more: {left}") from None
        check_journals(env.store.tables)
        check_keys(env.keys, env.store.tables, world.effects, env.losses)
        album.check(env.store.tables, msgspec.json.encode(args))
        outcome = outcome_of(env, world)
        check_effects(outcome)
        return outcome
    finally:
        await env.close()
        world.close()


async def _live(
    env: Chaos, run: RunHandle[object], program: Program, disturbance: Disturbance
) -> None:
    """Until everything has ended."""
    await _ask(run, program, disturbance)
    await _send_signals(env, run, program, disturbance)
    if program.end == "cancelled":
        await env.sleep(program.duration + SIGNALS_WITHIN)
        with suppress(RunTerminal):
            await run.cancel(reason="enough")
    with suppress(WorkflowFailed, WorkflowCancelled):
        await run.result()
    await env.sleep(program.duration + AFTERWARDS)


async def _ask(run: RunHandle[object], program: Program, disturbance: Disturbance) -> None:
    """All questions, without waiting for the answers: time would pass meanwhile."""
    for number, (name, value) in enumerate(program.questions()):
        for _ in range(2 if disturbance.repeated else 1):
            with suppress(RunTerminal, ResultTimeout, QuestionRefused, QuestionUnanswered):
                await run.ask(name, value, id=f"question-{number}", timeout=0)


async def _send_signals(
    env: Chaos, run: RunHandle[object], program: Program, disturbance: Disturbance
) -> None:
    delays = cycle(disturbance.delays or [0.0])
    left = SIGNALS_WITHIN
    for number, (name, value) in enumerate(program.signals()):
        delay = next(delays)
        if 0 < delay <= left:
            left -= delay
            await env.sleep(delay)
        with suppress(RunTerminal):
            for _ in range(2 if disturbance.repeated else 1):
                await run.signal(name, value, delivery_id=f"delivery-{number}")
