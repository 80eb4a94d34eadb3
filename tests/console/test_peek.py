"""The peek pane: it shows the run under the cursor, follows it, and never slows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from rich.text import Text

import continuum
from console.peek import Glance, PeekFeed
from console.present.peek import peek
from console.run_source import RunReads, Span
from console.sample import SampleSource
from console.sample_journals import sample_history
from console.sample_reports import NOW
from console.session import Session
from console.source import ClientSource
from console.themes import Palette
from continuum import Continuum, workflow
from continuum.errors import DatabaseUnavailable
from continuum.model import HistoryEvent, RunState
from tests.console.driving import Driver, console, wait_until
from tests.console.test_hostile import HOSTILE, assert_harmless, hostile_source
from tests.console.test_journeys import suspended

PALETTE = Palette.from_variables({})


@dataclass(slots=True)
class Watched(SampleSource):
    """Counts what is read of single runs; answers only when let."""

    asked: list[UUID] = field(default_factory=list[UUID])
    cancelled: list[UUID] = field(default_factory=list[UUID])
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    @property
    def run_reads(self) -> RunReads:
        """Those of the sample, watched."""
        source, inner = self, SampleSource.run_reads.fget(self)  # type: ignore[attr-defined]

        class Reads:
            wait_chain = inner.wait_chain

            async def events(self, run_id: UUID, span: Span) -> Sequence[HistoryEvent]:
                source.asked.append(run_id)
                try:
                    await source.gate.wait()
                except asyncio.CancelledError:
                    source.cancelled.append(run_id)
                    raise
                if source.error is not None:
                    raise source.error
                found: Sequence[HistoryEvent] = await inner.events(run_id, span)
                return found

        return Reads()  # type: ignore[return-value]


def lines(found: Sequence[Text]) -> list[str]:
    """Their text."""
    return [line.plain for line in found]


# what is shown


@pytest.mark.parametrize("height", [1, 3, 5, 6, 12, 24, 60])
@pytest.mark.parametrize("width", [20, 76, 130])
def test_the_pane_is_filled_and_never_overfull(width: int, height: int) -> None:
    """Whatever room there is, and whatever the state of the run."""
    for run in SampleSource().all_runs[:40]:
        for glance in (None, Glance(run, None, sample_history(run), 0.0)):
            found = peek(run, glance, None, NOW, width, height, PALETTE)
            assert 0 < len(found) <= height
            assert max(line.cell_len for line in found) <= width


def test_the_newest_events_are_shown_last() -> None:
    """As many as fit, with what they are called."""
    run = next(r for r in SampleSource().all_runs if r.state is RunState.COMPLETED)
    events = sample_history(run)
    shown = lines(peek(run, Glance(run, None, events, 0.0), None, NOW, 120, 12, PALETTE))
    assert shown[4] == "LAST EVENTS"
    assert [int(line.split()[0]) for line in shown[5:]] == [event.seq for event in events[-7:]]
    low = lines(peek(run, Glance(run, None, events, 0.0), None, NOW, 120, 5, PALETTE))
    assert low[-1].split()[0] == str(events[-1].seq)


def test_what_is_not_known_is_told() -> None:
    """Not read yet, nothing there, and why it cannot be read."""
    run = SampleSource().all_runs[0]
    assert "reading…" in lines(peek(run, None, None, NOW, 80, 12, PALETTE))
    nothing = Glance(run, None, (), 0.0)
    assert any("no worker has taken it" in each
               for each in lines(peek(run, nothing, None, NOW, 80, 12, PALETTE)))  # fmt: skip
    error = DatabaseUnavailable("gone [/]")
    assert any("cannot read them: gone [/]" in each
               for each in lines(peek(run, None, error, NOW, 80, 12, PALETTE)))  # fmt: skip


# reading


async def test_a_cursor_that_does_not_rest_reads_nothing() -> None:
    """Only the run on which it comes to rest is read."""
    source = Watched()
    source.gate.set()
    feed = PeekFeed(Session(source), lambda: None)
    runs = source.all_runs[:20]
    for run in runs:
        feed.want(run)
        await asyncio.sleep(0)
    await wait_until(lambda: feed.idle, "the read")
    assert source.asked == [runs[-1].id]
    assert feed.of(runs[-1].id) is not None


async def test_a_read_of_a_run_that_was_left_is_cancelled() -> None:
    """On the server too; what it would have said is never shown."""
    source = Watched()
    feed = PeekFeed(Session(source), lambda: None)
    first, second = source.all_runs[:2]
    feed.want(first)
    await wait_until(lambda: source.asked == [first.id], "the first read")
    feed.want(second)
    await wait_until(lambda: source.cancelled == [first.id], "its end")
    source.gate.set()
    await wait_until(lambda: feed.of(second.id), "the second")
    assert feed.of(first.id) is None


async def test_what_was_read_is_kept_until_the_run_changes() -> None:
    """A run that has ended is read once; a live one again when it is no longer fresh."""
    source, now = Watched(), 100.0
    source.gate.set()
    feed = PeekFeed(Session(source, clock=lambda: now), lambda: None)
    ended = next(run for run in source.all_runs if run.state is RunState.COMPLETED)
    live = next(run for run in source.all_runs if run.state is RunState.SUSPENDED)
    for run in (ended, live, ended, live):
        feed.want(run)
        await wait_until(lambda: feed.idle, "the read")
    assert source.asked == [ended.id, live.id]
    now += 60
    for run in (ended, live):
        feed.want(run)
        await wait_until(lambda: feed.idle, "the read")
    assert source.asked == [ended.id, live.id, live.id]
    feed.want(replace(live, state=RunState.RUNNING))
    await wait_until(lambda: feed.idle, "the read")
    assert source.asked[-2:] == [live.id, live.id]


# on screen


def pane_text(ui: Driver) -> str:
    """What the pane shows."""
    return ui.runs.peek_pane.render().plain


async def test_d_shows_and_hides_the_run_under_the_cursor() -> None:
    """Beside the list where there is room, below it elsewhere; the cursor moves on as ever."""
    for size, beside in (((80, 24), False), ((100, 30), False), ((140, 40), True)):
        async with console(SampleSource(), size=size) as ui:
            await ui.settled()
            before = ui.runs.list.size
            await ui.press("d")
            pane = ui.runs.peek_pane
            await wait_until(lambda s=before: ui.runs.list.size != s, "the new layout")
            assert (pane.region.x > 0) is beside
            assert (ui.runs.list.region.bottom > pane.region.y) is beside
            assert pane.region.bottom < ui.app.size.height
            for _ in range(3):
                await ui.press("j")
                run = ui.runs.list.cursor_row
                assert run is not None
                assert str(run.id) in pane_text(ui)
                await wait_until(lambda r=run, p=pane: p.feed.of(r.id), "its events")
            await ui.press("d")
            assert not pane.display
            assert ui.runs.list.cursor_row == run


async def test_keys_are_answered_while_the_pane_waits_for_its_answer() -> None:
    """A read that never ends holds up neither the cursor nor an act, which hits its run."""
    source = Watched()
    async with console(source, size=(120, 36)) as ui:
        await ui.settled()
        await ui.press("d", "j", "j")
        await wait_until(lambda: source.asked, "a read")
        await ui.press("j")
        run = ui.runs.list.cursor_row
        assert run is not None
        assert str(run.id) in pane_text(ui)
        assert "reading…" in pane_text(ui)
        await ui.press("d", "d", "s")
        await ui.on_screen("SignalDialog")
        assert ui.runs.peek_pane.feed.idle
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        source.gate.set()
        await wait_until(lambda: ui.runs.peek_pane.feed.of(run.id), "its events")


async def test_a_pane_that_cannot_be_read_says_so_and_the_list_goes_on() -> None:
    """An error of the pane is no error of the list."""
    source = Watched(error=DatabaseUnavailable("statement timeout"))
    source.gate.set()
    async with console(source, size=(120, 36)) as ui:
        await ui.settled()
        await ui.press("d")
        await ui.shows("cannot read them: statement timeout")
        assert not ui.runs.list.stale
        source.error = None
        await ui.press("j")
        await wait_until(lambda: "cannot read" not in pane_text(ui), "another run")


@pytest.mark.parametrize("text", [*HOSTILE.values(), "x" * 10_000], ids=[*HOSTILE, "long"])
async def test_hostile_text_in_the_pane(text: str) -> None:
    """Beside the list and below it."""
    for size in ((160, 45), (90, 30)):
        async with console(hostile_source(text), size=size) as ui:
            await ui.settled()
            await ui.press("d")
            await wait_until(lambda: ui.runs.peek_pane.feed.idle, "its events")
            await ui.pilot.pause()
            assert_harmless(ui)


@workflow
async def step_by_step(order: str) -> str:
    """Waits twice."""
    await continuum.wait_signal("first")
    return await continuum.wait_signal("second")


async def test_the_pane_follows_a_real_run(dsn: str) -> None:
    """What it waits for and its newest events, as they happen."""
    async with Continuum(dsn) as client, client.worker([step_by_step]):
        run = await client.start(step_by_step, "o1")
        await suspended(client, run.id)
        async with console(ClientSource(client), size=(140, 40)) as ui:
            await ui.settled()
            await ui.press("d")
            await ui.shows("waits for signal")
            await client.signal(run.id, "first", "[/]")
            await ui.shows('first "[/]"')
            await client.signal(run.id, "second", "ok")
            await ui.shows("run completed")
