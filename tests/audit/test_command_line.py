"""`continuum audit`, `versions`, `versions drain` and `gc-versions`, as they are typed."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from uuid import UUID

import pytest

from continuum import Continuum
from tests.audit import releases
from tests.audit.conftest import Shop, schema
from tests.cli.processes import Done, Shell

OLD = releases.before.version_hash
APP = "tests.audit.releases"


class Prompt:
    """Types commands in the repository, so that the releases can be loaded by name.

    They run on a thread: each has an event loop of its own, and the test's workers go on.
    """

    def __init__(self, dsn: str) -> None:
        self._shell = Shell(Path(__file__).parents[2], dsn)

    async def run(self, *words: str) -> Done:
        """One command; its exit code is the caller's to check."""
        return await asyncio.to_thread(self._shell.run, *words)

    async def answer(self, *words: str) -> str:
        """What a command prints that must succeed."""
        return await asyncio.to_thread(self._shell.answer, *words)


@pytest.fixture
def prompt(dsn: str) -> Prompt:
    """A prompt on the shop's database."""
    return Prompt(dsn)


async def parked_run(shop: Shop) -> UUID:
    """A run of the first release, whose worker has left."""
    async with shop.release(releases.before):
        return await shop.start(releases.before, 1, waits="signal check")


def json_of(done: Done) -> dict[str, object]:
    """The report that a command printed; it must fit the schema."""
    report = json.loads(done.stdout)
    schema().validate(report)
    return report


async def test_a_release_is_checked_before_it_goes_out(shop: Shop, prompt: Prompt) -> None:
    """0 for a release that fits, 1 with the whole report for one that strands runs."""
    run_id = await parked_run(shop)
    fits = await prompt.run("audit", "--app", f"{APP}:between", "--strict", "--format", "json")
    assert (fits.returncode, json_of(fits)["strict_ok"]) == (0, True)
    strands = await prompt.run("audit", "--app", f"{APP}:rewritten", "--strict", "--format", "json")
    assert (strands.returncode, json_of(strands)["strict_ok"]) == (1, False)
    lenient = await prompt.run("audit", "--app", f"{APP}:rewritten")
    assert (lenient.returncode, json_of(lenient)["strict_ok"]) == (0, False)
    text = await prompt.run("audit", "--app", f"{APP}:rewritten", "--strict", "--format", "table")
    assert (text.returncode, text.stderr) == (1, "")
    lines = text.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Audit of 1 live run against the given code")
    assert any(line.strip() == str(run_id) for line in lines)
    assert any(line.startswith("    to do: load that code beside the new one") for line in lines)
    assert lines[-1] == "Strict: no, for 1 finding"


async def test_patches_and_their_fate_are_readable(shop: Shop, prompt: Prompt) -> None:
    """The text says the verdict, the split, who may never end, and what to do."""
    await parked_run(shop)
    text = (await prompt.run("audit", "--app", f"{APP}:between", "--format", "table")).stdout
    joined = " ".join(text.split())
    assert "thorough: still-in-use in order version 2 (tests/audit/releases.py:" in joined
    assert "new branch 0, old branch 0, not reached yet 1, can no longer reach it 0" in joined
    assert "Replayed 1 run in" in joined
    quick = await prompt.run(
        "audit", "--app", f"{APP}:between", "--split", "0", "--format", "table"
    )
    assert "old branch or not reached yet 1, can no" in " ".join(quick.stdout.split())
    assert "1 run may never end by itself" in joined
    assert "waits for signal check" in joined
    assert "to do: keep both branches" in joined


