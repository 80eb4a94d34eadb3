"""The operator journal as a screen: rows, filters, paging, and what the library says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from textual.widgets import Input

from console import acts_query
from console.acts_query import ActsQuery, FilterError
from console.acts_source import ACTS, ActsPage, refreshed
from console.present.acts import ActRows, in_full
from console.sample import SampleSource
from console.sample_acts import SampleActs, sample_acts
from console.sample_reports import NOW
from console.screens.journal import JournalScreen
from console.screens.run import RunScreen
from console.source import ClientSource
from console.themes import Palette
from continuum import Continuum
from continuum.operators.acts import OperatorAct
from tests.console.driving import Driver, console, wait_until
from tests.console.snapshots import AwayActs
from tests.console.test_hostile import HOSTILE, assert_harmless
from tests.console.test_journeys import review

PALETTE = Palette.from_variables({})
LONG = "x" * 10_000


def journal(ui: Driver) -> JournalScreen:
    """The journal, which is on screen."""
    assert isinstance(ui.app.screen, JournalScreen)
    return ui.app.screen


async def open_journal(ui: Driver) -> JournalScreen:
    """Go there, and wait for its answer."""
    await ui.settled()
    await ui.press("5")
    await wait_until(lambda: ui.answered, "the journal")
    await ui.pilot.pause()
    return journal(ui)


def many(count: int) -> SampleSource:
    """A journal with so many entries."""
    source = SampleSource()
    [one, *_] = sample_acts(source.all_runs)
    source.acts = SampleActs(
        [replace(one, id=number, at=NOW - timedelta(seconds=count - number))
         for number in range(count, 0, -1)],
        NOW,
    )  # fmt: skip
    return source


# the filter as text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "by ann",
        "act 'attributes set'",
        'by "o\'neil" ns billing since -2h',
        "run 0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8",
        "run order-7 plan 0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8 since 2026-03-14T00:00:00+00:00",
    ],
)
def test_a_filter_reads_back(text: str) -> None:
    """What is in force can be typed again."""
    query = acts_query.parse(text)
    assert acts_query.parse(query.text) == query
    assert len(query.parts()) == len(text.replace("'attributes set'", "x").split()) // 2


def test_the_options_of_the_command_line_are_understood() -> None:
    """`--by ann -n billing` is what `continuum journal` takes."""
    query = acts_query.parse("--by ann -n billing --act cancel --since today")
    assert query == ActsQuery(by="ann", namespace="billing", act="cancel", since="today")
    assert query.command == (
        "continuum journal --by ann --act cancel --namespace billing --since today"
    )
    assert ActsQuery(since="-2h", act="attributes set").command == (
        "continuum journal --act 'attributes set' --since=-2h"
    )


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("who ann", 0, "no word 'who'"),
        ("by ann aktt cancel", 7, "did you mean act?"),
        ("by", 2, "by what?"),
        ("by ann by ben", 7, "stands here twice"),
        ("plan seven", 5, "32 hexadecimal digits"),
        ("since yesterday", 6, "not a time"),
        ("since now+2h", 6, "still to come"),
        ("by=ann x", 2, "a blank stands behind by"),
        ("by ''", 4, "by what?"),
    ],
)
def test_what_cannot_be_a_filter_is_told_with_its_place(
    text: str, position: int, words: str
) -> None:
    """And with the nearest word."""
    with pytest.raises(FilterError) as caught:
        acts_query.parse(text)
    assert words in caught.value.message
    assert caught.value.position == position


def test_a_filter_is_completed() -> None:
    """Words first, then the values that the list shows."""
    known = {"by": ["ann", "ann-marie"], "act": ["attributes set"]}
    assert acts_query.complete("b", known) == "by"
    assert acts_query.complete("by a", known) == "by ann"
    assert acts_query.complete("by ann", known) == "by ann-marie"
    assert acts_query.complete("by ann ac", known) == "by ann act"
    assert acts_query.complete("by ann ", known) is None
    assert acts_query.complete("", known) is None


# the rows


@pytest.mark.parametrize("width", [60, 76, 96, 136, 196])
def test_the_columns_fit(width: int) -> None:
    """At every width, and every entry can be told."""
    rows = ActRows(NOW)
    columns = rows.columns(width)
    assert sum(column.width + 2 for column in columns) - 2 <= width
    for entry in sample_acts(SampleSource().all_runs):
        for column in columns:
            assert rows.cell(entry, column, PALETTE, changed=False).plain is not None


def poisoned(entry: OperatorAct, text: str) -> OperatorAct:
    """An entry that says `text` wherever somebody can say something."""
    return replace(
        entry, operator=text, host=text, program=text, act=text, namespace=text, reason=text,
        expression=text, outcome=text, detail={text: text, "nested": {text: [text]}},
    )  # fmt: skip


@pytest.mark.parametrize("text", [*HOSTILE.values(), LONG], ids=[*HOSTILE, "long"])
async def test_hostile_text_in_the_journal(text: str) -> None:
    """Rows, filter, entry and toasts stay whole, whatever somebody wrote as a reason."""
    source = SampleSource()
    entries = sample_acts(source.all_runs)
    source.acts = SampleActs([poisoned(each, text) for each in entries], NOW)
    async with console(source, size=(160, 45)) as ui:
        screen = await open_journal(ui)
        assert_harmless(ui)
        await ui.press("d")
        await ui.on_screen("ValueDialog")
        assert_harmless(ui)
        await ui.press("escape", "y")
        await ui.on_screen("YankDialog")
        assert_harmless(ui)
        await ui.press("escape")
        for _ in range(3):
            await ui.press("right", "equals_sign")
        await wait_until(lambda: ui.answered, "an answer")
        await ui.pilot.pause()
        assert screen.acts_query.parts()
        assert_harmless(ui)


def test_an_entry_in_full_says_everything() -> None:
    """Also what the row has no room for."""
    entry = next(each for each in sample_acts(SampleSource().all_runs) if each.plan_id)
    text = "\n".join(line.plain for line in in_full(entry, NOW, PALETTE))
    for words in ("bastion-1.eu", str(entry.plan_id), str(entry.run_id), "shop.orders:fulfil"):
        assert words in text


# the screen


async def test_the_journal_is_read_newest_first_and_enter_opens_the_run() -> None:
    """By its key, by `:journal`, and back as it was left."""
    async with console(SampleSource(), size=(120, 36)) as ui:
        screen = await open_journal(ui)
        ids = [entry.id for entry in screen.list.rows]
        assert ids == sorted(ids, reverse=True)
        await ui.press("j", "enter")
        await ui.on_screen("RunScreen")
        assert isinstance(ui.app.screen, RunScreen)
        assert ui.app.screen.run_id == screen.list.rows[1].run_id
        await ui.press("escape")
        assert journal(ui).list.cursor_index == 1
        await ui.press("1", ":")
        await ui.type("journal by ben act cancel")
        await ui.press("enter")
        await wait_until(lambda: ui.app.screen is screen and ui.answered, "the journal")
        assert {entry.act for entry in screen.list.rows} == {"cancel"}
        assert {entry.operator for entry in screen.list.rows} == {"ben"}


async def test_a_command_that_is_no_filter_stays_in_its_line() -> None:
    """With a mark at the place."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press(":")
        await ui.type("journal by ann akt x")
        await ui.press("enter")
        await ui.shows("did you mean act?")


