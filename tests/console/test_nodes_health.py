"""The Nodes and Health screens: who works, what is wrong, what fails, and to the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from rich.text import Text

import continuum
from console import actions
from console.present import health, nodes
from console.present.throughput import Rates, Throughput, strip
from console.sample import SampleSource
from console.sample_reports import NOW, sample_health, sample_workforce
from console.screens.health import HealthScreen
from console.screens.nodes import NodesScreen
from console.screens.reporting import ReportScreen
from console.screens.runs import RunsScreen
from console.source import ClientSource, Workforce
from console.themes import Palette
from continuum import Continuum, Retry, activity, workflow
from continuum.errors import DatabaseUnavailable
from continuum.health.report import Facts, HealthReport
from tests.console.driving import Driver, console, wait_until
from tests.console.test_journeys import suspended

PALETTE = Palette.from_variables({})


def workers(workforce: Workforce, width: int = 180) -> str:
    """The Nodes report as text."""
    blocks = nodes.blocks(workforce, NOW, width, PALETTE)
    return "\n".join(line.plain for block in blocks for line in block.lines)


def told(report: HealthReport, width: int = 180, throughput: Throughput | None = None) -> str:
    """The health report as text."""
    blocks = health.blocks(report, throughput or Throughput(), NOW, width, PALETTE)
    return "\n".join(line.plain for block in blocks for line in block.lines)


# what is said


@pytest.mark.parametrize("width", [60, 76, 96, 136, 196])
def test_no_line_is_wider_than_the_report(width: int) -> None:
    """At every width all of it can be read without scrolling sideways."""
    for blocks in (
        nodes.blocks(sample_workforce(), NOW, width, PALETTE),
        health.blocks(sample_health(), Throughput(), NOW, width, PALETTE),
    ):
        assert max(line.cell_len for block in blocks for line in block.lines) <= width


def test_workers_tell_their_state_and_what_they_hold() -> None:
    """Alive, draining, dead and silent are told by sign and word."""
    text = workers(sample_workforce())
    for words in ("✓ alive", "◌ draining", "✗ dead", "17", "2s ago", "mail, reports"):
        assert words in text
    workforce = sample_workforce()
    silent = replace(workforce.nodes[0], alive=False)
    assert "! silent" in workers(replace(workforce, nodes=(silent,)))


def test_queues_tell_the_age_of_their_head() -> None:
    """And how many workers serve them; a queue that cannot be read says why."""
    lines = workers(sample_workforce()).splitlines()
    [exports] = [line for line in lines if line.startswith("exports")]
    assert exports.split() == ["exports", "3", "0", "0", "7m00s"]
    facts = Facts(unknown={"queues": "permission denied for table continuum_tasks"})
    text = workers(replace(sample_workforce(), facts=facts))
    assert "not known: permission denied for table continuum_tasks" in text


def test_the_summary_of_workers_is_loud_without_any() -> None:
    """And tells of runs whose owners are dead."""
    workforce = sample_workforce()
    line = nodes.summary(workforce, 200, PALETTE).plain
    assert line == "✓ 2 workers take runs   41 runs owned   longest wait for a worker 400ms"
    assert workforce.facts.cluster is not None
    cluster = replace(workforce.facts.cluster, orphaned=7)
    dead = replace(workforce, nodes=(), facts=replace(workforce.facts, cluster=cluster))
    assert nodes.summary(dead, 200, PALETTE).plain.startswith(
        " no worker is alive    7 runs owned by dead workers"
    )


def test_findings_come_with_their_fix_and_failures_by_cause() -> None:
    """Worst first; what could not be looked at is a finding; a new cause is marked."""
    text = told(sample_health())
    assert text.index("queue-unserved") < text.index("failures-new") < text.index("inbox-unknown")
    assert "fix  SELECT pg_terminate_backend(3120);" in text
    [new] = [line for line in text.splitlines() if line.startswith("new")]
    assert "GatewayTimeout: gateway did not answer in # s" in new
    assert "41" in new.split()
    family = sample_health().facts.families
    assert family is not None
    message = "continuum.errors.ActivityFailed: activity shop:charge failed: shop.Declined: no #"
    assert health.cause(replace(family[0], message=message), PALETTE).plain == (
        "Declined: no # (charge)"
    )
    assert "session pg_dump, process 3120, for 31m00s" in text
    assert "continuum_runs_plan_idx on continuum_runs is not valid" in text
    assert "31 of 100, 18 of this database" in text
    [inbox] = [line for line in text.splitlines() if line.startswith("inbox  ")]
    assert inbox.split() == ["inbox", "4", "2,204", "3h", "ago", "now"]


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (("error", "warning", "unknown"), " 1 error    2 warnings   1 not known   read"),
        (("warning",), "! 2 warnings   read"),
        (("unknown",), "? not all could be looked at   1 not known   read"),
        ((), "✓ all that was looked at is well   read"),
    ],
)
def test_the_summary_of_health_is_the_worst(kept: tuple[str, ...], words: str) -> None:
    """Errors before warnings before what is not known; else all is well."""
    report = sample_health()
    findings = tuple(each for each in report.findings if each.severity in kept)
    line = health.summary(replace(report, findings=findings), 200, PALETTE).plain
    assert line.startswith(words)


def test_throughput_is_the_difference_of_counts() -> None:
    """Per minute; a count that went down was cleaned up and is no negative rate."""
    throughput = Throughput()
    counts: list[Mapping[str, int]] = [
        {"running": 1, "completed": 10, "failed": 2},
        {"running": 3, "completed": 20, "failed": 3},
        {"running": 3, "completed": 5, "failed": 4},
    ]
    for number, runs in enumerate(counts):
        throughput.learn(NOW + timedelta(seconds=30 * number), runs)
    throughput.learn(NOW + timedelta(seconds=60), counts[-1])
    assert list(throughput.rates) == [Rates(26, 22, 2), Rates(0, 0, 2)]
    text = told(sample_health(), throughput=throughput)
    assert "started" in text
    assert "█▁  0" in text
    assert "measured from the second look on" in told(sample_health())


def test_strips_are_as_high_as_their_highest() -> None:
    """Nothing is the lowest bar; only the last values are shown."""
    assert strip([0, 0], 10) == "▁▁"
    assert strip([1, 2, 4, 8], 10) == "▂▃▅█"
    assert strip([9, 1, 2], 2) == "▅█"
    assert strip([], 5) == ""


# on screen


@dataclass(slots=True)
class Troubled(SampleSource):
    """Its reports can be away."""

    error: Exception | None = None

    async def workforce(self) -> Workforce:
        if self.error is not None:
            raise self.error
        return self.workers

    async def health(self) -> HealthReport:
        if self.error is not None:
            raise self.error
        return self.health_report


def report(ui: Driver) -> ReportScreen[Any]:
    """The report on top."""
    assert isinstance(ui.app.screen, ReportScreen)
    return ui.app.screen


@pytest.mark.parametrize(
    ("key", "name", "downs", "where"),
    [
        ("3", "NodesScreen", 0, "owner = '"),
        ("3", "NodesScreen", 7, "id in ('"),
        ("4", "HealthScreen", 1, "error_family = '73a0ad1c5a1f'"),
        ("4", "HealthScreen", 5, "state = 'failed' and error_family = '1f0c55e2b9d3'"),
    ],
)
async def test_enter_leads_to_the_runs_and_back(
    key: str, name: str, downs: int, where: str
) -> None:
    """A worker, a quarantine, a finding, a cause of failures: each has a query behind it."""
    async with console(Troubled(), size=(140, 50)) as ui:
        await ui.settled()
        await ui.press(key)
        await ui.on_screen(name)
        await wait_until(lambda: ui.answered)
        await ui.press(*["j"] * downs, "enter")
        await ui.on_screen("RunsScreen")
        top = ui.app.screen
        assert isinstance(top, RunsScreen)
        assert where in (top.runs_query.expression or "")
        await ui.press("q")
        await ui.on_screen(name)


@pytest.mark.parametrize(("key", "downs", "words"), [
    ("3", 3, "it owns no run"), ("3", 4, "a queue holds attempts"),
    ("4", 0, "it is not about single runs"),
])  # fmt: skip
async def test_a_line_without_runs_says_so(key: str, downs: int, words: str) -> None:
    """Enter answers why instead."""
    async with console(Troubled(), size=(140, 50)) as ui:
        await ui.settled()
        await ui.press(key)
        await wait_until(lambda: ui.answered)
        await ui.press(*["j"] * downs, "enter")
        await ui.toasts(words)


@pytest.mark.parametrize(("key", "words"), [("3", "WORKERS"), ("4", "FINDINGS")])
async def test_an_error_keeps_the_old_report(key: str, words: str) -> None:
    """Dimmed under a banner until it answers again."""
    source = Troubled()
    async with console(source, size=(140, 50)) as ui:
        await ui.settled()
        await ui.press(key)
        await ui.shows(words)
        source.error = DatabaseUnavailable("connection refused")
        await ui.press("r")
        await ui.shows("database unreachable")
        assert words in ui.text()
        assert report(ui).view.stale
        source.error = None
        await ui.press("r")
        await wait_until(lambda: not report(ui).view.stale)


@pytest.mark.parametrize("screen", [NodesScreen, HealthScreen])
async def test_every_key_leads_to_a_handler(screen: type[ReportScreen[Any]]) -> None:
    """Nothing that `?` lists is without effect; verbs lead to both screens."""
    for action in actions.of_screen(screen.action_screen):
        assert hasattr(screen, f"do_{action.name}")
    async with console(Troubled()) as ui:
        await ui.settled()
        await ui.press("colon")
        await ui.type(screen.action_screen)
        await ui.press("enter")
        await ui.on_screen(screen.__name__)
        for key, there in zip(
            "12354", ("Runs", "Audit", "Nodes", "Journal", "Health"), strict=True
        ):
            await ui.press(key)
            await ui.on_screen(f"{there}Screen")
        ui.app.theme = "continuum-light"
        await ui.press("3", "p")
        await ui.toasts("paused")


def test_texts_from_outside_are_made_safe() -> None:
    """A name with an escape code does not reach the terminal as one."""
    workforce = sample_workforce()
    node = replace(workforce.nodes[0], host="\x1b[31mbad[/]")
    assert "\\x1b[31mbad[/]" in workers(replace(workforce, nodes=(node,)))
    assert isinstance(nodes.summary(workforce, 80, PALETTE), Text)


# over a real database


@activity(retry=Retry(max_attempts=1))
async def refuse(order: str) -> None:
    """Always fails."""
    raise ValueError(f"card of order {order} was declined")


@workflow
async def pay(order: str) -> None:
    """Fails."""
    await refuse(order)


@workflow
async def wait_for_word(order: str) -> str:
    """Waits."""
    return await continuum.wait_signal("word")


async def test_nodes_and_health_of_a_real_shop(dsn: str) -> None:
    """The worker with its runs, and the family of two failures down to exactly these runs."""
    async with Continuum(dsn) as client, client.worker([pay, wait_for_word]) as worker:
        failed = [await client.start(pay, f"o-{number}") for number in (1, 2)]
        for run in failed:
            with pytest.raises(continuum.WorkflowFailed):
                await run.result(timeout=20)
        waits = await client.start(wait_for_word, "o-3")
        await suspended(client, waits.id)
        async with console(ClientSource(client), size=(150, 50)) as ui:
            await ui.settled()
            await ui.press("3")
            await ui.shows("✓ alive")
            await ui.shows("1 worker alive, 0 not")
            assert str(worker.node_id)[-4:] in ui.text()
            await ui.press("4")
            await ui.shows("FAILING NOW, BY CAUSE 1")
            await ui.shows("PostgreSQL")
            screen = report(ui)
            while screen.view.cursor_block is None or screen.view.cursor_block.key[0] != "family":  # type: ignore[index]
                await ui.press("j")
            await ui.press("enter")
            await ui.on_screen("RunsScreen")
            top = ui.app.screen
            assert isinstance(top, RunsScreen)
            await wait_until(lambda: {run.id for run in top.list.rows} == {r.id for r in failed})


def test_takeovers_tell_who_went_on_with_whose_runs() -> None:
    """When, how many, of which dead worker, and which one has them; not known says why."""
    text = workers(sample_workforce())
    [line] = [line for line in text.splitlines() if " 23 " in line]
    assert line.split()[:4] == ["11m", "ago", "23", "12m"]
    assert "worker-1.eu 871" in line
    assert "worker-1.eu 4118" in line
    unknown = Facts(unknown={"takeovers": "permission denied [/]"})
    assert "not known: permission denied [/]" in workers(replace(sample_workforce(), facts=unknown))


async def test_a_takeover_of_a_real_database_is_shown(dsn: str) -> None:
    """A run that a worker died with, whose row is gone, goes to the next one; Enter shows it."""
    lost = uuid4()
    async with Continuum(dsn) as client:
        run = await client.start(wait_for_word, "o-9")
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute("UPDATE continuum_leases SET lease_owner = %s", [lost])
        async with client.worker([wait_for_word]) as worker:
            await suspended(client, run.id)
            found = (await client.health(sample=0)).facts.takeovers
            assert found is not None
            [each] = found
            assert (each.from_node, each.by_node) == (lost, worker.node_id)
            assert (each.runs, each.sample) == (1, (run.id,))
            async with console(ClientSource(client), size=(140, 40)) as ui:
                await ui.settled()
                await ui.press("3")
                await ui.shows("TAKEOVERS 1")
                await ui.press("G", "enter")
                await ui.on_screen("RunsScreen")
                top = ui.app.screen
                assert isinstance(top, RunsScreen)
                await wait_until(lambda: [shown.id for shown in top.list.rows] == [run.id])
