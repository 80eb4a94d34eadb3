"""Questions between processes: the command in a pipe, askers that die, polls without hints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from continuum import Continuum, QuestionUnanswered, ResultTimeout
from tests.asking import flows
from tests.asking.flows import Address
from tests.asking.test_asking import ELM, OAK, kinds, waits_for
from tests.cli.processes import FLOWS, Shell, new_shell
from tests.retention.loading import assert_nothing_loose
from tests.worker.cluster import eventually

ASKED = f'''{FLOWS}

@workflow
async def doubling() -> int:
    """Doubles numbers, until it is told to stop."""
    while True:
        question = await continuum.wait_question("double", type=int)
        if question.value == 0:
            return 0
        if question.value > 100:
            question.refuse("too much")
            continue
        if question.value == 13:
            await continuum.wait_signal("luck")
        question.answer({{"doubled": question.value * 2}})
'''


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    shell = new_shell(tmp_path, dsn)
    (tmp_path / "flows.py").write_text(ASKED)
    return shell


def test_asking_in_a_pipe(shell: Shell) -> None:
    """The answer is JSON on stdout; what is no answer is one line on stderr and an exit code."""
    with shell.worker():
        run = shell.answer("start", "flows:doubling", "--format", "ids", "--key", "k")
        piped = shell.pipe(
            "echo 21 | continuum ask k double - --id q --timeout 30"
            """ | python3 -c 'import json, sys; print(json.load(sys.stdin)["doubled"])'"""
        )
        assert (piped.stdout, piped.stderr, piped.returncode) == ("42\n", "", 0)
        again = shell.answer("ask", run, "double", "21", "--id", "q", "--format", "json")
        assert json.loads(again) == {"doubled": 42}
        refused = shell.run("ask", run, "double", "101")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == f"error: run {run} refused question double: too much\n"
        typed = shell.run("ask", run, "double", '"much"')
        assert "Expected `int`, got `str`" in typed.stderr
        late = shell.run("ask", run, "double", "13", "--id", "late", "--timeout", "0.2")
        assert (late.returncode, late.stdout) == (1, "")
        assert "has not answered question double (late) within 0.2 s" in late.stderr
        shell.answer("signal", run, "luck")
        assert json.loads(shell.answer("ask", run, "double", "13", "--id", "late")) == {
            "doubled": 26
        }
        ended = shell.run("ask", run, "double", "0", "--id", "end")
        assert (ended.returncode, "it ended without an answer" in ended.stderr) == (1, True)
        over = shell.run("ask", run, "double", "1")
        assert (over.returncode, "completed" in over.stderr) == (1, True)
    history = shell.answer("show", run, "--history", "--format", "jsonl")
    types = [json.loads(line)["type"] for line in history.splitlines()]
    assert types.count("question_received") == 5
    assert types.count("operator_ask") == 7


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["q", "not json"], "payload is not valid JSON"),
        (["q", "--timeout", "-1"], "--timeout"),
        (["q", "--format", "csv"], "an answer is one JSON value"),
        (["q", "--id", ""], "question id has 1 to 255 characters"),
        (["", "1"], "question name has 1 to 255 characters"),
        ([], "NAME"),
    ],
)
def test_wrong_usage_asks_nothing(shell: Shell, words: list[str], complaint: str) -> None:
    """One line, exit code 2, and nothing is written."""
    run = shell.answer("start", "flows:doubling", "--app", "flows", "--format", "ids")
    done = shell.run("ask", run, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    with psycopg.connect(shell.dsn or "") as connection:
        assert connection.execute("SELECT count(*) FROM continuum_questions").fetchone() == (0,)


def test_a_read_only_profile_asks_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so before anything is sent."""
    profiles = shell.directory / "profiles.toml"
    profiles.write_text(f'[prod]\ndsn = "{shell.dsn}"\nread_only = true\n')
    monkeypatch.setenv("CONTINUUM_PROFILES", str(profiles))
    done = shell.run("ask", str(UUID(int=1)), "q", "--profile", "prod")
    assert (done.returncode, "profile prod is read-only" in done.stderr) == (2, True)


