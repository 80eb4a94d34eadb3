"""The Audit screen: every line from the one report, and from each line to its runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from console import actions
from console.present import audit
from console.sample import SampleSource
from console.sample_reports import NOW, sample_audit
from console.screens.audit import AuditScreen
from console.source import ClientSource
from console.themes import Palette
from console.widgets.bars import KeyBar, ModeBar
from continuum import Continuum
from continuum.audit.report import AuditReport, Forecast
from continuum.errors import DatabaseUnavailable
from tests.audit import releases
from tests.audit.conftest import Shop
from tests.console.driving import Driver, console, wait_until

PALETTE = Palette.from_variables({})


def told(report: AuditReport, width: int = 120) -> str:
    """The whole report as text."""
    blocks = audit.blocks(report, width, PALETTE)
    return "\n".join(line.plain for block in blocks for line in block.lines)


# what is said


@pytest.mark.parametrize("width", [40, 60, 76, 100, 136, 196])
def test_no_line_is_wider_than_the_report(width: int) -> None:
    """At every width all of it can be read without scrolling sideways."""
    blocks = audit.blocks(sample_audit(), width, PALETTE)
    assert max(line.cell_len for block in blocks for line in block.lines) <= max(width, 60)


def test_findings_come_first_with_their_fix() -> None:
    """Then patches, runs that nothing can run, versions."""
    text = told(sample_audit())
    order = ["FINDINGS 3", "version-unknown", "fix  load that code", "PATCHES 3", "◌ still in use",
             "RUNS THAT NO GIVEN CODE CAN RUN 1", "VERSIONS 4"]  # fmt: skip
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


def test_a_verdict_tells_the_split_and_the_earliest_removal() -> None:
    """Four ways, those that were not replayed apart; the date, or who stands against one."""
    text = told(sample_audit())
    parts = ("new branch 22", "old branch 6", "not reached yet 2", "not replayed 1")
    assert " · ".join((*parts, "can no longer reach it 4")) in text
    assert "no date: 1 run may never end by itself: 0199…ab41 waits for signal fraud_review" in text
    assert "removable from" in text
    assert "in 1d02h at the earliest" in text
    assert "shop/orders.py:58  proved except for 2 opaque references" in text
    assert "round_half_even  ✓ safe to remove  orders:order_flow v2" in text


def test_a_verdict_without_replay_or_past_runs_says_so() -> None:
    """What is not known is not made up."""
    report = sample_audit()
    entry = report.workflows[0]
    site = replace(
        entry.patch_sites[0],
        split=replace(entry.patch_sites[0].split, took_old=None, not_reached=None),
        forecast=Forecast(9, None),
    )
    text = told(replace(report, workflows=(replace(entry, patch_sites=(site,)),)))
    assert "old branch or not reached yet 9" in text
    assert "no date: no past run of the workflow tells how long one takes" in text


def test_without_code_there_is_no_verdict() -> None:
    """Patches that workers registered are known, but only code tells what they are worth."""
    report = sample_audit()
    sites = report.workflows[0].patch_sites
    entry = replace(report.workflows[0], patch_sites=(), known_sites=(sites[0].place,))
    text = told(replace(report, audited="nodes", workflows=(entry,)))
    assert "Verdicts need the code of a release: start the console with --app MODULE" in text
    assert "RUNS THAT NO LIVE WORKER CAN RUN" in text


def test_the_summary_is_the_strict_verdict() -> None:
    """Yes or no first; leases of the dead before the time it took."""
    report = sample_audit()
    line = audit.summary(report, 200, PALETTE).plain
    assert line.startswith(" strict would FAIL (2) ")
    assert "2 leases expired (1 abandoned)" in line
    assert "12 runs replayed in 41ms" in line
    well = replace(report, findings=(), expired_leases=0, abandoned_leases=0, replay=None)
    assert audit.summary(well, 200, PALETTE).plain.startswith("✓ strict would pass   read ")
    assert "leases" not in audit.summary(well, 200, PALETTE).plain


# on screen


@dataclass(slots=True)
class Troubled(SampleSource):
    """Its audit can be away."""

    error: Exception | None = None

    async def audit(self) -> AuditReport:
        if self.error is not None:
            raise self.error
        return self.report


@asynccontextmanager
async def on_the_audit(
    source: SampleSource, size: tuple[int, int] = (120, 40)
) -> AsyncGenerator[Driver]:
    """A console with the audit read."""
    async with console(source, namespace="orders", size=size) as ui:
        await ui.settled()
        await ui.press("2")
        await ui.on_screen("AuditScreen")
        await wait_until(lambda: ui.answered)
        yield ui


def screen(ui: Driver) -> AuditScreen:
    """The audit on top."""
    assert isinstance(ui.app.screen, AuditScreen)
    return ui.app.screen


async def test_enter_leads_to_the_runs_and_back() -> None:
    """The runs are a query above the list; Esc comes back to the line; the list is as it was."""
    async with on_the_audit(Troubled()) as ui:
        await ui.press("j", "j", "j")
        block = screen(ui).view.cursor_block
        assert block is not None
        assert block.key == ("patch", "shop.orders:order_flow", 2, "fraud_v2")
        await ui.press("enter")
        await ui.on_screen("RunsScreen")
        await ui.shows("1 Runs › need the code before fraud_v2")
        await ui.shows("workflow = 'shop.orders:order_flow' and version_hash")
        await wait_until(lambda: ui.answered)
        assert "ns all" in ui.text().splitlines()[0]
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.press("escape", "escape")
        await ui.on_screen("AuditScreen")
        assert screen(ui).view.cursor_block == block
        await ui.press("1")
        await ui.on_screen("RunsScreen")
        assert ui.app.screen is ui.runs
        assert ui.runs.runs_query.namespace == "orders"
        assert "ns orders" in ui.text().splitlines()[0]


async def test_filters_on_the_runs_behind_are_cleared_before_going_back() -> None:
    """Esc clears the state first; `q` goes back at once."""
    async with on_the_audit(Troubled()) as ui:
        await ui.press("enter")
        await ui.on_screen("RunsScreen")
        await ui.press("right_square_bracket", "escape")
        await ui.on_screen("RunsScreen")
        await ui.press("q")
        await ui.on_screen("AuditScreen")
        await ui.press("enter")
        await ui.on_screen("RunsScreen")
        assert len(ui.app.screen_stack) == 2
        await ui.press("2", "enter")
        await ui.on_screen("RunsScreen")
        assert len(ui.app.screen_stack) == 2


async def test_a_line_without_runs_says_so() -> None:
    """The key is struck through, and pressing it says why."""
    async with on_the_audit(Troubled()) as ui:
        await ui.press("j")
        line = ui.app.screen.query_one(KeyBar).render()
        assert any(getattr(span.style, "strike", None) for span in line.spans)
        await ui.press("enter")
        await ui.toasts("no query finds the runs of this finding")
        await ui.press("j", "j", "j", "j", "enter")
        await ui.toasts("no live run needs the old branch")
        assert isinstance(ui.app.screen, AuditScreen)


async def test_an_error_keeps_the_old_report_and_says_so() -> None:
    """Dimmed under a banner; when it answers again the banner goes."""
    source = Troubled()
    async with on_the_audit(source) as ui:
        source.error = DatabaseUnavailable("connection refused")
        await ui.press("r")
        await ui.shows("database unreachable")
        assert "version-unknown" in ui.text()
        assert screen(ui).view.stale
        source.error = None
        source.report = replace(source.report, findings=(), generated_at=NOW + timedelta(hours=1))
        await ui.press("r")
        await ui.shows("strict would pass")
        assert "database unreachable" not in ui.text()
        assert not screen(ui).view.stale


async def test_the_modes_keep_what_was_left() -> None:
    """By key, by command and by click; the run that was open is open again."""
    async with on_the_audit(Troubled()) as ui:
        await ui.press("1", "enter")
        await ui.on_screen("RunScreen")
        await ui.press("2")
        await ui.on_screen("AuditScreen")
        await ui.press("1")
        await ui.on_screen("RunScreen")
        await ui.press("colon")
        await ui.type("versions")
        await ui.press("enter")
        await ui.on_screen("AuditScreen")
        await ui.pilot.click(ModeBar, offset=(4, 0))
        await ui.on_screen("RunScreen")


async def test_every_key_of_the_audit_does_something() -> None:
    """Each binding leads to a handler; a click on the line under the cursor opens it."""
    for action in actions.of_screen(actions.AUDIT):
        assert hasattr(AuditScreen, f"do_{action.name}")
    async with on_the_audit(Troubled()) as ui:
        await ui.press("p")
        await ui.toasts("paused")
        await ui.press("p", "plus")
        await ui.toasts("reading every 30 s")
        await ui.press("minus")
        await ui.toasts("reading every 10 s")
        ui.app.theme = "continuum-light"
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await ui.shows("Show the runs behind it.")
        await ui.press("escape")
        await ui.pilot.click("ReportView", offset=(10, 2))
        await ui.on_screen("RunsScreen")
        await ui.press("q", "q")
        await wait_until(lambda: not ui.app.is_running or ui.app._exit)


# over a real database


async def test_the_audit_of_a_real_shop(dsn: str) -> None:
    """A patch still in use: from its verdict to exactly the runs that need the old branch."""
    async with Continuum(dsn) as client:
        shop = Shop(client, dsn)
        async with shop.release(releases.before):
            runs = [await shop.start(releases.before, n, waits="signal check") for n in range(3)]
            await shop.move(runs[:1], "check", "signal end")
        async with shop.release(releases.between):
            await shop.move(runs[1:2], "check", "signal end")
            source = ClientSource(client, [releases.between])
            async with console(source, size=(120, 60)) as ui:
                await ui.settled()
                await ui.press("2")
                await ui.shows("new branch 1 · old branch 1 · not reached yet 1")
                await ui.shows("strict would pass")
                await ui.press("j", "enter")
                await ui.on_screen("RunsScreen")
                await ui.shows("need the code before thorough")
                top = ui.app.screen
                await wait_until(lambda: {run.id for run in top.list.rows} == {runs[0], runs[2]})  # type: ignore[attr-defined]
