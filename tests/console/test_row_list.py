"""The list widget: the cursor belongs to a row, whatever happens around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console.present.columns import Column
from console.themes import Palette
from console.widgets.row_list import RowList, _fit
from tests.console.driving import screen_text


@dataclass(frozen=True)
class Item:
    """A row: its key and what may change about it."""

    name: str
    state: str = "running"


class Items:
    """Presents items; remembers which rows were drawn and which flashed."""

    def __init__(self) -> None:
        self.drawn: set[str] = set()
        self.flashed: set[str] = set()

    def key(self, row: Item) -> Hashable:
        return row.name

    def marker(self, row: Item) -> Hashable:
        return row.state

    def columns(self, width: int) -> tuple[Column, ...]:
        return (Column("name", "NAME", width - 2),)

    def cell(self, row: Item, column: Column, palette: Palette, *, changed: bool) -> Text:
        self.drawn.add(row.name)
        if changed:
            self.flashed.add(row.name)
        return Text(row.name)


class Harness(App[None]):
    """One list, and what it said."""

    def __init__(self) -> None:
        super().__init__()
        self.presenter = Items()
        self.said: list[object] = []

    def compose(self) -> ComposeResult:
        yield RowList[Item](self.presenter, id="list")

    def on_row_list_near_end(self) -> None:
        self.said.append("near end")

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        if event.lost is not None:
            self.said.append(event.lost)


@asynccontextmanager
async def listing(
    rows: Sequence[Item],
) -> AsyncGenerator[tuple[RowList[Item], Harness, Pilot[None]]]:
    """A list of ten visible rows."""
    app = Harness()
    async with app.run_test(size=(40, 13)) as pilot:
        widget = app.query_one(RowList)
        widget.styles.border = ("none", "transparent")
        widget.styles.height = 11
        widget.focus()
        await pilot.pause()
        widget.set_rows(rows)
        await pilot.pause()
        yield widget, app, pilot


def items(first: int, last: int) -> list[Item]:
    """Rows `first` down to `last`, newest first."""
    return [Item(f"run{number:04d}") for number in range(first, last - 1, -1)]


async def test_new_rows_above_do_not_move_the_cursor_to_another_run() -> None:
    """Rows arriving between aiming and acting leave the cursor on the run aimed at."""
    async with listing(items(50, 1)) as (widget, _, pilot):
        await pilot.press("down", "j", "j")
        aimed = widget.cursor_row
        row_on_screen = widget.cursor_index - widget.scroll_offset.y
        widget.set_rows(items(90, 1))
        await pilot.pause()
        assert widget.cursor_row == aimed == Item("run0047")
        assert 0 <= widget.cursor_index - widget.scroll_offset.y < 10
        widget.set_rows(items(95, 1))
        await pilot.pause()
        assert widget.cursor_row == aimed
        assert widget.cursor_index - widget.scroll_offset.y >= row_on_screen - 10


async def test_until_somebody_moves_the_list_follows_the_newest() -> None:
    """At first the view stays on the newest rows; the first key press holds the cursor."""
    async with listing(items(50, 1)) as (widget, _, pilot):
        widget.set_rows(items(60, 1))
        await pilot.pause()
        assert widget.cursor_row == Item("run0060")
        assert widget.scroll_offset.y == 0
        await pilot.press("down")
        assert not widget.following
        widget.follow_newest()
        assert widget.cursor_row == Item("run0060")


async def test_a_run_that_leaves_gives_its_place_and_its_name() -> None:
    """The cursor stays at the same height, and the screen is told which run is gone."""
    async with listing(items(50, 1)) as (widget, app, pilot):
        await pilot.press("down", "down")
        widget.set_rows([item for item in items(50, 1) if item.name != "run0048"])
        await pilot.pause()
        assert widget.cursor_index == 2
        assert "run0048" in app.said


async def test_only_visible_rows_are_drawn() -> None:
    """Five thousand rows cost as much as ten."""
    async with listing(items(5000, 1)) as (_, app, pilot):
        await pilot.pause()
        assert len(app.presenter.drawn) <= 22


async def test_more_rows_are_asked_for_before_the_end() -> None:
    """Scrolling near the end asks for the next page; at the top nothing is asked."""
    async with listing(items(100, 1)) as (_, app, pilot):
        await pilot.pause()
        assert "near end" not in app.said
        await pilot.press("G")
        await pilot.pause()
        assert "near end" in app.said


async def test_a_state_change_flashes_once() -> None:
    """A changed row is drawn as changed until the next refresh."""
    async with listing(items(5, 1)) as (widget, app, pilot):
        changed = [Item("run0005", "failed"), *items(4, 1)]
        widget.set_rows(changed)
        await pilot.pause()
        assert app.presenter.flashed == {"run0005"}
        app.presenter.flashed.clear()
        widget.set_rows(changed)
        await pilot.pause()
        assert app.presenter.flashed == set()


async def test_a_click_aims_and_a_second_click_chooses() -> None:
    """The mouse does what the cursor keys do."""
    async with listing(items(50, 1)) as (widget, _, pilot):
        await pilot.click(widget, offset=(5, 4))
        assert widget.cursor_row == Item("run0047")


async def test_an_empty_list_has_no_cursor_and_survives_every_key() -> None:
    """Keys on an empty list do nothing."""
    async with listing([]) as (widget, app, pilot):
        await pilot.press("down", "up", "G", "g", "pagedown", "pageup")
        assert widget.cursor_row is None
        assert "NAME" in screen_text(app)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), unique=True, max_size=40), min_size=1, max_size=6))
async def test_the_cursor_is_always_a_row_or_nothing(refreshes: list[list[int]]) -> None:
    """Whatever comes and goes, a run that stays keeps the cursor, and the index is in range."""
    async with listing(items(20, 1)) as (widget, _, pilot):
        await pilot.press("down", "down", "down")
        for numbers in refreshes:
            before = widget.cursor_row
            rows = [Item(f"run{number:04d}") for number in sorted(numbers, reverse=True)]
            widget.set_rows(rows)
            if before in rows:
                assert widget.cursor_row == before
            assert (widget.cursor_row in rows) if rows else widget.cursor_row is None


def test_a_cell_is_exactly_as_wide_as_its_column() -> None:
    """Double-width characters are counted in cells, not characters."""
    for text in ("", "short", "much too long for it", "日本語日本語", "🚀🚀🚀🚀🚀"):
        for align in ("left", "right"):
            assert _fit(Text(text), Column("c", "C", 9, align)).cell_len == 9
