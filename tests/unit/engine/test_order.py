"""Order never depends on turns, batches or memory addresses (rules 4 and 5)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from continuum import workflow
from tests.unit.engine.driver import Driver
from tests.unit.engine.flows import a, b, undo

ROOT = Path(__file__).parents[3]


def test_rule_4_one_event_then_quiescence() -> None:
    """Two completions of one turn are delivered one at a time: command numbers never swap."""

    @workflow
    async def flow() -> None:
        async def slow() -> None:
            await a()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await a(2)

        async def quick() -> None:
            await b()
            await b(2)

        async with asyncio.TaskGroup() as group:
            group.create_task(slow())
            group.create_task(quick())

    together = Driver(flow).start()
    together.execution.attempt_completed(1, 1, b'""', together.now)
    together.execution.attempt_completed(2, 1, b'""', together.now)
    together.commit()

    apart = Driver(flow).start().complete(1, "").complete(2, "")
    assert together.kinds() == apart.kinds()
    assert together.commands()[2:] == ["activity_scheduled a", "activity_scheduled b"]
    assert [k.split("#")[0] for k in together.kinds()[3:]] == [
        "activity_completed", "activity_scheduled", "activity_completed", "activity_scheduled",
    ]  # fmt: skip
    together.check_replays()


@workflow
async def failing_group() -> None:
    """A TaskGroup whose failing child cancels siblings that each compensate."""

    async def child(n: int) -> None:
        try:
            await a(n)
        except asyncio.CancelledError:
            await undo(n)
            raise

    async def bad() -> None:
        await b()

    async with asyncio.TaskGroup() as group:
        for n in range(12):
            group.create_task(child(n))
        group.create_task(bad())


def compensations() -> str:
    """The order in which a failing TaskGroup's siblings compensate."""
    run = Driver(failing_group).start().fail(13)
    scheduled = [e.body() for e in run.journal if e.kind == "activity_scheduled"]
    order = [bytes(body.args).decode() for body in scheduled if body.name == "undo"]
    return " ".join(order)


def test_rule_5_task_group_failure_is_in_creation_order_in_20_processes() -> None:
    """asyncio walks a set of tasks; every process must see the same order."""
    code = "from tests.unit.engine.test_order import compensations; print(compensations())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", f"pad = [object() for _ in range({n} * 997)]\n{code}"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for n in range(20)
    }  # fmt: skip
    assert outputs == {" ".join(f"[{n}]" for n in range(12))}


def test_rule_5_wait_results_iterate_alike() -> None:
    """The sets that `asyncio.wait` returns iterate by creation order, not by address."""

    @workflow
    async def flow() -> list[str]:
        tasks = [asyncio.create_task(a(n), name=str(n)) for n in range(30)]
        done, pending = await asyncio.wait(tasks, timeout=1)
        return [task.get_name() for task in pending] + [task.get_name() for task in done]

    orders = {tuple(Driver(flow).start().advance(1).result) for _ in range(5)}
    assert len(orders) == 1
    assert sorted(map(int, next(iter(orders)))) == list(range(30))


def test_rule_5_nested_gathers_in_a_set() -> None:
    """The future of a `gather` has a creation number too."""

    @workflow
    async def flow() -> list[int]:
        gathers = [asyncio.gather(a(n)) for n in range(10)]
        order = [gathers.index(g) for g in set(gathers)]
        for gathering in gathers:
            gathering.cancel()
        await asyncio.gather(*gathers, return_exceptions=True)
        return order

    assert Driver(flow).start().result == Driver(flow).start().result


def test_host_loops_keep_plain_sets() -> None:
    """Outside workflows asyncio is untouched: `wait` takes and returns ordinary sets."""

    async def main() -> tuple[type, int]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
        done, _ = await asyncio.wait(tasks)
        results = [await one for one in asyncio.as_completed([asyncio.sleep(0, 1)])]
        return type(done), sum(results)

    assert asyncio.run(main()) == (set, 1)
