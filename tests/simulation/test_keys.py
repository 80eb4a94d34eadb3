"""How often a keyed effect happens: again only when its attempt was lost before its result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from continuum.store.activities import AttemptFence, Reservation
from continuum.store.memory.tasks import MemoryActivities
from tests.simulation.chaos import FAULTS
from tests.simulation.outcomes import Outcome
from tests.simulation.programs import Disturbance, Example, Program
from tests.simulation.properties import check, execute, standing_in

TWO_CALLS = Program([["keyed"]])
LABEL = "p0"
REPEATING = "killed before"
"""The one by which the attempt is lost and its result too; a worker that is taken for dead, or
drained, still writes it."""


def perform(disturbance: Disturbance) -> Outcome:
    with standing_in():
        return asyncio.run(execute(TWO_CALLS, disturbance))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 3])
def test_a_keyed_effect_is_repeated_for_each_attempt_lost_before_its_result(
    fault: str, times: int
) -> None:
    """Once and once more for each: there the worker died after the effect and before the commit."""
    outcome = perform(Disturbance(results=[fault] * times))
    assert outcome.effects[LABEL] == 1 + times * (fault == REPEATING)
    assert outcome.given[LABEL] == outcome.effects[LABEL]
    assert outcome.state == "completed"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_commit_repeats_a_keyed_effect_once_at_most(fault: str) -> None:
    """All properties hold wherever it strikes, and no result is followed by another execution."""
    for commit in range(0, 100, 10):
        check(Example(TWO_CALLS, Disturbance(faults={commit: fault}, workers=2, seed=commit)))


def fails(program: Program, disturbance: Disturbance) -> str:
    with standing_in(), pytest.raises(AssertionError) as caught:
        asyncio.run(execute(program, disturbance))
    return str(caught.value)


def test_a_key_given_to_two_at_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every holder taken for dead, both calls would happen."""
    monkeypatch.setattr(MemoryActivities, "_lives", lambda *_: False)
    assert "held it" in fails(TWO_CALLS, Disturbance(seed=1))


def test_an_execution_after_the_result_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were results forgotten, the second call would happen after the first."""

    async def forget(self: Any, fence: AttemptFence, activity: str, key: str) -> Reservation:
        self._tables.results.pop((fence.namespace, activity, key), None)
        return await reserve(self, fence, activity, key)

    reserve = MemoryActivities.reserve_key
    monkeypatch.setattr(MemoryActivities, "reserve_key", forget)
    assert "although it has a result" in fails(TWO_CALLS, Disturbance())
