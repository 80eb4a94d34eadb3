"""The report widget: a cursor that visits blocks and stays on what it is about, in view."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from console.present.blocks import (
    Block,
    Cell,
    facts_line,
    heading,
    labelled,
    paragraph,
    rows,
    without_gap,
)
from console.themes import Palette
from console.widgets.report_view import ReportView

PALETTE = Palette.from_variables({})


def block(name: str | None, lines: int = 2) -> Block:
    """A block of so many lines."""
    return Block(tuple(Text(f"{name} {number}") for number in range(lines)), name)


class ReportApp(App[None]):
    """One report on a screen of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = 0

    def compose(self) -> ComposeResult:
        yield ReportView()

    def on_report_view_chosen(self) -> None:
        self.chosen += 1


@asynccontextmanager
async def report(
    blocks: Sequence[Block], height: int = 10
) -> AsyncGenerator[tuple[ReportView, Pilot[None]]]:
    """A report with these blocks and the focus."""
    app = ReportApp()
    async with app.run_test(size=(40, height)) as pilot:
        view = app.query_one(ReportView)
        view.put(lambda _width, _palette: blocks)
        view.focus()
        await pilot.pause()
        yield view, pilot


def key(view: ReportView) -> object:
    """What the cursor is on."""
    found = view.cursor_block
    return None if found is None else found.key


BLOCKS = [block(None, 1), *(block(name) for name in "abc"), block(None, 1), block("d", 8)]


async def test_the_cursor_visits_only_what_says_something() -> None:
    """Headings are passed over, both ends hold, and the whole block comes into view."""
    async with report(BLOCKS) as (view, pilot):
        assert key(view) == "a"
        seen = []
        for _ in range(5):
            await pilot.press("j")
            seen.append(key(view))
        assert seen == ["b", "c", "d", "d", "d"]
        assert view.scroll_offset.y + view.size.height == 16
        await pilot.press("g")
        assert (key(view), view.scroll_offset.y) == ("a", 0)
        await pilot.press("G")
        assert key(view) == "d"
        await pilot.press("pageup", "k", "up", "up")
        assert (key(view), view.scroll_offset.y) == ("a", 0)
        await pilot.press("pagedown")
        assert key(view) == "d"


async def test_the_cursor_stays_on_what_it_is_about() -> None:
    """Blocks come and go around it; when its own goes, it is on the next one."""
    async with report(BLOCKS) as (view, pilot):
        await pilot.press("j")
        view.put(lambda _width, _palette: [block("new"), *BLOCKS])
        assert key(view) == "b"
        view.put(lambda _width, _palette: BLOCKS)
        view.put(lambda _width, _palette: [each for each in BLOCKS if each.key != "b"])
        assert key(view) == "c"
        view.put(lambda _width, _palette: [block("a")])
        assert key(view) == "a"
        view.put(lambda _width, _palette: [block(None)])
        assert key(view) is None
        await pilot.press("j", "k", "pagedown", "pageup", "g", "G")
        view.put(lambda _width, _palette: BLOCKS)
        assert key(view) == "a"


async def test_a_click_moves_and_then_opens() -> None:
    """The first click highlights, the second one opens; a heading does neither."""
    async with report(BLOCKS) as (view, pilot):
        await pilot.click(ReportView, offset=(5, 3))
        assert key(view) == "b"
        await pilot.click(ReportView, offset=(5, 0))
        app = pilot.app
        assert isinstance(app, ReportApp)
        assert (key(view), app.chosen) == ("b", 0)
        await pilot.click(ReportView, offset=(5, 4))
        assert app.chosen == 1


async def test_text_is_wrapped_again_for_another_width() -> None:
    """Nothing is cut that could be wrapped."""
    words = Text("word " * 30)
    async with report([]) as (view, pilot):
        view.put(lambda width, _palette: [Block(tuple(paragraph(words, width)), "words")])
        narrow = len(view.blocks[0].lines)
        await pilot.resize_terminal(90, 10)
        await pilot.pause()
        assert len(view.blocks[0].lines) < narrow
        assert all(line.cell_len <= 87 for line in view.blocks[0].lines)


def test_paragraphs_and_labels_stand_in_columns() -> None:
    """Every line of a text begins below the first one."""
    lines = labelled(Text("  fix", "bold"), Text("one two three four five six seven"), 30, 7)
    assert [line.plain for line in lines] == ["  fix  one two three four five", "       six seven"]
    assert not lines[0].style
    assert [line.plain for line in paragraph(Text("one two"), 24, 2)] == ["  one two"]


def test_tables_cut_their_widest_column() -> None:
    """Columns line up; numbers stand at the right; only as much is cut as has to be."""
    table = [
        [Cell(Text("x" * 30)), Cell(Text("7"), right=True)],
        [Cell(Text("y")), Cell(Text("12"), right=True)],
    ]
    assert [line.plain for line in rows(table, 40)] == [f"{'x' * 30}   7", f"y{' ' * 29}  12"]
    assert [line.plain for line in rows(table, 20)] == [f"{'x' * 15}…   7", f"y{' ' * 15}  12"]
    assert rows([], 10) == []


def test_headings_and_verdicts() -> None:
    """A rule to the end of the line; the first heading without a gap; facts that fit."""
    head = heading("findings", 3, 30, PALETTE)
    assert [line.plain for line in head.lines] == ["", "FINDINGS 3 " + "─" * 19]
    assert len(without_gap([head])[0].lines) == 1
    assert without_gap([]) == []
    facts = [Text("one"), Text("a long one"), Text("two")]
    assert facts_line(Text("no"), facts, 12).plain == "no   one"
    assert facts_line(Text("no"), facts, 40).plain == "no   one   a long one   two"