async def test_an_asker_that_is_killed_gets_the_answer_later(shell: Shell) -> None:
    """The question is durable before anybody waits; repeated, it is the same one."""
    assert shell.dsn is not None
    async with Continuum(shell.dsn) as ct:
        with shell.worker():
            run = await ct.start("flows:doubling")
            words = ("ask", str(run.id), "double", "13", "--id", "killed")
            with shell.start(*words) as asker:
                await waits_for(ct, run, "signal luck")
                asker.kill()
                await asyncio.to_thread(asker.wait)
            await run.signal("luck")
            answer = await asyncio.to_thread(shell.answer, *words)
            assert json.loads(answer) == {"doubled": 26}
            assert (await kinds(ct, run.id)).count("question_received") == 1
            await run.cancel(force=True)


async def test_a_question_waits_for_a_worker_and_outlives_one(dsn: str) -> None:
    """Asked of a run that nobody owns, and held by a run whose worker has gone: one question."""
    flows.reset()
    async with Continuum(dsn) as ct:
        run = await ct.start(flows.deciding)
        with pytest.raises(ResultTimeout):
            await run.ask("decide", 1, id="first", timeout=0)
        async with ct.worker(flows.ALL):
            await waits_for(ct, run, "signal go")
        waiting = asyncio.create_task(run.ask("decide", 1, id="first", timeout=60))
        async with ct.worker(flows.ALL):
            await run.signal("go")
            assert await run.ask("decide", 2, timeout=30) == ["second", 2]
            assert await waiting == ["first", 1]
        assert (await kinds(ct, run.id)).count("question_received") == 2


async def test_without_hints_the_poll_finds_the_answer(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the question, of the answer, and of an end without one."""
    monkeypatch.setenv("CONTINUUM_HINTS", "off")
    flows.reset()
    async with Continuum(dsn) as ct, Continuum(dsn) as other, ct.worker(flows.ALL):
        run = await ct.start(flows.parcel, ELM)
        assert await other.ask(run.id, "redirect", OAK, type=Address, timeout=30) == OAK
        waiting = asyncio.create_task(other.ask(run.id, "nobody waits", timeout=30))
        await eventually(lambda: _asked(dsn, 2))
        await run.cancel(force=True)
        with pytest.raises(QuestionUnanswered):
            await waiting


async def test_one_connection_listens_for_ends_and_answers(dsn: str) -> None:
    """Whoever waits for both in one process has no second listener."""
    flows.reset()
    async with Continuum(dsn) as ct, Continuum(dsn) as other, ct.worker(flows.ALL):
        run = await ct.start(flows.parcel, ELM)
        result = asyncio.create_task(other.result(run.id, timeout=30))
        assert await other.ask(run.id, "redirect", OAK, type=Address, timeout=30) == OAK
        listening = "query LIKE 'LISTEN%continuum_ended%'"

        async def one() -> bool:
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                rows = await connection.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    f" WHERE datname = current_database() AND {listening}"
                )
                return await rows.fetchone() == (1,)

        await eventually(one)
        await run.cancel(force=True)
        with pytest.raises(Exception, match="cancelled"):
            await result


async def test_questions_go_with_their_run(dsn: str) -> None:
    """A prune removes both, and the id asks anew of nobody."""
    flows.reset()
    async with Continuum(dsn) as ct, ct.worker(flows.ALL):
        run = await ct.start(flows.parcel, ELM)
        await run.ask("redirect", OAK, id="q")
        await run.cancel(force=True)
        assert (await ct.prune(older_than=0, execute=True)).runs == 1
    assert_nothing_loose(dsn)
    assert not await _asked(dsn, 1)


async def _asked(dsn: str, count: int) -> bool:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        rows = await connection.execute("SELECT count(*) FROM continuum_questions")
        return await rows.fetchone() == (count,)
