"""Runs a scenario under many seeds: other completion orders, workers that die, the same end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any, cast
from uuid import UUID

from continuum.codec.hooks import IDENTITY
from continuum.declare.workflow import Workflow
from continuum.errors import ConfigurationError, WorkflowCancelled, WorkflowFailed
from continuum.store.memory.clock import NOON
from continuum.testing.environments import Environment
from continuum.testing.faults import Moment
from continuum.testing.histories import dump_history, parse_history, replay_everywhere

Scenario = Callable[[Environment], Awaitable[Any]]

MAX_CRASHES = 3
"""Per seed; a run that loses its owner four times in a row is quarantined."""

_NO_HISTORY = "(no run was started)"


class SweepFailed(AssertionError):
    """A seed for which the workflow does not behave.

    Attributes:
        seed: which; `sweep(..., seeds=[seed])` repeats it.
        history: the journal of its first run, as `dump_history` gives it.
    """

    def __init__(self, seed: int, problem: str, faults: str, history: str) -> None:
        self.seed = seed
        self.history = history
        super().__init__(
            f"seed {seed}: {problem}\n{faults}\nRepeat it with sweep(..., seeds=[{seed}])."
        )


async def sweep(
    flow: Workflow[..., Any] | Iterable[Workflow[..., Any]],
    *args: Any,
    seeds: int | Iterable[int] = 25,
    scenario: Scenario | None = None,
    crashes: float = 0.2,
    failures: float = 0.0,
) -> int:
    """Run a workflow under many seeds and check that nothing but time may differ.

    First it runs undisturbed. Then, for each seed: activities end in another order, the worker
    dies before or after some of its commits and another takes over, some attempts fail where a
    retry absorbs it. Each time the outcome must be the same, and the journal of every run must
    replay from every point.

    Args:
        flow: the workflow, or all that the worker shall know.
        args: of the workflow; not with `scenario`.
        seeds: how many, or which ones.
        scenario: what to do in each environment instead of `env.run(flow, *args)`: replace
            activities, start runs, send signals, assert. What it returns is the outcome.
        crashes: probability that the worker dies at a commit (at most 3 times a seed).
        failures: probability that an attempt fails although a retry is left; only for
            activities that need no retries of their own.

    Returns:
        How many seeds were run.

    Raises:
        SweepFailed: names the seed, the faults and the difference.

    Example:
        async def rejected(env: Environment) -> list[str]:
            bank = Bank()
            env.replace(charge, bank.charge)
            env.replace(refund, bank.refund)
            run = await env.start(order_flow, Order("o1", 4200))
            await run.signal("fraud_review", "rejected")
            with suppress(WorkflowFailed):
                await run.result()
            return bank.open_charges

        await sweep(order_flow, scenario=rejected, seeds=100)
    """
    flows = [flow] if isinstance(flow, Workflow) else list(flow)
    if scenario is None:
        if len(flows) != 1:
            raise ConfigurationError("a sweep over several workflows needs a scenario")
        scenario = _just_run(flows[0], args)
    elif args:
        raise ConfigurationError("with a scenario, pass the arguments there")
    undisturbed = _Attempt(flows, Random(0))
    expected = await undisturbed.perform(scenario)
    horizon = 2 * undisturbed.commits + 2
    chosen = range(seeds) if isinstance(seeds, int) else list(seeds)
    for seed in chosen:
        attempt = _Attempt(flows, Random(seed))
        attempt.plan(horizon, crashes, failures)
        try:
            outcome = await attempt.perform(scenario)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise SweepFailed(seed, problem, attempt.faults, attempt.history) from error
        if outcome != expected:
            problem = f"the outcome is {outcome!r}, undisturbed it is {expected!r}"
            raise SweepFailed(seed, problem, attempt.faults, attempt.history)
    return len(chosen)


class _Attempt:
    """One environment and what goes wrong in it."""

    def __init__(self, flows: list[Workflow[..., Any]], random: Random) -> None:
        self.commits = 0
        self.history = _NO_HISTORY
        self._flows = {flow.name: flow for flow in flows}
        self._random = random
        self._ids = Random(0)  # the same under every seed: draws of a workflow depend on its id
        self._crashes: dict[int, Moment] = {}
        self._failures = 0.0
        self._shuffled = False

    @property
    def faults(self) -> str:
        """What was to go wrong, in words."""
        lost = [f"{moment} commit {commit}" for commit, moment in sorted(self._crashes.items())]
        return "The worker died " + (", ".join(lost) if lost else "never") + "."

    def plan(self, horizon: int, crashes: float, failures: float) -> None:
        """Decide what goes wrong in the first `horizon` commits."""
        random = self._random
        moments: tuple[Moment, Moment] = ("before", "after")
        hit = [commit for commit in range(1, horizon + 1) if random.random() < crashes]
        random.shuffle(hit)
        self._crashes = {commit: random.choice(moments) for commit in hit[:MAX_CRASHES]}
        self._failures = failures
        self._shuffled = True

    async def perform(self, scenario: Scenario) -> Any:
        """The outcome; raises what the scenario raises, and `HistoryDrift`."""
        env = Environment(
            self._flows.values(),
            (),
            start_at=NOON,
            skip_time=True,
            codec=IDENTITY,
            random=Random(self._random.getrandbits(32)),
            options={},
            new_id=self._new_id,
        )
        env.store.crashes.update(self._crashes)
        if self._shuffled:
            env.faults.disturb(Random(self._random.getrandbits(32)), self._failures)
        await env.open()
        try:
            try:
                outcome = await scenario(env)
            finally:
                await self._take_history(env)
            await self._replay(env)
            self.commits = env.commits
        finally:
            await env.close()
        return outcome

    def _new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)

    async def _take_history(self, env: Environment) -> None:
        for run_id in list(env.store.tables.runs)[:1]:
            self.history = await dump_history(run_id, client=env.client)

    async def _replay(self, env: Environment) -> None:
        for row in list(env.store.tables.runs.values()):
            flow = self._flows.get(row.workflow)
            if flow is not None and row.events:
                text = await dump_history(row.run_id, client=env.client)
                replay_everywhere(flow, parse_history(text))


def _just_run(flow: Workflow[..., Any], args: tuple[Any, ...]) -> Scenario:
    async def run(env: Environment) -> Any:
        handle = await env.start(flow, *args)
        try:
            return "completed", cast("object", await handle.result())
        except WorkflowFailed as failed:
            return "failed", failed.type, failed.error_message
        except WorkflowCancelled as cancelled:
            return "cancelled", cancelled.reason

    return run