async def test_without_an_application_live_workers_are_the_measure(
    shop: Shop, prompt: Prompt
) -> None:
    """Whoever has no code at hand sees which runs nobody can run now."""
    await parked_run(shop)
    done = await prompt.run("audit", "--strict", "--format", "json")
    assert (done.returncode, json_of(done)["audited"]) == (1, "nodes")
    async with shop.release(releases.between):
        assert (await prompt.run("audit", "--strict")).returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["audit", "--app", "no_such_module"], 2, "no module named 'no_such_module'"),
        (["audit", "--app", f"{APP}:SETTINGS"], 2, "neither workflow nor activity"),
        (["audit", "--format", "csv"], 2, "a report is not csv"),
        (["versions", "drain", "abcd", "--by", "soon"], 2, "--by 'soon' is not a time"),
        (["versions", "drain", "abcd", "--format", "ids"], 2, "a forecast is not ids"),
        (["versions", "drain"], 2, "HASH"),
        (["--dsn", "postgresql://localhost:1/x", "audit"], 3, "cannot"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_before_anything_connects(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    """One line, and the exit code that scripts rely on; a database that is away is another one."""
    shell = Shell(Path(__file__).parents[2], "postgresql://localhost:1/x")
    done = shell.run(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


async def test_versions_are_listed_with_their_runs(shop: Shop, prompt: Prompt) -> None:
    """Every format: registered versions, runs that have not begun, places of patches."""
    await parked_run(shop)
    async with shop.release(releases.between):
        pass
    await shop.client.start(releases.nap, 1.0)
    listed = [json.loads(line) for line in (await prompt.answer("versions")).splitlines()]
    assert [(each["workflow"], each["live_runs"]) for each in listed] == [
        ("nap", 1), ("order", 0), ("order", 1),
    ]  # fmt: skip
    nap, new, old = listed
    assert (nap["version_hash"], nap["loaded"], nap["first_seen_at"]) == ("", False, None)
    assert (old["version_hash"], old["version"], new["taken"]) == (OLD, 1, ["thorough"])
    assert [site["name"] for site in old["patch_sites"]] == ["thorough"]
    assert (await prompt.answer("versions", "--format", "ids")).splitlines() == [
        new["version_hash"],
        OLD,
    ]
    rows = list(csv.DictReader((await prompt.answer("versions", "--format", "csv")).splitlines()))
    assert [row["live_runs"] for row in rows] == ["1", "0", "1"]
    table = await prompt.answer("versions", "--format", "table")
    assert "thorough (tests/audit/releases.py:" in table
    assert OLD[:12] in table


async def test_a_drain_is_answered_for_a_date(shop: Shop, prompt: Prompt) -> None:
    """1 when a run may outlast the date; the text names it and what it waits for."""
    async with shop.release(releases.patient, releases.before):
        await shop.start(releases.patient, 3600.0, waits="signal go until")
        endless = await shop.start(releases.before, 1, waits="signal check")
    waits = releases.patient.version_hash[:10]
    assert (await prompt.run("versions", "drain", waits, "--by", "+30m")).returncode == 1
    assert (await prompt.run("versions", "drain", waits, "--by", "+2h")).returncode == 0
    assert (await prompt.run("versions", "drain", waits, "--by", "2020-01-01")).returncode == 1
    answer = json.loads(await prompt.answer("versions", "drain", waits, "--by", "+2d"))
    assert (answer["runs"], answer["will_have_drained"], answer["drained"]) == (1, True, False)
    assert json.loads(await prompt.answer("versions", "drain", waits))["will_have_drained"] is None
    done = await prompt.run("versions", "drain", OLD[:8], "--by", "+900d", "--format", "table")
    text = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert f"1 run may never end by itself: {endless} waits for signal check" in text
    assert "it will not have drained" in text
    wrong = await prompt.run("versions", "drain", f"{OLD[:9]}xyz")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"the nearest is {OLD[:12]}" in wrong.stderr
    await shop.client.cancel(endless, force=True)
    done = await prompt.run("versions", "drain", OLD, "--by", "2020-01-01", "--format", "table")
    assert (done.returncode, "it has drained" in done.stdout) == (0, True)


async def test_cleaning_is_a_dry_run_unless_told(shop: Shop, prompt: Prompt) -> None:
    """--execute deletes what the dry run listed, and says how many."""
    async with shop.release(releases.before):
        pass
    dry = await prompt.run("gc-versions", "--format", "json")
    assert [(each["version_hash"], each["deleted"]) for each in json.loads(dry.stdout)] == [
        (OLD, False), ("", False),
    ]  # fmt: skip
    assert "2 unused versions; delete with --execute" in dry.stderr
    assert OLD[:12] in await prompt.answer("gc-versions", "--format", "table")
    wet = await prompt.run("gc-versions", "--execute")
    assert "deleted 2 versions; 0 came into use again" in wet.stderr
    assert await prompt.answer("gc-versions", "--format", "jsonl") == ""


async def test_synchronous_code_has_the_same_calls(shop: Shop, dsn: str) -> None:
    """`Continuum.blocking` audits, lists, forecasts and cleans."""
    run_id = await parked_run(shop)
    with Continuum.blocking(dsn) as client:
        report = client.audit([releases.between])
        assert (report.live_runs, report.strict_ok) == (1, True)
        assert [each.version_hash for each in client.versions()] == [OLD]
        assert client.drain_forecast(OLD[:6]).forecast.examples[0].run_id == run_id
        assert [each.version_hash for each in client.gc_versions()] == [""]
