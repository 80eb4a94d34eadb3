"""Marks and plans: what was meant, all of it, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest
from textual.widgets import Button, Input, TextArea

from console.bulk_source import Selection
from console.dialogs.plan import PlanDialog
from console.marks import Marks
from console.sample import SampleSource, sample_runs
from console.source import RunsQuery
from continuum.errors import DatabaseUnavailable, ReasonRequired
from continuum.model import Run, RunState
from continuum.operators.plans import BulkPlan
from tests.console.driving import Clock, Driver, console, static_text, wait_until

LIVE = (RunState.RUNNING, RunState.SUSPENDED)


@dataclass(slots=True)
class World:
    """A console over the sample runs, with a clock of its own."""

    ui: Driver
    source: SampleSource
    clock: Clock

    @property
    def plan(self) -> PlanDialog:
        assert isinstance(self.ui.app.screen, PlanDialog)
        return self.ui.app.screen

    async def act(self, *keys: str) -> None:
        """Keys with a second between them."""
        for key in keys:
            self.clock.now += 1
            await self.ui.press(key)

    async def planned(self) -> PlanDialog:
        """The plan is on screen, and told what it holds."""
        await self.ui.on_screen("PlanDialog")
        await self.ui.quiet("describe")
        return self.plan

    async def confirm(self, count: int) -> None:
        """Type the count, and apply."""
        self.clock.now += 1
        await self.ui.type(str(count))
        await self.act("enter", "y")
        await wait_until(lambda: self.plan.phase == "done", "the end of the plan")
        await self.ui.pilot.pause()


@asynccontextmanager
async def world(
    *, query: RunsQuery | None = None, danger: bool = False, source: SampleSource | None = None,
    size: tuple[int, int] = (100, 30),
) -> AsyncGenerator[World]:  # fmt: skip
    """Opened, and read once."""
    source, clock = source or SampleSource(), Clock()
    async with console(source, query=query, clock=clock, danger=danger, size=size) as ui:
        await ui.settled()
        ui.runs.live.toggle_pause()
        yield World(ui, source, clock)


def live(source: SampleSource) -> list[Run]:
    """What can be acted upon."""
    return [run for run in source.all_runs if run.state in LIVE]


# marks


def test_marks_are_ids() -> None:
    """Toggled, in ranges, dropped when their runs are gone, counted when they are out of sight."""
    rows = [uuid4() for _ in range(8)]
    marks = Marks()
    assert not marks
    marks.toggle(rows[5])
    marks.to(rows[2], rows)
    assert set(marks) == set(rows[2:6])
    marks.toggle(rows[3])
    assert rows[3] not in marks
    marks.to(rows[7], rows)
    assert set(marks) == set(rows[2:8])
    assert marks.drop([rows[2], rows[0]]) == 1
    assert marks.hidden(rows[4:6]) == len(marks) - 2
    marks.all()
    assert marks
    assert rows[0] in marks
    assert list(marks) == []
    marks.toggle(rows[0])
    assert list(marks) == [rows[0]]
    marks.clear()
    assert not marks


async def test_marks_stay_on_their_runs() -> None:
    """Space, v, u; rows that come change nothing; a run that leaves the answer loses its mark."""
    async with world(query=RunsQuery(None, "state = 'suspended'")) as at:
        ui, source = at.ui, at.source
        runs = ui.runs.list.rows
        await ui.press("down", "space", "down", "down", "v")
        meant = {run.id for run in runs[1:5]}
        assert set(ui.runs.marks) == meant
        await ui.shows("4 marked")
        source.all_runs.insert(0, replace(runs[0], id=uuid4()))
        await ui.press("r")
        await wait_until(lambda: len(ui.runs.list.rows) == len(runs) + 1)
        assert set(ui.runs.marks) == meant
        await source.cancel(runs[2].id, reason=None, force=True)
        await ui.press("r")
        await ui.toasts("1 marked run left this view: not marked any more")
        assert set(ui.runs.marks) == meant - {runs[2].id}
        ui.runs.ask(RunsQuery(None, f"id = '{runs[1].id}'"))
        await wait_until(lambda: len(ui.runs.list.rows) == 1)
        assert str(ui.runs.list.border_subtitle).startswith("3 marked (2 hidden)")
        assert ui.runs.selection() == Selection(
            None, f"id = '{runs[1].id}'", tuple(ui.runs.marks), hidden=2
        )
        await ui.press("u")
        assert ui.runs.selection() is None


async def test_a_mark_can_be_seen_without_colour() -> None:
    """A star before the row, beside the cursor."""
    async with world() as at:
        await at.ui.press("space", "up")
        await at.ui.shows("▸*↻ running")
        await at.ui.press("escape")
        await at.ui.shows("▸ ↻ running")


# plans


@pytest.mark.parametrize("act", ["cancel", "force", "signal", "attributes"])
async def test_marked_runs_are_acted_upon_and_no_others(act: str) -> None:
    """The plan names them, the count is repeated, each is done once; then the marks are gone."""
    async with world() as at:
        ui, source = at.ui, at.source
        await ui.press("space", "down", "space")
        meant = list(ui.runs.marks)
        assert len(meant) == 2
        key = {"signal": "s", "attributes": "e"}.get(act, "X")
        await at.act(key)
        if act == "signal":
            await ui.type("go")
            await ui.press("tab")
            ui.app.screen.query_one("#payload", TextArea).text = '{"ok": 1}'
            ui.app.screen.query_one("#reason", Input).value = "why not"
            await at.act("tab", "enter", "enter")
        elif act == "attributes":
            ui.app.screen.query_one("#object", TextArea).text = '{"tier": 4}'
            ui.app.screen.query_one("#removed", Input).value = "region"
            await at.act("tab", "tab", "enter", "enter")
        else:
            await at.act(*(["f"] if act == "force" else []), "y")
        plan = (await at.planned()).plan
        ids = [run.run_id for run in source.bulk.plans[plan.id][1]]
        assert sorted(ids) == sorted(meant)
        await at.confirm(2)
        match act:
            case "signal":
                assert source.signals == [(run_id, "go", {"ok": 1}) for run_id in ids]
                assert plan.reason == "why not"
            case "attributes":
                assert source.bulk.attributes_set == [(i, {"tier": 4}, ("region",)) for i in ids]
            case _:
                assert source.cancels == [(run_id, None, act == "force") for run_id in ids]
        await ui.shows("2 done · 0 skipped · 0 failed")
        await at.act("c")
        assert ui.app.clipboard.split() == [str(each) for each in ids]
        await at.act("escape")
        await ui.on_screen("RunsScreen")
        assert not ui.runs.marks
        await ui.toasts("2 done")


async def test_every_run_of_the_query_is_named_when_the_plan_is_made() -> None:
    """What comes afterwards is not touched, what ended meanwhile is skipped, with its reason."""
    async with world(query=RunsQuery("orders", "")) as at:
        ui, source = at.ui, at.source
        meant = [run for run in live(source) if run.namespace == "orders"]
        await at.act("A", "down", "down", "down", "enter", "y")
        dialog = await at.planned()
        assert dialog.plan.count == len(meant)
        assert "namespace orders" in ui.text()
        assert "database shop at db1:5432 as ops" in ui.text()
        assert f"{len(meant)} runs to cancel" in ui.text()
        late = replace(meant[0], id=uuid4())
        source.all_runs.insert(0, late)
        await source.cancel(meant[1].id, reason="somebody else", force=False)
        source.cancels.clear()
        await at.confirm(len(meant))
        assert {each[0] for each in source.cancels} == {r.id for r in meant if r is not meant[1]}
        assert (await source.run(late.id)).state in LIVE
        outcome = next(
            run for run in await source.bulk.outcomes(dialog.plan.id) if run.run_id == meant[1].id
        )
        assert (outcome.outcome, outcome.detail) == ("skipped", "already cancelled")
        await ui.shows("already cancelled")


@pytest.mark.parametrize(
    "keys", [("escape",), ("enter", "enter"), ("7", "enter", "y"), ("1", "y"), ("y", "y"), ("tab",)]
)
async def test_nothing_is_done_without_the_count(keys: tuple[str, ...]) -> None:
    """Not by Enter, not by another number, not by `y` alone."""
    async with world() as at:
        await at.ui.press("space", "down", "space")
        await at.act("X", "y")
        await at.planned()
        await at.act(*keys)
        if isinstance(at.ui.app.screen, PlanDialog):
            assert at.plan.phase == "asking"
            assert at.plan.query_one("#apply", Button).disabled
        assert at.source.cancels == []


async def test_keys_of_the_first_moment_are_dropped() -> None:
    """In the form, in the plan, and once the count is entered: a key held down does nothing."""
    async with world() as at:
        ui = at.ui
        await ui.press("space", "space")
        at.clock.now += 1
        await ui.press("X", "y", "enter", "escape")
        assert type(ui.app.screen).__name__ == "CancelManyDialog"
        await at.act("y")
        dialog = await at.planned()
        await ui.press("2", "enter", "y", "escape")
        assert dialog.query_one("#count", Input).value == ""
        await at.act("2", "enter")
        await ui.press("y", "enter", "y")
        assert at.plan.phase == "asking"
        assert at.source.cancels == []
        await at.act("y")
        await wait_until(lambda: at.plan.phase == "done")
        assert len(at.source.cancels) == 2


async def test_a_dangerous_connection_asks_for_the_namespace_too() -> None:
    """The count alone does nothing there."""
    async with world(query=RunsQuery("billing", ""), danger=True) as at:
        assert " RW DANGER " in at.ui.text()
        await at.act("asterisk", "X", "y")
        count = (await at.planned()).plan.count
        at.clock.now += 1
        await at.ui.type(str(count))
        await at.act("enter", "enter")
        assert at.plan.phase == "asking"
        assert at.plan.query_one("#apply", Button).disabled
        await at.ui.type("billing")
        await at.act("enter", "y")
        await wait_until(lambda: at.plan.phase == "done")
        assert len(at.source.cancels) == count


@dataclass(slots=True)
class Slow(SampleSource):
    """Waits in each act; some of them fail to answer."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def cancel(self, run_id: UUID, *, reason: str | None, force: bool) -> None:
        await self.gate.wait()
        if self.away:
            raise DatabaseUnavailable("connection refused")
        await SampleSource.cancel(self, run_id, reason=reason, force=force)


