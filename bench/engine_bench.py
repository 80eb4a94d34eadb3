"""What the engine alone costs: CPU per workflow of three activities, memory per parked run.

python bench/engine_bench.py [workflows] [parked runs]
"""

from __future__ import annotations

import gc
import resource
import sys
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import continuum
from continuum import activity, workflow
from continuum.engine.execution import Execution, RunIdentity
from continuum.engine.loop import take_generators
from continuum.system import new_run_id

AT = datetime(2026, 1, 1, tzinfo=UTC)


@activity
async def step(number: int) -> int:
    """Never run: the bench gives the result."""
    return number


@workflow
async def three_steps(number: int) -> int:
    """Three activities, one after another."""
    total = await step(number)
    total += await step(total)
    return total + await step(total)


@workflow
async def waiting(number: int) -> int:
    """Parks at a signal with a timeout."""
    await continuum.wait_signal("go", timeout=3600)
    return number


def new(flow: object, run_id: UUID, number: int) -> Execution:
    """A fresh execution of `flow(number)`."""
    return Execution(RunIdentity(run_id, "default", flow, 1, b"[%d]" % number, AT))


def run_one(run_id: UUID, number: int) -> None:
    """One workflow from start to end, encoding every event as the committer would."""
    execution = new(three_steps, run_id, number)
    execution.start(AT)
    for command in (1, 2, 3):
        for entry in execution.collect().entries:
            entry.payload()
        execution.attempt_begun(command, 1)
        execution.attempt_completed(command, 1, b"7", AT)
    for entry in execution.collect().entries:
        entry.payload()
    assert execution.end is not None
    execution.drop()


def cpu_per_workflow(count: int) -> float:
    """Microseconds of CPU per workflow, best of five rounds."""
    ids = [new_run_id() for _ in range(count)]
    best = float("inf")
    take_generators()  # as a worker does around many steps
    for _ in range(5):
        begun = time.process_time()
        for number, run_id in enumerate(ids):
            run_one(run_id, number)
        best = min(best, time.process_time() - begun)
    return best / count * 1e6


def park(count: int) -> list[Execution]:
    """Runs that wait for a signal, as a worker holds them after their turn was committed."""
    parked: list[Execution] = []
    for number in range(count):
        execution = new(waiting, new_run_id(), number)
        execution.start(AT)
        execution.collect()
        parked.append(execution)
    return parked


def resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Print the figures."""
    workflows = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    parked_runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    print(f"{cpu_per_workflow(workflows):8.1f} us CPU per three-activity workflow (engine only)")
    gc.collect()
    before = resident()
    runs = park(parked_runs)
    gc.collect()
    grown = resident() - before
    print(f"{grown / parked_runs:8.0f} bytes resident per parked run ({parked_runs} runs)")
    for run in runs:
        run.drop()
    runs.clear()
    gc.collect()
    tracemalloc.start()
    runs = park(1000)
    gc.collect()
    print(f"{tracemalloc.get_traced_memory()[0] / 1000:8.0f} bytes allocated per parked run")


if __name__ == "__main__":
    main()