async def test_gestures_narrow_the_filter_and_take_it_back() -> None:
    """`=` asks for entries like the cell, Backspace drops a part, Esc all; `/` edits the text."""
    async with console(SampleSource(), size=(120, 36)) as ui:
        screen = await open_journal(ui)
        every = len(screen.list.rows)
        await ui.press("equals_sign")
        await ui.toasts("this cell is no filter")
        await ui.press("right", "equals_sign")
        await wait_until(lambda: ui.answered and screen.list.rows, "an answer")
        assert screen.acts_query == ActsQuery(by="ann")
        await ui.press("right", "equals_sign")
        assert screen.acts_query == ActsQuery(by="ann", act="signal")
        await ui.press("backspace")
        assert screen.acts_query == ActsQuery(by="ann")
        await ui.press("slash")
        await ui.type("by nobody")
        await ui.press("enter")
        await ui.shows("No entry matches")
        await ui.press("escape")
        await wait_until(lambda: len(screen.list.rows) == every, "every entry")
        await ui.press("slash")
        await ui.type("by ann nonsense")
        await ui.press("enter")
        await ui.shows("no word 'nonsense'")
        assert screen.acts_query == ActsQuery()
        await ui.press("escape")
        await wait_until(lambda: ui.app.focused is screen.list, "the list")


async def test_the_journal_of_one_run() -> None:
    """`J` on a run leads to what was done to it."""
    source = SampleSource()
    async with console(source, size=(120, 36)) as ui:
        await ui.settled()
        acted = next(each.run_id for each in sample_acts(source.all_runs) if each.run_id)
        row = [run.id for run in ui.runs.list.rows].index(acted)
        ui.runs.list.to_row(row)
        await ui.press("J")
        await ui.on_screen("JournalScreen")
        await wait_until(lambda: ui.answered, "an answer")
        assert {entry.run_id for entry in journal(ui).list.rows} == {acted}


