"""`continuum audit --replay` and `continuum adopt`, as they are typed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from continuum import Continuum
from continuum.cli import replays
from continuum.declare.registry import load_app
from tests.audit.shop import BASE, EDITS, PATCHED, REFACTORED, park
from tests.cli.processes import Done, Shell
from tests.worker.cluster import eventually


class Prompt:
    """Commands typed beside the modules of several releases."""

    def __init__(self, directory: Path, dsn: str) -> None:
        self._directory = directory
        self._shell = Shell(directory, dsn)
        self._dsn = dsn

    def write(self, name: str, text: str) -> str:
        """A module of the application."""
        (self._directory / f"{name}.py").write_text(text)
        return name

    async def run(self, *words: str) -> Done:
        """On a thread: a command has an event loop of its own."""
        return await asyncio.to_thread(self._shell.run, *words)

    async def parked(self, name: str, runs: int = 1, **options: Any) -> list[UUID]:
        """Runs of a module's workflow that wait for their approval."""
        flow = load_app(name).workflows["order"]
        async with Continuum(self._dsn) as client:
            return await park(client, flow, runs, **options)


@pytest.fixture
def prompt(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Prompt:
    """A prompt on a database of this test's own."""
    monkeypatch.syspath_prepend(tmp_path)
    return Prompt(tmp_path, dsn)


async def test_a_deploy_that_breaks_a_run_is_stopped(prompt: Prompt) -> None:
    """Exit code 1; run, both sides, file and line; who recorded it; in every format."""
    [run_id] = await prompt.parked(prompt.write("replayed_v1", BASE))
    edit = EDITS["a changed signal name"]
    app = prompt.write("replayed_v2", edit.text)
    line = f"replayed_v2.py:{edit.number()}"
    table = await prompt.run("audit", "--replay", "--app", app, "--format", "table")
    assert (table.returncode, table.stderr) == (1, "")
    assert table.stdout.startswith("1 live run replayed: 0 same, 1 drift, 0 not loadable\n")
    assert line in table.stdout
    assert str(run_id) in table.stdout
    done = await prompt.run("audit", "--replay", "--app", app, "--format", "json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert answer["verdicts"] == {"same": 0, "drift": 1, "not-loadable": 0}
    [run] = answer["replayed"]
    assert run["drift"] == {
        "message": f"drift at command 5: the journal records signal_awaited approved (seq 10), "
        f"the code issued signal_awaited accepted at {line}",
        "command": 5, "recorded": "signal_awaited approved",
        "issued": "signal_awaited accepted", "location": line, "parks": True,
    }  # fmt: skip
    assert (run["id"], run["recorded_by"]) == (str(run_id), "replayed_v1.py:26")
    [covered] = answer["coverage"]
    assert (covered["workflow"], covered["runs"]) == ("order", 1)
    assert "replayed_v2.py:24 (else)" in covered["not_reached"]
    assert "replayed_v2.py:21 (if)" in covered["reached"]
    ids = await prompt.run("audit", "--replay", "--app", app, "--format", "ids")
    assert (ids.returncode, ids.stdout.split()) == (1, [str(run_id)])


async def test_a_deploy_that_breaks_nothing_passes(prompt: Prompt) -> None:
    """Exit code 0; patches and branches are counted; one line a run in jsonl."""
    ids = await prompt.parked(prompt.write("passed_v1", BASE), 2)
    app = prompt.write("passed_v2", PATCHED)
    done = await prompt.run("audit", "--replay", "--app", app, "--format", "json")
    assert done.returncode == 0, done.stderr
    [covered] = json.loads(done.stdout)["coverage"]
    assert covered["patches"] == {"thanks": {"taken": 0, "not_taken": 2, "not_reached": 0}}
    lines = await prompt.run("audit", "--replay", "--app", app, "--sample", "1")
    [run] = map(json.loads, lines.stdout.splitlines())
    assert run["verdict"] == "same"
    assert UUID(run["id"]) in ids
    none = await prompt.run("audit", "--replay", "--app", app, "-n", "empty", "--format", "json")
    assert (none.returncode, json.loads(none.stdout)) == (
        0, {"replayed": [], "verdicts": {"same": 0, "drift": 0, "not-loadable": 0}, "coverage": []},
    )  # fmt: skip
    missing = prompt.write("passed_v3", BASE.replace('name="order"', 'name="other"'))
    table = await prompt.run("audit", "--replay", "--app", missing, "--format", "table")
    assert table.returncode == 0
    assert "no workflow order is loaded" in table.stdout


async def test_many_runs_are_replayed_in_processes(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same report, from the processes that the command starts."""
    await prompt.parked(prompt.write("many_v1", BASE), 3)
    app = prompt.write("many_v2", EDITS["swapped branches"].text)
    words = ("audit", "--replay", "--app", app, "--format", "json")
    alone = await prompt.run(*words)
    monkeypatch.setattr(replays, "WORTH_PROCESSES", 2)
    together = await prompt.run(*words)
    assert alone.returncode == together.returncode == 1
    assert json.loads(together.stdout) == json.loads(alone.stdout)
    done = await prompt.run("adopt", "--where", "id is not null", "--app", app)
    assert (done.returncode, done.stdout.count('"outcome":"drift"')) == (1, 3)


async def test_adopting_from_the_command_line(prompt: Prompt) -> None:
    """A dry run, then the real one; then the history tells of it and nothing is left to do."""
    [run_id] = await prompt.parked(prompt.write("adopted_v1", BASE))
    app = prompt.write("adopted_v2", REFACTORED)
    where = ("--where", "workflow = 'order'", "--app", app)
    dry = await prompt.run("adopt", *where, "--format", "table")
    assert (dry.returncode, dry.stderr) == (0, "nothing was changed; --execute does it\n")
    assert "would be adopted" in dry.stdout
    assert str(run_id) in dry.stdout
    done = await prompt.run("adopt", *where, "--execute")
    assert done.returncode == 0
    [line] = map(json.loads, done.stdout.splitlines())
    assert (line["id"], line["outcome"]) == (str(run_id), "adopted")
    again = await prompt.run("adopt", *where, "--execute", "--format", "ids")
    assert (again.returncode, again.stdout) == (0, "")
    history = await prompt.run("show", str(run_id), "--history", "--format", "table")
    assert "run_adopted" in history.stdout
    assert line["version_hash"] in history.stdout


async def test_show_says_that_a_run_drifted(prompt: Prompt, dsn: str) -> None:
    """With the recorded error, as a table and as JSON."""
    [run_id] = await prompt.parked(prompt.write("shown_v1", BASE + "\nLIMIT = 100\n"))
    loose = BASE.replace("    if total > 100:", "    if total > LIMITS['a']:").replace(
        "import continuum\n", "import continuum\nLIMITS = {'a': 100}\n", 1
    )
    good, bad = (
        prompt.write("shown_v2", loose),
        prompt.write("shown_v3", loose + "\nLIMITS['a'] = 999\n"),
    )
    assert (
        await prompt.run("adopt", "--where", "id is not null", "--app", good, "--execute")
    ).returncode == 0
    async with Continuum(dsn) as client, client.worker([load_app(bad).workflows["order"]]):
        await client.signal(run_id, "approved", "yes")

        async def drifted() -> bool:
            return str((await client.get_run(run_id)).waiting_on).startswith("blocked: ")

        await eventually(drifted)
    error = "blocked: drift at command 3: the journal records activity_scheduled charge"
    table = await prompt.run("show", str(run_id), "--format", "table")
    assert error in table.stdout
    shown = json.loads((await prompt.run("show", str(run_id), "--format", "json")).stdout)
    assert shown["waiting_on"].startswith(error)
    assert "shown_v3.py:" in shown["waiting_on"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("audit", "--replay"), "continuum audit --replay needs --app"),
        (("audit", "--sample", "3"), "--where, --sample and --per-version need --replay"),
        (("audit", "--replay", "--strict"), "--strict and --replay exclude each other"),
        (("audit", "--replay", "--per-version", "--app", "x"), "--per-version needs --sample"),
        (("audit", "--replay", "--app", "x", "--format", "csv"), "a replay is printed as"),
        (("adopt", "--where", "state = 'failed'"), "continuum adopt needs --app"),
        (("adopt", "--where", "state = ", "--app", "usage_v1"), "the expression ends wrongly"),
        (("adopt", "--app", "usage_v1"), "continuum adopt needs --where"),
        (("adopt", "--app", "nowhere", "--where", "x"), "no module named 'nowhere'"),
    ],
)
def test_wrong_usage_is_one_line(prompt: Prompt, words: tuple[str, ...], error: str) -> None:
    """What, where and what to do; exit code 2; before anything connects."""
    prompt.write("usage_v1", BASE)
    done = prompt._shell.run(*words, "--dsn", "postgresql://nowhere.invalid/x")
    assert done.returncode == 2, done.stderr
    assert error in done.stderr
    assert done.stderr.count("\n") == 1
