"""`continuum schedules`, from the command line to the database."""

from __future__ import annotations

import json

import pytest

from continuum import Continuum
from continuum.cli.main import run
from tests.schedules.flows import tick


def test_a_schedule_from_creation_to_removal(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command prints the schedule; `show` its times; a missing one is the answer no."""

    def cli(*words: str) -> tuple[int, str, str]:
        code = run([*words, "--dsn", dsn])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    app = ("--app", "tests.schedules.flows")
    create = ("schedules", "create", "nightly", "tick", "--cron", "0 3 * * *", "--paused", *app)
    code, out, _ = cli(*create, "--input", "null", "--attribute", "plan=pro")
    made = json.loads(out)
    assert (code, made["status"], made["times"]) == (0, "paused", "0 3 * * * UTC")
    assert (made["workflow"], made["attributes"]) == (tick.name, {"plan": "pro"})
    code, _, err = cli(*create, "--input", "null")
    assert code == 1
    assert err == (
        "error: namespace default has a schedule 'nightly'"
        " (to change it: replace=True, --replace on the command line)\n"
    )
    assert json.loads(cli("schedules", "resume", "nightly")[1])["status"] == "active"
    code, out, _ = cli("schedules", "trigger", "nightly")
    shown = json.loads(cli("schedules", "show", "nightly")[1])
    assert [each["run_id"] for each in shown["firings"]] == [out.strip()]
    assert len(shown["next_times"]) == 5
    assert cli("schedules", "list", "--format", "ids") == (0, "nightly\n", "")
    assert cli("schedules", "list", "-n", "other")[:2] == (0, "")
    assert cli("schedules", "delete", "nightly")[0] == 0
    code, _, err = cli("schedules", "show", "nightly")
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cron", "x"], "error: 'x' is no cron expression"),
        ([], "error: a schedule has either a cron expression or an interval"),
        (["--every", "0.1"], "error: the interval is 1 seconds to ten years, not 0.1 s"),
        (["--cron", "0 3 * * *", "--timezone", "Berlin"], "error: there is no time zone 'Berlin'"),
        (["--every", "60", "--overlap", "both"], "error: overlap cannot be 'both'"),
        (["--every", "60", "-A"], "error: a schedule is in one namespace"),
    ],
)
async def test_bad_usage_is_told_in_one_line_and_writes_nothing(
    words: list[str], message: str, dsn: str
) -> None:
    """Exit code 2, and no schedule."""
    import asyncio
    import contextlib
    import io

    errors = io.StringIO()

    def call() -> int:
        command = ["schedules", "create", "a", "tick", "--app", "tests.schedules.flows"]
        with contextlib.redirect_stderr(errors):
            return run([*command, "--input", "null", *words, "--dsn", dsn])

    assert await asyncio.to_thread(call) == 2
    assert errors.getvalue().startswith(message)
    assert errors.getvalue().count("\n") == 1
    async with Continuum(dsn) as ct:
        assert await ct.schedules(namespace=None) == []
