"""Plans from the command line, with processes that are killed while they apply them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import psycopg

from continuum import Continuum
from tests.cli.processes import COMMAND, Shell, new_shell
from tests.operators import flows

RUNS = 400


def lines(text: str) -> list[dict[str, object]]:
    """Each line as JSON."""
    return [json.loads(line) for line in text.splitlines()]


def acted(dsn: str) -> Counter[object]:
    """How often each run was signalled, by the inboxes: no worker reads them."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT run_id FROM continuum_inbox").fetchall()
    return Counter(run_id for (run_id,) in rows)


async def start(dsn: str, count: int) -> list[str]:
    """Runs that nobody executes."""
    async with Continuum(dsn) as ct:
        runs = [await ct.start(flows.waiting, namespace="billing") for _ in range(count)]
    return [str(run.id) for run in runs]


def killed_while_applying(shell: Shell, words: list[str], least: int) -> None:
    """Start to apply, and kill the process once so many runs have an outcome."""
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=shell.directory, env=shell.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while len(acted(shell.dsn)) < least:
            assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def test_a_killed_apply_is_repeated_and_hits_each_run_once(dsn: str, tmp_path: Path) -> None:
    """SIGKILL three times at different places; then it ends, and every run got one signal."""
    ids = await start(dsn, RUNS)
    shell = new_shell(tmp_path, dsn)
    where = ["--where", "workflow like '%waiting'", "-n", "billing", "--reason", "go on"]
    plan = json.loads(
        await asyncio.to_thread(shell.answer, "plan", "signal", *where, "go", '{"n": 1}')
    )
    assert (plan["count"], plan["status"], plan["reason"]) == (RUNS, "planned", "go on")
    assert acted(dsn) == Counter()
    words = ["apply", plan["id"], "--count", str(RUNS)]
    for least in (1, RUNS // 3, RUNS // 2):
        await asyncio.to_thread(killed_while_applying, shell, [*words, "--rate", "200"], least)
    shown = json.loads(await asyncio.to_thread(shell.answer, "plan", "show", plan["id"]))
    assert shown["status"] == "applying"
    assert 0 < shown["pending"] < RUNS
    assert shown["done"] == len(acted(dsn))
    outcomes = lines(await asyncio.to_thread(shell.answer, *words))
    assert [(each["outcome"], each["runs"]) for each in outcomes] == [("signalled", RUNS)]
    assert set(acted(dsn).values()) == {1}
    assert sorted(map(str, acted(dsn))) == sorted(ids)
    done = await asyncio.to_thread(
        shell.answer, "plan", "show", plan["id"], "--outcome", "done", "--format", "ids"
    )
    assert sorted(done.split()) == sorted(ids)
    async with Continuum(dsn) as ct:
        acts = [
            act
            for page in [await ct.operator_journal(plan_id=plan["id"], act="signal", limit=1000)]
            for act in page.entries
        ]
    assert len(acts) == len({act.run_id for act in acts}) == RUNS


async def test_the_commands_of_plans(dsn: str, tmp_path: Path) -> None:
    """Plan, refuse a wrong count, apply, show, list; who and why are on record."""
    [first, second] = await start(dsn, 2)
    shell = new_shell(tmp_path, dsn)

    def answer(*words: str) -> str:
        return shell.answer(*words)

    def use() -> None:
        operator = ["--operator", "ann", "--reason", "test"]
        plan = json.loads(answer("plan", "cancel", "--where", "true", "-n", "billing", *operator))
        assert (plan["operator"], plan["count"], plan["sample"]) == ("ann", 2, [second, first])
        wrong = shell.run("apply", plan["id"], "--count", "20")
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "acts upon 2 runs, not 20" in wrong.stderr
        assert shell.run("apply", plan["id"]).returncode == 2
        answer("cancel", first, "--force", "--operator", "bob")
        outcomes = lines(answer("apply", plan["id"], "--count", "2", "--operator", "carol"))
        assert {each["outcome"]: each["runs"] for each in outcomes} == {
            "cancel requested": 1, "already cancelled": 1,
        }  # fmt: skip
        [skipped] = lines(answer("plan", "show", plan["id"], "--outcome", "skipped"))
        assert (skipped["id"], skipped["detail"]) == (first, "already cancelled")
        [listed] = lines(answer("plan", "list"))
        assert (listed["id"], listed["status"], listed["done"]) == (plan["id"], "applied", 1)
        journal = lines(answer("journal"))
        assert [(each["operator"], each["act"], each["reason"]) for each in journal] == [
            ("carol", "cancel", "test"),
            ("carol", "apply", "test"),
            ("bob", "cancel", None),
            ("ann", "plan cancel", "test"),
        ]
        assert [each["run_id"] for each in journal] == [second, None, first, None]
        assert answer("journal", "--by", "bob", "--since", "-1h", "--format", "ids") == first
        history = lines(answer("show", second, "--history"))
        assert [each["type"] for each in history] == ["operator_cancel"]
        for words, code in (
            (["plan", "cancel"], 2),
            (["plan", "show", second], 1),
            (["plan", "cancel", "--where", "stat = 1"], 2),
            (["reasons", "--require"], 2),
        ):
            assert shell.run(*words).returncode == code

    await asyncio.to_thread(use)


async def test_reasons_are_wanted_on_the_command_line(dsn: str, tmp_path: Path) -> None:
    """One clear line, exit 1, and nothing changed; with --reason it is done."""
    [run_id] = await start(dsn, 1)
    shell = new_shell(tmp_path, dsn)

    def use() -> None:
        assert json.loads(shell.answer("reasons", "--require", "-n", "billing")) == {
            "namespace": "billing"
        }
        for words in (
            ["cancel", run_id],
            ["signal", run_id, "go"],
            ["attributes", "set", run_id, "a=1"],
            ["plan", "cancel", "--where", "true", "-n", "billing"],
            ["cancel", "--where", "true", "-n", "billing", "--yes"],
        ):
            refused = shell.run(*words)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert refused.stderr.count("\n") == 1
            assert "namespace billing wants a reason" in refused.stderr
            assert "--reason" in refused.stderr
        assert acted(dsn) == Counter()
        shell.answer("signal", run_id, "go", "--reason", "because")
        assert len(acted(dsn)) == 1

    await asyncio.to_thread(use)
