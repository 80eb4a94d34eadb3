"""The sweep: correct workflows pass under every seed, wrong ones are found and named."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from continuum import ConfigurationError, Retry, WorkflowFailed, activity, workflow
from continuum.testing import Environment, SweepFailed, sweep
from tests.testing.shop import (
    Order,
    charge,
    fan_out,
    order_flow,
    racing,
    refund,
    ship,
    waiting,
)

ORDER = Order("o1", 4200)


@activity(retry=Retry(max_attempts=3))
async def flaky(number: int) -> int:
    return number + 1


@workflow
async def steps(number: int) -> int:
    for _ in range(3):
        number = await flaky(number)
    return number


@workflow
async def hidden_state(number: int) -> int:
    """A bug: what it does depends on a variable of the process."""
    calls.append(number)
    return await flaky(len(calls) * 10)


calls: list[int] = []


async def test_correct_workflows_pass() -> None:
    """Completion orders, crashes and absorbed failures change neither result nor time."""
    assert await sweep(order_flow, ORDER, seeds=15) == 15
    assert await sweep(fan_out, 6, seeds=15) == 15
    assert await sweep(steps, 1, seeds=15, failures=0.5) == 15


class Bank:
    """What the outside world has seen."""

    def __init__(self) -> None:
        self.charged: set[str] = set()
        self.shipped: set[str] = set()

    def charge(self, order: Order) -> str:
        self.charged.add(order.id)
        return "payment"

    def refund(self, order_id: str) -> None:
        self.charged.discard(order_id)

    def ship(self, order: Order) -> str:
        self.shipped.add(order.id)
        return "shipped"


@pytest.mark.parametrize("verdict", ["approved", "rejected"])
async def test_a_scenario_with_a_world_of_its_own(verdict: str) -> None:
    """No charge is left without a refund or a shipment, whenever the worker dies."""

    async def scenario(env: Environment) -> Any:
        bank = Bank()
        env.replace(charge, bank.charge)
        env.replace(refund, bank.refund)
        env.replace(ship, bank.ship)
        run = await env.start(order_flow, ORDER)
        await run.signal("fraud_review", verdict)
        with suppress(WorkflowFailed):
            await run.result()
        assert bank.charged == bank.shipped
        return bank.shipped

    assert await sweep(order_flow, scenario=scenario, seeds=20) == 20


async def test_a_race_is_found_and_repeats_with_its_seed() -> None:
    """A result that depends on who ends first differs under some seed, and again under it."""
    with pytest.raises(SweepFailed, match="the outcome is") as found:
        await sweep(racing, 5, seeds=50, crashes=0.0)
    seed = found.value.seed
    assert f"seeds=[{seed}]" in str(found.value)
    assert json.loads(found.value.history)["workflow"] == racing.name
    with pytest.raises(SweepFailed) as again:
        await sweep(racing, 5, seeds=[seed], crashes=0.0)
    assert str(again.value) == str(found.value)


@pytest.mark.drifts
async def test_nondeterminism_is_found() -> None:
    """Code that acts on hidden state does not replay."""
    with pytest.raises((SweepFailed, AssertionError), match=r"drift|outcome|blocked"):
        await sweep(hidden_state, 1, seeds=10)


async def test_what_the_scenario_asserts_is_reported_with_the_seed() -> None:
    """An assertion of the user's fails under a seed: the error names it, and what went wrong."""

    async def scenario(env: Environment) -> None:
        await env.run(steps, 1)
        assert env.attempts(flaky) == 3

    with pytest.raises(SweepFailed, match=r"AssertionError(.|\n)*(before|after) commit") as found:
        await sweep(steps, scenario=scenario, seeds=50)
    assert isinstance(found.value.__cause__, AssertionError)


async def test_a_scenario_that_fails_undisturbed_fails_as_it_is() -> None:
    """Nothing is swept when already the undisturbed run is wrong."""

    async def scenario(env: Environment) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await sweep(waiting, scenario=scenario)


async def test_bad_calls_are_refused() -> None:
    """Several workflows need a scenario; arguments go into it."""
    with pytest.raises(ConfigurationError):
        await sweep([waiting, steps])

    async def scenario(env: Environment) -> None:
        return None

    with pytest.raises(ConfigurationError):
        await sweep(waiting, 1, scenario=scenario)
