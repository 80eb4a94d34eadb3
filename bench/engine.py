"""Our side of the figures: throughput, starts, latency, signal, parked memory."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.flows import one_signal, three_steps
from continuum import Continuum


async def throughput(dsn: str, workflows: int) -> float:
    """Workflows per second, client and worker in this process, first start to last result."""
    async with Continuum(dsn) as ct, ct.worker([three_steps]):
        await (await ct.start(three_steps, 0)).result(timeout=30)

        async def one(i: int) -> None:
            run = await ct.start(three_steps, i)
            if await run.result(timeout=120) != i + 3:
                raise AssertionError("wrong result")

        begin = time.perf_counter()
        await asyncio.gather(*(one(i) for i in range(workflows)))
        return workflows / (time.perf_counter() - begin)


async def starts(dsn: str, runs: int) -> float:
    """Starts per second, all at once as a busy client makes them, without a worker."""
    async with Continuum(dsn) as ct:
        await ct.start(three_steps, 0)
        begin = time.perf_counter()
        await asyncio.gather(*(ct.start(three_steps, i) for i in range(runs)))
        return runs / (time.perf_counter() - begin)


async def latency(dsn: str, samples: int) -> list[float]:
    """Milliseconds from start to result of one workflow after another."""
    taken: list[float] = []
    async with Continuum(dsn) as ct, ct.worker([three_steps]):
        for sample in range(samples + 20):
            begin = time.perf_counter()
            await (await ct.start(three_steps, 0)).result(timeout=30)
            if sample >= 20:
                taken.append(1000 * (time.perf_counter() - begin))
    return taken


async def signal(dsn: str, samples: int) -> list[float]:
    """Milliseconds from signal to result of a parked run, one after another."""
    taken: list[float] = []
    async with Continuum(dsn) as ct, ct.worker([one_signal]):
        for sample in range(samples + 20):
            run = await ct.start(one_signal)
            while (await run.get()).state != "suspended":
                await asyncio.sleep(0.002)
            begin = time.perf_counter()
            await run.signal("go", "x")
            await run.result(timeout=30)
            if sample >= 20:
                taken.append(1000 * (time.perf_counter() - begin))
    return taken


def resident_mib() -> float:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


async def parked(dsn: str, runs: int) -> dict[str, float]:
    """Memory of a worker holding `runs` parked runs, and its node rows."""
    async with Continuum(dsn) as ct, ct.worker([one_signal]):
        started = [await (await ct.start(one_signal)).get() for _ in range(10)]
        before = resident_mib()
        for _ in range(runs // 500):
            await asyncio.gather(*(ct.start(one_signal) for _ in range(500)))
        while await ct.count(where=[("eq", "state", "suspended")]) < runs + len(started):
            await asyncio.sleep(0.2)
        return {"mib": resident_mib() - before, "node_rows": len(await ct.nodes())}


def main() -> None:
    """`python -m bench.engine NAME DSN N` prints one JSON value; each runs in its own process."""
    name, dsn, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    measure = {
        "throughput": throughput, "starts": starts, "latency": latency, "signal": signal,
        "parked": parked,
    }  # fmt: skip
    print(json.dumps(asyncio.run(measure[name](dsn, size))))


if __name__ == "__main__":
    main()