async def test_an_act_upon_no_run_opens_nothing_and_is_told_in_full() -> None:
    """`Enter` says why not; `d` shows it."""
    async with console(SampleSource(), size=(120, 36)) as ui:
        screen = await open_journal(ui)
        row = next(n for n, each in enumerate(screen.list.rows) if each.run_id is None)
        screen.list.to_row(row)
        await ui.press("enter")
        await ui.toasts("it was not done to one run")
        await ui.press("d")
        await ui.on_screen("ValueDialog")
        await ui.shows("operator")


async def test_further_pages_are_read_as_one_scrolls() -> None:
    """By keyset: each entry once, down to the first."""
    async with console(many(2 * ACTS + 30), size=(120, 36)) as ui:
        screen = await open_journal(ui)
        assert len(screen.list.rows) == ACTS
        await ui.shows(f"newest {ACTS}")
        for expected in (2 * ACTS, 2 * ACTS + 30):
            await ui.press("G")
            await wait_until(lambda n=expected: len(screen.list.rows) == n, "the next page")
        assert [entry.id for entry in screen.list.rows] == list(range(2 * ACTS + 30, 0, -1))


async def test_a_held_cursor_stays_on_its_entry() -> None:
    """While new entries come in above it."""
    source = many(30)
    async with console(source, size=(120, 36)) as ui:
        screen = await open_journal(ui)
        await ui.press("j", "j")
        held = screen.list.cursor_row
        acts = cast("SampleActs", source.acts)
        acts.entries = [replace(acts.entries[0], id=31), *acts.entries]
        await ui.press("r")
        await wait_until(lambda: len(screen.list.rows) == 31, "the new entry")
        assert screen.list.cursor_row == held


def test_a_refresh_never_hides_a_gap() -> None:
    """When more than a page came meanwhile, what is held behind it would not follow on."""
    entries = cast("SampleActs", many(300).acts).entries
    query = ActsQuery()
    held = ActsPage(tuple(entries[200:300]), None, NOW)
    fresh = ActsPage(tuple(entries[:100]), "201", NOW)
    assert refreshed(query, held, fresh) == fresh
    near = ActsPage(tuple(entries[50:250]), "51", NOW)
    assert refreshed(query, near, fresh).entries == tuple(entries[:250])
    assert refreshed(query, near, fresh).cursor == "51"
    short = ActsQuery(since="-10s")
    assert all(each.at >= NOW - timedelta(seconds=10)
               for each in refreshed(short, near, fresh).entries[100:])  # fmt: skip


async def test_the_journal_cannot_be_read() -> None:
    """The rows stay, under a banner."""
    source = SampleSource()
    async with console(source, size=(120, 36)) as ui:
        screen = await open_journal(ui)

        source.acts = AwayActs()
        await ui.press("r")
        await ui.shows("database unreachable")
        assert screen.list.rows
        assert screen.list.stale


async def test_the_console_shows_what_the_library_lists(dsn: str) -> None:
    """On a real database: who, what, which run, why; a filter by a key that no run has says so."""
    async with Continuum(dsn) as client, Continuum(dsn, operator="ann") as ann:
        runs = [await client.start(review, f"o{n}", key=f"order-{n}") for n in range(3)]
        await ann.signal(runs[0].id, "fraud_review", "fine", reason="looked at it")
        for run in runs[1:]:
            await ann.cancel(run.id, reason="[/] duplicate")
        async with console(ClientSource(ann), size=(140, 40)) as ui:
            screen = await open_journal(ui)
            listed = (await client.operator_journal()).entries
            assert screen.list.rows == listed
            await ui.shows("[/] duplicate")
            await ui.press("slash")
            await ui.type("run order-1")
            await ui.press("enter")
            await wait_until(lambda: len(screen.list.rows) == 1, "the one act")
            assert screen.list.rows[0].run_id == runs[1].id
            await ui.press("slash")
            await ui.type("run order-99")
            await ui.press("enter")
            await ui.shows("order-99")
            await wait_until(lambda: screen.query_one(Input).display, "the line again")
            assert screen.query_one(Input).value == "run order-99"
            assert screen.acts_query.run == "order-1"
            await ui.press("escape", "enter")
            await ui.on_screen("RunScreen")
            assert ui.run.run_id == runs[1].id
