"""Replays in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from continuum import Continuum
from continuum.audit.coverage import Coverage
from continuum.audit.replay_pool import ReplayProcessDied
from tests.audit.shop import BASE, EDITS, Load, park
from tests.worker.cluster import eventually

RUNS = 6


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Writes a module, and gives its loader."""

    def write(name: str, text: str) -> Load:
        (tmp_path / f"{name}.py").write_text(text)
        return Load(str(tmp_path), name)

    return write


async def test_processes_find_what_this_one_finds(dsn: str, load: Any) -> None:
    """The same verdicts, differences and branches, with one run that differs from the others."""
    async with Continuum(dsn) as client:
        base, edited = load("pooled_base", BASE), load("pooled", EDITS["a removed timer"].text)
        await park(client, base()[0], RUNS - 1)
        await park(client, edited()[0], 1, total=5)
        with Coverage(base()) as alone:
            expected = [run async for run in client.replay(base(), coverage=alone)]
        assert Counter(run.verdict for run in expected) == {"same": RUNS - 1, "drift": 1}
        together = Coverage(base())
        progress: list[tuple[int, int]] = []
        async with client.replay_pool(base, 2) as pool:
            found = [
                run
                async for run in client.replay(
                    base(), pool=pool, coverage=together,
                    progress=lambda *done: progress.append(done),
                )
            ]  # fmt: skip
            assert progress[-1] == (RUNS, RUNS)
            adopted = await client.adopt(base(), pool=pool)
        assert sorted(found, key=lambda run: run.run_id) == expected
        assert together.reached("order") == alone.reached("order") != []
        assert together.missed("order") == alone.missed("order") != []
        assert Counter(run.outcome for run in adopted) == {"current": RUNS - 1, "drift": 1}


async def test_code_that_ends_its_process_is_told(dsn: str, load: Any) -> None:
    """One clear error instead of a hang or a traceback."""
    async with Continuum(dsn) as client:
        await park(client, load("pooled_whole", BASE)()[0])
        text = BASE.replace(
            "    await reserve(", "    __import__('os')._exit(7)\n    await reserve("
        )
        fatal = load("pooled_fatal", text)
        async with client.replay_pool(fatal, 1) as pool:
            with pytest.raises(ReplayProcessDied, match="has died"):
                await anext(client.replay(fatal(), pool=pool))


async def test_code_that_never_ends_is_told_with_its_run_and_line(dsn: str, load: Any) -> None:
    """Its process ends, whatever the code catches."""
    loop = "    while total:\n        try:\n            total += 1\n"
    loop += "        except BaseException:\n            pass\n"
    endless = BASE.replace("    await settle(", loop + "    await settle(")
    lines = endless.splitlines()
    first = lines.index("    while total:") + 1
    async with Continuum(dsn) as client:
        [run_id] = await park(client, load("pooled_ending", BASE)()[0])
        edited = load("pooled_endless", endless)
        async with client.replay_pool(edited, 1, limit=1.0) as pool:
            with pytest.raises(ReplayProcessDied) as raised:
                await anext(client.replay(edited(), pool=pool))
        told = re.fullmatch(
            rf"the replay of run {run_id} has not ended after \d s; its code is at "
            r"\S+/pooled_endless.py:(\d+)",
            raised.value.message,
        )
        assert told is not None, raised.value.message
        assert first <= int(told[1]) <= first + 4


SCRIPT = """
import asyncio, multiprocessing, os, sys
from functools import partial
from continuum import Continuum
from continuum.declare.registry import load_app

def load():
    return load_app("tests.audit.endless").versions

async def main():
    async with Continuum(sys.argv[1]) as client, client.replay_pool(load, 1) as pool:
        async for _ in client.replay(load(), pool=pool):
            pass
        print(*[child.pid for child in multiprocessing.active_children()], flush=True)
        await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_processes_end_with_the_one_that_started_them(
    dsn: str, load: Any, tmp_path: Path
) -> None:
    """Killed without a word, it leaves none behind."""
    async with Continuum(dsn) as client:
        await park(client, load("pooled_alone", BASE)()[0])
    (tmp_path / "kept.py").write_text(BASE)
    (tmp_path / "script.py").write_text(SCRIPT.replace("tests.audit.endless", "kept"))
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), dsn],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 1
        process.send_signal(signal.SIGKILL)
    await eventually(lambda: not any(map(_alive, pids)))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
