"""`--timings`: what the program says of its own keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.__main__ import parser, run
from console.app import ConsoleApp
from console.sample import SampleSource
from console.session import Session
from console.timings import Timings
from tests.console.driving import Driver, wait_until


async def test_each_key_counts_when_it_is_painted(tmp_path: Path) -> None:
    """Moving, asking and going elsewhere; the file says how long they took, in their order."""
    app = ConsoleApp(Session(SampleSource(), None))
    timings = Timings(app)
    async with app.run_test(size=(100, 30)) as pilot:
        ui = Driver(app, pilot)
        await ui.settled()
        app.keys.handled = timings.handled
        for key in ("j", "j", "k", "d", "4"):
            await ui.press(key)
        await wait_until(lambda: timings.report()["keys"] == 5, "five keys")
    timings.write(tmp_path / "keys.json")
    report = json.loads((tmp_path / "keys.json").read_text(encoding="utf-8"))
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["max_ms"] < 60_000
    assert report["most_mib"] > 10


def test_a_file_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not at the end of an hour."""
    path = tmp_path / "nowhere" / "keys.json"
    assert run(parser().parse_args(["--timings", str(path)])) == 2
    assert f"--timings: [Errno 2] No such file or directory: '{path}'" in capsys.readouterr().err
