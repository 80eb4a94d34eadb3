"""No key is lost, and none means another run than the one that was to be seen when it was pressed.

The source answers when the test says so, and the keys come in each phase of an answer: before the
first rows, while another question is asked, while a page is read, while rows are replaced, while a
screen or dialog opens or closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from textual.screen import ModalScreen
from textual.widgets import Input

from console.dialogs.cancel import CancelDialog
from console.panes.history import HistoryPane
from console.sample import SampleSource, sample_runs
from console.screens.aiming import REACTION
from console.source import PAGE, RunsPage, RunsQuery
from continuum.audit.report import AuditReport
from continuum.model import Run
from tests.console.driving import Clock, Driver, console, wait_until


@dataclass(slots=True)
class Slow(SampleSource):
    """Answers questions for runs and for the audit when `gate` is open."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        self.asked += 1
        await self.gate.wait()
        return await SampleSource.runs(self, query, limit, cursor)

    async def audit(self) -> AuditReport:
        await self.gate.wait()
        return await SampleSource.audit(self)

    async def answer(self, ui: Driver) -> None:
        """Once, and no further."""
        loads = ui.runs.live.loads
        self.gate.set()
        await wait_until(lambda: ui.runs.live.loads > loads, "the answer")
        self.gate.clear()
        await ui.pilot.pause()


@dataclass(slots=True)
class SlowNames(SampleSource):
    """Names its namespaces when the test says so."""

    names: asyncio.Event = field(default_factory=asyncio.Event)

    async def namespaces(self) -> Sequence[str]:
        await self.names.wait()
        return await SampleSource.namespaces(self)


def newer(run: Run, number: int) -> Run:
    """A run that started later."""
    return replace(
        run, id=UUID(int=run.id.int + (number << 80)),
        started_at=run.started_at + timedelta(seconds=number),
    )  # fmt: skip


def cursor(ui: Driver) -> int | None:
    """The row under the cursor."""
    return ui.runs.list.cursor_index


def focused(ui: Driver) -> bool:
    """Whether the list has the keys."""
    return ui.app.screen is ui.runs and ui.runs.focused is ui.runs.list


async def test_the_list_has_the_focus_before_its_first_rows() -> None:
    """From the first moment, while rows are read, come and go."""
    source = Slow()
    async with console(source) as ui:
        assert focused(ui)
        await source.answer(ui)
        assert focused(ui)
        ui.burst(">", ">")
        await ui.pilot.pause()
        assert not ui.runs.list.rows
        assert focused(ui)
        await source.answer(ui)
        assert focused(ui)


async def test_moves_before_the_first_rows_are_made_when_they_come() -> None:
    """`j j` while the first rows are read is two rows down; `G` is the last one."""
    for keys, at in ((("j", "j"), 2), (("G",), PAGE - 1), (("G", "g", "j"), 1)):
        source = Slow()
        async with console(source) as ui:
            ui.burst(*keys)
            await ui.pilot.pause()
            await source.answer(ui)
            assert cursor(ui) == at
            assert not ui.runs.list.following


async def test_moves_while_another_question_is_asked() -> None:
    """`>` and at once `j`: a row down in the answer to the new question, not in the old rows."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("j", "j", "j", "j", ">", "j")
        await ui.pilot.pause()
        assert ui.runs.runs_query.state == "running"
        await source.answer(ui)
        assert {run.state for run in ui.runs.list.rows} == {"running"}
        assert cursor(ui) == 1


async def test_the_end_of_a_page_that_is_just_read() -> None:
    """`G G` while the next page comes: the end of what is there at each of them."""
    source = Slow(all_runs=sample_runs(250))
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("G")
        await wait_until(lambda: source.asked == 2, "the next page is asked for")
        ui.burst("G", "k")
        await ui.pilot.pause()
        assert cursor(ui) == PAGE - 2
        await source.answer(ui)
        assert len(ui.runs.list.rows) == 2 * PAGE
        assert cursor(ui) == PAGE - 2
        ui.burst("G")
        await ui.pilot.pause()
        assert cursor(ui) == 2 * PAGE - 1


async def test_moves_while_a_refresh_replaces_the_rows() -> None:
    """One is made in the old rows and stays with its run, one in the new ones."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("j", "j", "r")
        await wait_until(lambda: source.asked == 2, "the refresh")
        aimed = ui.runs.list.rows[3]
        source.all_runs += [newer(source.all_runs[0], n) for n in range(1, 6)]
        ui.burst("j")
        await source.answer(ui)
        assert ui.runs.list.cursor_row == aimed
        assert cursor(ui) == 8
        ui.burst("k")
        await ui.pilot.pause()
        assert cursor(ui) == 7


@pytest.mark.parametrize("key", ["X", "s", "e", "enter", "space", "y", "="])
async def test_no_act_without_a_run_to_be_seen(key: str) -> None:
    """While rows are read there is none under the cursor: the key says so and does nothing."""
    source = Slow()
    async with console(source) as ui:
        ui.burst(key)
        if key == "y":  # the query can be copied without any run
            await ui.on_screen("YankDialog")
            assert "run id" not in ui.text()
            return
        await wait_until(lambda: ui.notified(), "why not")
        assert ui.app.screen is ui.runs
        assert not ui.runs.marks
        assert ui.runs.runs_query.expression == ""