async def test_escape_stops_after_the_batch() -> None:
    """What is done stays done and is told; the rest is not tried."""
    source = Slow(all_runs=[run for run in sample_runs(600) if run.state in LIVE])
    async with world(source=source) as at:
        await at.act("asterisk", "X", "y")
        dialog = await at.planned()
        at.clock.now += 1
        await at.ui.type(str(dialog.plan.count))
        await at.act("enter", "y")
        await at.ui.shows("Esc stops after this batch")
        await at.act("escape")
        source.gate.set()
        await wait_until(lambda: dialog.phase == "done")
        assert 0 < len(source.cancels) < dialog.plan.count
        assert dialog.plan.done == len(source.cancels)
        await at.ui.shows("not tried")


async def test_a_database_that_goes_away_is_told_with_what_goes_on() -> None:
    """The plan is in the database: the message has the command that goes on with it."""
    source = Slow(away=True)
    source.gate.set()
    async with world(source=source) as at:
        await at.ui.press("space")
        await at.act("X", "y")
        dialog = await at.planned()
        at.clock.now += 1
        await at.ui.type("1")
        await at.act("enter", "y")
        await wait_until(lambda: dialog.phase == "done")
        told = static_text(dialog.query_one("#problem"))  # type: ignore[arg-type]
        assert told == f"connection refused; go on with: continuum apply {dialog.plan.id} --count 1"


