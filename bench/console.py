"""`make bench-console`: the console on RUNS runs while 200 of them start every second.

First paint and keys are those of the real program on a pty; questions and the hour of live refresh
are asked of the same program without a terminal, as fast as it answers, which takes a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.engine import resident_mib
from bench.figures import cpu_probe, median, percentile
from bench.query.load import loaded, server
from bench.query.walk import copy_of, traffic
from console.app import ConsoleApp
from console.connections import Connections
from console.screens.runs import RunsScreen
from console.source import RunsQuery
from tests.console.terminal import console_command, on_pty

RUNS: Final = int(os.environ.get("RUNS", "1000000"))
SIZE: Final = (140, 40)
ROUNDS: Final = 5
HOUR: Final = 1800
"""Refreshes of an hour: one each 2 s."""
WARM: Final = 300
"""Refreshes after which memory may not grow any more."""
QUESTIONS: Final = (
    "state = 'failed'",
    "state = 'suspended'",
    "workflow = 'shop:job_01'",
    "attributes.plan = 'pro'",
    "attributes.plan = 'pro' and state = 'failed'",
    "started_at > -1h",
    "stuck",
    "waiting_on like 'signal %'",
    "attributes.plan != 'pro' and state = 'completed'",
    "attributes.nobody = 1",
)
KEYS: Final = (*"jjjjkkj", "End", "Home", *"jjkd", "d", "Space", "u", *"jj23451", "t", "t", "t")


def line(what: str, value: str, target: str, *, met: bool) -> bool:
    """Print a figure beside its target."""
    print(f"{what:<58} {value:>24}   {target:<12} {'ok' if met else 'MISSED'}", flush=True)
    return met


async def first_paint(dsn: str) -> float:
    """Seconds from the start of the process until rows are on screen."""
    began = time.perf_counter()
    async with on_pty(console_command("--dsn", dsn, "-A"), SIZE, {}) as terminal:
        while "▸" not in await terminal.text():
            await asyncio.sleep(0.005)
        return time.perf_counter() - began


async def type_keys(dsn: str, file: Path) -> None:
    """Type at the program, which says in the file how long they took, and leave it."""
    command = console_command("--dsn", dsn, "-A", "--timings", str(file))
    async with on_pty(command, SIZE, {}) as terminal:
        await terminal.shows("▸")
        for _ in range(6):
            for key in KEYS:
                await terminal.press([key])
                await asyncio.sleep(0.06)
        await terminal.send("\x11")
        while not await asyncio.to_thread(file.read_bytes):
            await asyncio.sleep(0.05)


async def inside(dsn: str) -> tuple[Sequence[float], list[str], float, float]:
    """Milliseconds from Enter to rows, what was said to be partial, and memory before and after."""
    opened = await Connections().open(dsn=dsn)
    app = ConsoleApp(opened.session, query=RunsQuery(None))
    taken: list[float] = []
    partial: list[str] = []
    try:
        async with app.run_test(size=SIZE, notifications=True):
            assert isinstance(app.screen, RunsScreen)
            live = app.screen.live
            for question in (*QUESTIONS, *QUESTIONS):
                loads, began = live.loads, time.perf_counter()
                app.screen.ask(RunsQuery(None, question))
                while live.loads == loads:
                    await asyncio.sleep(0.001)
                painted = asyncio.Event()
                app.screen.call_after_refresh(painted.set)
                await painted.wait()
                taken.append(1000 * (time.perf_counter() - began))
                page = app.screen.page
                if page is not None and not page.complete:
                    partial.append(question)
            app.screen.ask(RunsQuery(None))
            warm = 0.0
            for number in range(HOUR):
                loads = live.loads
                live.refresh()
                app.pulse.refresh()
                while live.loads == loads or not app.pulse.idle:
                    await asyncio.sleep(0.001)
                if number == WARM:
                    warm = resident_mib()
            return taken, partial, warm, resident_mib()
    finally:
        await opened.session.close()


def main() -> None:
    """Print the figures."""
    met = True
    with server() as joined, TemporaryDirectory() as folder:
        print(f"{RUNS:,} runs; CPU probe {cpu_probe():.1f} ms", flush=True)
        with copy_of(joined, loaded(joined, RUNS)) as dsn, traffic(dsn):
            paints = [asyncio.run(first_paint(dsn)) for _ in range(ROUNDS)]
            met &= line("first paint after the process starts, s",
                        f"{median(paints):.2f} [{min(paints):.2f}..{max(paints):.2f}]", "< 1.0",
                        met=median(paints) < 1.0)  # fmt: skip
            file = Path(folder) / "keys.json"
            asyncio.run(type_keys(dsn, file))
            told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            met &= line(f"key to repaint, p95 of {told['keys']}, ms",
                        f"{told['p95_ms']:.1f} (p50 {told['p50_ms']:.1f})", "<= 16",
                        met=told["p95_ms"] <= 16)  # fmt: skip
            taken, partial, warm, hour = asyncio.run(inside(dsn))
            met &= line("question to rows, p95, ms",
                        f"{percentile(taken, 95):.0f} (p50 {percentile(taken, 50):.0f})", "< 150",
                        met=percentile(taken, 95) < 150)  # fmt: skip
            print(f"  said to be partial: {', '.join(dict.fromkeys(partial)) or 'none'}")
            met &= line(f"memory after {HOUR} refreshes, MiB", f"{hour:.0f}", "< 200",
                        met=hour < 200)  # fmt: skip
            met &= line(f"growth since refresh {WARM}, MiB", f"{hour - warm:.1f}", "< 5",
                        met=hour - warm < 5)  # fmt: skip
        print(f"CPU probe at the end {cpu_probe():.1f} ms")
    sys.exit(not met)


if __name__ == "__main__":
    main()
