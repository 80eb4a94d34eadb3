"""Random workflows over all effects, with random failures and kills, as they run in production.

100 examples for each test, always the same. `make simulate SEEDS=1000` runs that many programs in
all, other ones every time. A failure prints the smallest example found and how to repeat it.

The workflows use everything that `continuum` offers inside workflows and activities (test_effects
holds them to it), over the memory store and its virtual time. Two things stand in there for what a
thousand examples cannot afford (`standins`): transactions of the memory store, and threads that
die for processes that do. PostgreSQL's transactions and real processes die at each of their commit
boundaries in `test_death_at_every_commit_boundary`, and by SIGKILL in tests/cluster.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest
from hypothesis import HealthCheck, given, note, settings

from tests.simulation.programs import Example, examples
from tests.simulation.properties import check

pytestmark = pytest.mark.timeout(0)  # each execution has its own

TESTS = 5
SEEDS = os.environ.get("CONTINUUM_SIMULATION_SEEDS")

simulated = settings(
    max_examples=100 if SEEDS is None else max(int(SEEDS) // TESTS, 1),
    derandomize=SEEDS is None,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def hold(example: Example) -> None:
    """Check an example; on a failure say how to repeat it."""
    text = json.dumps(example.as_json())
    note(f"repeat it with: .venv/bin/python -m tests.simulation.again {shlex.quote(text)}")
    check(example)


@simulated
@given(examples("activities"))
def test_activities_and_concurrency(example: Example) -> None:
    """Activities of every sort under asyncio's structures end alike whatever happens."""
    hold(example)


@simulated
@given(examples("messages"))
def test_signals_and_incarnations(example: Example) -> None:
    """No signal is lost, doubled or overtaken, across incarnations too."""
    hold(example)


@simulated
@given(examples("family"))
def test_children(example: Example) -> None:
    """Children end as they should, each exactly once."""
    hold(example)


@simulated
@given(examples("sagas", cancels=True))
def test_cancelled_at_any_commit(example: Example) -> None:
    """Whenever a run is asked to stop, its charges are shipped or refunded."""
    hold(example)


@simulated
@given(examples("all", races=True))
def test_random_workflows_survive_crashes_anywhere(example: Example) -> None:
    """All effects, and races that no crash may decide differently in a replay."""
    hold(example)
