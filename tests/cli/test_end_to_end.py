"""The command line against a real database and real workers."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from continuum import Continuum
from tests.cli.processes import Shell, lines, new_shell

ORDER = '{"id": "o1", "amount": 4200}'


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    return new_shell(tmp_path, dsn)


async def start_orders(dsn: str, count: int) -> None:
    """Orders in three namespaces; three of 36 in a row on the plan `pro`."""
    async with Continuum(dsn) as client:
        await asyncio.gather(
            *(
                client.start(
                    "flows:order_flow",
                    {"id": f"o{number}", "amount": number},
                    namespace=("billing", "orders", "reports")[number % 3],
                    attributes={"plan": "pro" if number % 36 < 3 else "free"},
                )
                for number in range(count)
            )
        )


async def wait_for(dsn: str, run_ids: Sequence[str]) -> None:
    """Until these runs have completed."""
    async with Continuum(dsn) as client:
        await asyncio.gather(*(client.result(run_id, timeout=30) for run_id in run_ids))


def test_query_piped_into_signal_completes_the_orders(shell: Shell) -> None:
    """200 orders in three namespaces: those that a query finds are signalled through xargs."""
    with shell.worker():
        assert shell.dsn is not None
        asyncio.run(start_orders(shell.dsn, 200))
        where = '[["eq",["attributes","plan"],"pro"]]'
        matching = lines(
            shell.answer("query", "-n", "billing", "--where", where, "--all", "--format", "ids")
        )
        assert len(matching) == 6
        done = shell.pipe(
            f"continuum query -n billing --where '{where}' --format ids"
            """ | xargs -I RUN continuum signal RUN fraud_review '"approved"' --format ids"""
        )
        assert done.returncode == 0, done.stderr
        assert sorted(lines(done.stdout)) == sorted(matching)
        value = json.loads(shell.answer("result", matching[0], "--timeout", "30"))
        assert value.endswith(" approved")
        asyncio.run(wait_for(shell.dsn, matching))
    groups = [
        json.loads(line)
        for line in lines(shell.answer("query", "-A", "--group-by", "state,namespace"))
    ]
    counts = {(group["state"], group["namespace"]): group["count"] for group in groups}
    assert counts["completed", "billing"] == 6
    assert sum(counts.values()) == 200
    assert all(namespace == "billing" for state, namespace in counts if state == "completed")


def test_xargs_may_put_the_run_last(shell: Shell) -> None:
    """`xargs -n1 continuum signal NAME PAYLOAD` appends the id, and that is understood."""
    with shell.worker():
        run_id = shell.answer("start", "order_flow", "--input", ORDER, "-n", "billing")
        done = shell.pipe(
            "continuum query -n billing --format ids"
            """ | xargs -n1 continuum signal fraud_review '"late"'"""
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(shell.answer("result", run_id)) == "payment-o1 late"


def test_start_show_signal_result(shell: Shell) -> None:
    """The life of one run, from the outside; each answer in its documented shape."""
    with shell.worker():
        words = ["--input", ORDER, "--attribute", "plan=pro", "--attribute", "tier=4"]
        run_id = shell.answer("start", "order_flow", "-n", "billing", *words)
        waiting = shell.run("result", run_id, "--timeout", "0.2")
        assert (waiting.returncode, waiting.stdout) == (1, "")
        shell.answer("attributes", "set", run_id, "tier=5", "--unset", "plan")
        shell.answer("signal", run_id, "fraud_review", '"approved"')
        assert shell.answer("result", run_id) == '"payment-o1 approved"'
        assert shell.answer("show", run_id, "--published") == "{}"
        assert shell.run("show", run_id, "--published", "--history").returncode == 2
        shown = json.loads(shell.answer("show", run_id))
        assert shown["attributes"] == {"tier": 5}
        assert shown["state"] == "completed"
        assert shown["output"] == "payment-o1 approved"
        assert shown["input"] == [json.loads(ORDER)]
        entries = [json.loads(line) for line in lines(shell.answer("show", run_id, "--history"))]
        acts = [each for each in entries if each["type"].startswith("operator_")]
        assert [each["type"] for each in acts] == ["operator_attributes_set", "operator_signal"]
        history = [each for each in entries if each not in acts]
        assert [event["seq"] for event in history] == list(range(1, len(history) + 1))
        assert history[-1]["type"] == "run_completed"
        late = shell.run("signal", run_id, "fraud_review")
        assert (late.returncode, late.stdout) == (1, "")
        assert late.stderr == f"error: run {run_id} has already ended: completed\n"


def test_start_and_wait(shell: Shell) -> None:
    """--wait prints id and value; a failed run is exit 1; defaults of parameters hold."""
    with shell.worker():
        run_id, value = lines(
            shell.answer("start", "add", "--app", "flows", "--input", "41", "--wait")
        )
        assert value == "42"
        assert shell.answer("show", run_id, "--format", "ids") == run_id
        failed = shell.run("start", "flows:broken", "--input", '"no luck"', "--wait")
        assert failed.returncode == 1
        assert len(lines(failed.stdout)) == 1
        assert "ValueError: no luck" in failed.stderr
        assert shell.run("result", failed.stdout.strip()).returncode == 1


def test_inputs_from_file_and_stdin(shell: Shell) -> None:
    """@FILE and - read the JSON of an argument."""
    (shell.directory / "left.json").write_text("40")
    words = ["start", "add", "--app", "flows", "--input", "@left.json", "--input", "-"]
    with shell.worker():
        done = shell.run(*words, "--wait", stdin="2\n")
        assert lines(done.stdout)[1] == "42"


def test_cancel_in_every_way(shell: Shell) -> None:
    """Cooperatively, by force, by condition: the states say so, and a second time is a no."""
    with shell.worker():
        ids = [shell.answer("start", "order_flow", "--input", ORDER) for _ in range(3)]
        shell.answer("cancel", ids[0], "--reason", "changed mind")
        ended = shell.run("result", ids[0], "--timeout", "30")
        assert ended.returncode == 1
        assert "changed mind" in ended.stderr
        shell.answer("cancel", ids[1], "--force")
        assert json.loads(shell.answer("show", ids[1]))["state"] == "cancelled"
        assert shell.run("cancel", ids[1]).returncode == 1
        where = '[["eq","state","suspended"]]'
        assert json.loads(shell.answer("cancel", "--where", where, "--dry-run"))["matches"] == 1
        done = json.loads(shell.answer("cancel", "--where", where, "--yes"))
        assert done == {"outcome": "cancel requested", "runs": 1, "sample": [ids[2]]}


def test_pages_meet_without_gap(shell: Shell) -> None:
    """The cursor on stderr leads to the next page, until it is null."""
    assert shell.dsn is not None
    with shell.worker():
        asyncio.run(start_orders(shell.dsn, 30))
    seen: list[str] = []
    words: list[str] = []
    while True:
        page = shell.run("query", "-A", "--limit", "12", "--format", "ids", *words)
        seen += lines(page.stdout)
        cursor = page.stderr.split("next_cursor: ")[1].split(",")[0]
        if cursor == "null":
            break
        words = ["--cursor", cursor]
    assert len(seen) == len(set(seen)) == 30
    foreign = shell.run("query", "-n", "billing", "--limit", "12", "--cursor", words[1])
    assert foreign.returncode == 2


def test_a_reader_that_stops_is_no_error(shell: Shell) -> None:
    """`| head -1` ends quietly."""
    assert shell.dsn is not None
    with shell.worker():
        asyncio.run(start_orders(shell.dsn, 60))
    done = shell.pipe("{ continuum query -A --all; echo rc $? >&2; } | head -1")
    assert "rc 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_a_terminal_gets_a_table(shell: Shell) -> None:
    """On a terminal the default is a table, in a pipe JSON lines."""
    with shell.worker():
        run_id = shell.answer("start", "order_flow", "--input", ORDER)
    screen = shell.on_terminal("query", "--columns", "id,workflow")
    assert screen.splitlines()[0].split() == ["ID", "WORKFLOW"]
    assert screen.splitlines()[1].split() == [run_id, "flows:order_flow"]
    assert json.loads(shell.answer("query"))["id"] == run_id


def test_ctrl_c_is_quiet(shell: Shell) -> None:
    """Following a run that waits is ended by Ctrl-C, with 130 and without a word."""
    with shell.worker():
        run_id = shell.answer("start", "order_flow", "--input", ORDER)
        with shell.start("show", run_id, "--follow") as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["type"] == "run_started"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            assert (process.returncode, errors) == (130, "")


def test_watching_follows_changes_until_ctrl_c(shell: Shell) -> None:
    """In a pipe, each change of a run is a line at once; Ctrl-C ends it with 130 and no word."""
    with shell.worker():
        run_id = shell.answer("start", "order_flow", "--input", ORDER)
        text = "workflow like '%order_flow' and started_at > -1h"
        with shell.start("query", text, "--watch", "--interval", "0.1") as process:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["waiting_on"] is None:
                pass
            shell.answer("signal", run_id, "fraud_review", '"approved"')
            while json.loads(process.stdout.readline())["state"] != "completed":
                pass
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            assert process.returncode == 130
            assert all("complete: true, read at: " in line for line in errors.splitlines())


def test_nodes_come_and_go(shell: Shell) -> None:
    """A worker is listed while it works, and gone after SIGTERM, with exit code 0."""
    with shell.worker() as worker:
        node = json.loads(shell.answer("nodes"))
        assert node["state"] == "live"
        assert node["pid"] == worker.pid
        assert node["workflows"] == ["flows:add", "flows:broken", "flows:order_flow"]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    assert shell.answer("nodes") == ""


def test_namespaces_reveal_nothing(shell: Shell) -> None:
    """With -n, a run of another namespace is not found, by any command."""
    with shell.worker():
        run_id = shell.answer("start", "order_flow", "--input", ORDER, "-n", "billing")
        missing = shell.run("show", run_id, "-n", "orders")
        assert missing.returncode == 1
        assert missing.stderr.startswith(f"error: run {run_id} not found")
        assert shell.run("signal", run_id, "fraud_review", "-n", "orders").returncode == 1
        assert shell.run("cancel", run_id, "-n", "orders").returncode == 1
        assert shell.run("attributes", "set", run_id, "a=1", "-n", "orders").returncode == 1
        assert json.loads(shell.answer("show", run_id, "-n", "billing"))["attributes"] == {}


def test_unknown_things_are_a_no(shell: Shell) -> None:
    """Unknown run: exit 1, one line; an unknown workflow: exit 1, and no run exists."""
    for words in (["show"], ["result"], ["cancel"]):
        done = shell.run(*words, str(uuid4()))
        assert (done.returncode, done.stdout) == (1, "")
        assert len(lines(done.stderr)) == 1
    assert shell.run("start", "order_flow").returncode == 1
    assert shell.run("start", "nothing", "--app", "flows").returncode == 1
    assert shell.answer("query", "-A", "--count") == "0"


def test_arguments_are_checked_against_the_code(shell: Shell) -> None:
    """With --app, a wrong argument is exit 2 before anything is written."""
    wrong = '{"id": "o1", "amount": "much"}'
    done = shell.run("start", "order_flow", "--app", "flows", "--input", wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert "amount" in done.stderr
    assert len(lines(done.stderr)) == 1
    assert shell.run("start", "add", "--app", "flows").returncode == 2
    assert shell.answer("query", "-A", "--count") == "0"