async def test_an_act_is_for_the_run_that_was_at_the_top_when_the_key_was_pressed() -> None:
    """A newer run has just come while the list follows the newest: nobody has seen it yet."""
    source, clock = Slow(), Clock()
    async with console(source, clock=clock) as ui:
        await source.answer(ui)
        first = ui.runs.list.rows[0]
        for number, late in ((1, 0.0), (2, REACTION - 0.01)):
            source.all_runs.append(newer(source.all_runs[0], number))
            ui.burst("r")
            await ui.pilot.pause()
            await source.answer(ui)
            assert cursor(ui) == 0
            clock.now += late
            ui.burst("X")
            await ui.on_screen("CancelDialog")
            dialog = ui.app.screen
            assert isinstance(dialog, CancelDialog)
            assert dialog._run.id == first.id
            clock.now += 1
            ui.burst("escape")
            await ui.on_screen("RunsScreen")
            assert ui.runs.list.cursor_row == first
            await source.answer(ui)
            ui.burst("f")
            await ui.pilot.pause()
            first = ui.runs.list.rows[0]
            clock.now += 1


async def test_a_later_key_is_for_the_run_that_came() -> None:
    """After a moment what is under the cursor has been seen."""
    source, clock = Slow(), Clock()
    async with console(source, clock=clock) as ui:
        await source.answer(ui)
        source.all_runs.append(newer(source.all_runs[0], 1))
        ui.burst("r")
        await ui.pilot.pause()
        await source.answer(ui)
        clock.now += REACTION + 0.01
        ui.burst("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == source.all_runs[-1].id


async def test_no_act_upon_the_neighbour_of_a_run_that_has_just_left() -> None:
    """The cursor is on the next run then, which was not meant: nothing is done."""
    source, clock = Slow(), Clock()
    async with console(source, clock=clock) as ui:
        await source.answer(ui)
        ui.burst("j", "j", "r")
        await ui.pilot.pause()
        aimed, neighbour = ui.runs.list.rows[2], ui.runs.list.rows[3]
        source.all_runs.remove(aimed)
        await source.answer(ui)
        assert ui.runs.list.cursor_row == neighbour
        ui.burst("s")
        await ui.toasts("left this view just now: nothing done")
        assert not isinstance(ui.app.screen, ModalScreen)
        clock.now += REACTION + 0.01
        ui.burst("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == neighbour.id


async def test_keys_behind_one_that_opens_a_screen_are_for_that_screen() -> None:
    """`Enter ]` shows the timeline; `Enter g` goes to the first event once there are any."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("enter", "]")
        await ui.on_screen("RunScreen")
        assert ui.run.pane is ui.run.timeline_pane
        ui.burst("q", "j", "enter", "g")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == ui.runs.list.rows[1].id
        assert isinstance(ui.run.pane, HistoryPane)
        await wait_until(lambda: ui.run.history.rows, "the history")
        await ui.pilot.pause()
        assert ui.run.history.cursor_index == 0


async def test_keys_behind_one_that_closes_a_dialog_are_for_the_list() -> None:
    """`? Esc j` moves the cursor, and `B Esc j` does."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("?", "escape", "j", "j")
        await ui.pilot.pause()
        assert focused(ui)
        await wait_until(lambda: cursor(ui) == 2, "two rows down")
        ui.burst("B", "escape", "j")
        await wait_until(lambda: cursor(ui) == 3, "three rows down")


async def test_enter_before_the_names_of_namespaces_are_read() -> None:
    """`n`, a name and `Enter` at once choose it; what is typed on behind `Enter` takes it back."""
    source = SlowNames()
    async with console(source) as ui:
        await ui.settled()
        for behind, chosen in (("g", None), ("", "billing")):
            ui.burst("n", *"billin", "enter", *behind)
            await ui.on_screen("NamespaceDialog")
            source.names.set()
            if chosen is None:
                await wait_until(lambda: "billing" in ui.text(), "the names")
                assert ui.runs.runs_query.namespace is None
                ui.burst("escape")
                await ui.on_screen("RunsScreen")
            else:
                await wait_until(lambda: ui.runs.runs_query.namespace == "billing", "the name")
            source.names.clear()


async def test_keys_behind_a_line_are_for_the_list() -> None:
    """The query, then moves; a command, then moves: nothing ends up in a line that is closed."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("/", *"attributes.plan = 'pro'", "enter", "j", "j")
        await wait_until(lambda: ui.runs.runs_query.expression, "the question")
        await source.answer(ui)
        assert ui.runs.runs_query.expression == "attributes.plan = 'pro'"
        assert cursor(ui) == 2
        ui.burst(":", *"ns billing", "enter", "j")
        await wait_until(lambda: ui.runs.runs_query.namespace == "billing", "the namespace")
        await source.answer(ui)
        assert cursor(ui) == 1
        assert all(not line.value.endswith("j") for line in ui.runs.query(Input))
        ui.burst("/", "escape", "j")
        await wait_until(lambda: cursor(ui) == 2, "a row down")


async def test_keys_behind_one_that_goes_to_another_mode_are_for_it() -> None:
    """`2 j j Enter` is the third line of the audit, though it is not read yet."""
    source = Slow()
    async with console(source) as ui:
        await source.answer(ui)
        ui.burst("2", "j", "j")
        await ui.on_screen("AuditScreen")
        view = ui.app.screen.query_one("ReportView")
        assert view.cursor_index is None  # type: ignore[attr-defined]
        source.gate.set()
        await wait_until(lambda: view.cursor_index is not None, "the audit")  # type: ignore[attr-defined]
        assert view._places().index(view.cursor_index) == 2  # type: ignore[attr-defined]
