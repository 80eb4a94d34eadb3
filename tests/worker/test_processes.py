"""`executor="process"`: own processes, killed when they should end, crashes counted as crashes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from continuum import activity
from continuum.errors import DefinitionError
from tests.worker import activity_flows as flows
from tests.worker.cluster import Cluster, eventually, new_run


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(autouse=True)
def _fresh() -> None:
    flows.reset()


async def test_cpu_bound_code_runs_in_another_process(cluster: Cluster) -> None:
    """Not this one; and the process is used again."""
    member = await cluster.join(flows.in_process)
    pids: list[int] = []
    for n in (3, 4):
        run_id = await member.worker.create_local(new_run(flows.in_process, n))
        pid, square = await cluster.result(run_id)
        assert square == n * n
        pids.append(pid)
    assert pids[0] == pids[1] != os.getpid()


@pytest.mark.parametrize(("kind", "attempts"), [("KeyError", 1), ("ValueError", 5)])
async def test_errors_keep_their_type_and_the_retry_policy(
    cluster: Cluster, kind: str, attempts: int
) -> None:
    """The failure names the original class; `non_retryable` is applied to it."""
    member = await cluster.join(flows.raising_in_process)
    run_id = await member.worker.create_local(new_run(flows.raising_in_process, kind))
    assert await cluster.result(run_id) == f"{kind} {attempts}"


async def test_a_process_that_dies_is_a_crashed_attempt(cluster: Cluster, tmp_path: Path) -> None:
    """Counted as a crash, not as a failure: the next attempt runs although there are no retries."""
    member = await cluster.join(flows.dying_in_process)
    marker = str(tmp_path / "marker")
    run_id = await member.worker.create_local(new_run(flows.dying_in_process, marker))
    assert await cluster.result(run_id) == "alive"
    assert "activity_attempt_crashed" in await cluster.events(run_id)


async def test_a_timeout_kills_the_process(cluster: Cluster) -> None:
    """Code that never ends stops using the processor."""
    member = await cluster.join(flows.endless_in_process)
    run_id = await member.worker.create_local(new_run(flows.endless_in_process))
    processes = member.worker.activities._executors._processes
    [pid] = await eventually(lambda: processes.busy)
    assert await cluster.result(run_id) == "timeout"
    await eventually(lambda: not alive(pid))


async def test_processes_end_with_a_killed_worker() -> None:
    """SIGKILL of the worker takes a busy process with it."""
    code = (
        "import asyncio, sys\n"
        "from continuum.worker.processes import Processes\n"
        "from tests.worker import activity_flows as flows\n"
        "async def main():\n"
        "    processes = Processes()\n"
        "    work = asyncio.create_task(processes.run(flows.never_ends, b'[]'))\n"
        "    while not processes.busy:\n"
        "        await asyncio.sleep(0.01)\n"
        "    print(processes.busy[0], flush=True)\n"
        "    await work\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not alive(pid))


def test_what_cannot_run_in_a_process_is_refused_at_definition() -> None:
    """Async functions, local functions and heartbeats, with file and line."""
    with pytest.raises(DefinitionError, match=r"test_processes\.py:\d+.*synchronous"):

        @activity(executor="process")
        async def asynchronous() -> None: ...

    with pytest.raises(DefinitionError, match="function of a module"):

        @activity(executor="process")
        def local() -> None: ...

    with pytest.raises(DefinitionError, match="heartbeat"):
        activity(executor="process", heartbeat_timeout=1)(flows.never_ends.fn)
    with pytest.raises(DefinitionError, match="async"):
        activity(transactional=True)(flows.never_ends.fn)
    with pytest.raises(DefinitionError, match="executor"):
        activity(executor="gpu")(flows.never_ends.fn)  # type: ignore[call-overload]