async def test_a_plan_that_is_refused_keeps_the_form() -> None:
    """Where a reason is compulsory the form says so, and takes one."""
    source = SampleSource()
    async with world(source=source) as at:
        await at.ui.press("space")
        await at.act("X")
        dialog = at.ui.app.screen
        at.ui.app.session.source.bulk = Strict(source.bulk)  # type: ignore[attr-defined]
        await at.act("y")
        await at.ui.shows("default wants a reason")
        dialog.query_one("#reason", Input).value = "they are stuck"
        await at.act("y")
        plan = (await at.planned()).plan
        assert plan.reason == "they are stuck"


class Strict:
    """Asks for a reason."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def plan(
        self, act: object, selection: Selection, given: object, why: str | None
    ) -> BulkPlan:
        if why is None:
            raise ReasonRequired("namespace default wants a reason")
        return await self._inner.plan(act, selection, given, why)  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("keys", [("X",), ("s",), ("e",), ("X", "y")])
async def test_the_dialogs_fit_the_smallest_terminal(keys: tuple[str, ...]) -> None:
    """At 80x24 nothing of them is cut off."""
    async with world(size=(80, 24)) as at:
        await at.act("asterisk", *keys)
        if keys[-1] == "y":
            await at.planned()
        box = at.ui.app.screen.query_one(".dialog")
        assert box.region.bottom <= 24
        assert box.max_scroll_y == 0
        assert at.ui.app.screen.query("Button").last().region.height == 1
