"""What presenters make of data: pure functions, so most of the console is tested here."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from textual.theme import BUILTIN_THEMES

from console.present import (
    ages,
    facts,
    family,
    header,
    notices,
    plain,
    states,
    tabs,
    values,
    waits,
)
from console.present.runs import RunRows, error_line, reason
from console.sample import NOW, SampleSource, sample_runs
from console.sample_journals import stored
from console.source import Counts, Pulse, RunsPage, RunsQuery
from console.themes import DARK, Palette
from continuum.errors import DatabaseUnavailable
from continuum.model import Omitted, Run, RunError, RunState, ServerInfo

PALETTE = Palette.from_variables(DARK.to_color_system().generate())


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0ms"), (0.42, "420ms"), (0.9996, "1.0s"), (1.44, "1.4s"), (9.96, "10s"), (59.6, "1m00s"),
     (843, "14m03s"), (3600, "1h00m"), (11520, "3h12m"), (187_200, "2d04h"), (40_000_000, "462d"),
     (-3, "0ms")],
)  # fmt: skip
def test_duration(seconds: float, shown: str) -> None:
    """Durations use at most two units and seven cells."""
    assert ages.duration(seconds) == shown
    assert len(shown) <= 7


def test_ago_never_counts_backwards() -> None:
    """A clock that is a little behind shows `now`, not a negative age."""
    assert ages.ago(NOW + timedelta(seconds=5), NOW) == "now"
    assert ages.ago(NOW - timedelta(minutes=2), NOW) == "2m ago"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b2J", "\\x9b2J"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("zażółć 🚀", "zażółć 🚀"),
    ],
)
def test_text_from_outside_is_made_safe(text: str, shown: str) -> None:
    """Control, invisible and reordering characters become visible escapes; the rest stays."""
    assert plain.one_line(text) == shown


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    """Ten million characters cost no more than what is shown."""
    assert plain.one_line("x" * 10_000_000, 10) == "x" * 9 + "…"
    assert len(plain.one_line("\x1b" * 50, 20)) == 20


def test_every_state_has_its_own_glyph_one_cell_wide() -> None:
    """States differ without colour, and no glyph is of ambiguous or double width."""
    glyphs = [states.glyph(state) for state in states.STATES]
    assert len(set(glyphs)) == len(glyphs)
    assert all(unicodedata.east_asian_width(glyph) in ("N", "Na") for glyph in glyphs)


def test_a_state_this_release_does_not_know_is_shown() -> None:
    """A newer worker's state must not break the table."""
    assert states.badge("paused", PALETTE).plain == "? paused"


@pytest.mark.parametrize(
    ("waiting_on", "shown"),
    [
        ("signal fraud_review until 2026-03-15T08:26:53Z", "signal fraud_review, 22h left"),
        ("signal fraud_review", "signal fraud_review"),
        ("timer until 2026-03-14T09:26:50.5Z", "timer, 3s overdue"),
        ("activity shop.pay:charge attempt 2 of 5, retry at 2026-03-14T09:27:35Z",
         "activity pay:charge attempt 2 of 5, retry in 41s"),
        ("timer 2026-03-14T09:26:59Z, signal go", "timer in 5s, signal go"),
        ("\x1b[2J", "\\x1b[2J"),
        ("child 0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8, signal go", "child 0199…b1d8, signal go"),
    ],
)  # fmt: skip
def test_waiting_turns_times_into_time_left(waiting_on: str, shown: str) -> None:
    """An operator reads how long, not a timestamp to subtract."""
    assert waits.waiting(waiting_on, NOW) == shown


def test_awaited_signals_are_found() -> None:
    """The signal dialog offers the names a run waits for, each once."""
    text = "signal a until 2026-03-15T08:26:53Z, signal b, timer 2026-03-15T08:26:53Z, signal a"
    assert waits.awaited_signals(text) == ["a", "b"]
    assert waits.awaited_signals(None) == []


@pytest.mark.parametrize("width", [40, 58, 69, 70, 76, 96, 116, 136, 176, 196])
@pytest.mark.parametrize("all_namespaces", [False, True])
def test_columns_fill_the_width_exactly(width: int, all_namespaces: bool) -> None:
    """At every width the columns and their gaps fit, and the state comes first."""
    columns = RunRows(NOW, all_namespaces=all_namespaces).columns(width)
    assert sum(column.width + 2 for column in columns) <= width
    assert columns[0].name == "state"
    assert {"run", "workflow"} <= {column.name for column in columns}


def test_what_a_run_waits_for_survives_at_80_columns() -> None:
    """At 80 columns (76 inside the frame) the reason column is still there, wide enough to read."""
    [waiting] = [c for c in RunRows(NOW).columns(74) if c.name == "waits"]
    assert waiting.width >= 20


def test_every_cell_of_every_sample_run_renders() -> None:
    """All states and columns give text without control characters."""
    presenter = RunRows(NOW, all_namespaces=True)
    for run in sample_runs(80):
        for column in presenter.columns(196):
            cell = presenter.cell(run, column, PALETTE, changed=True)
            assert cell.plain.isprintable()


def test_an_unpinned_run_has_no_version() -> None:
    """A run that nobody has executed yet shows a dash instead of `v0`."""
    run = sample_runs(1)[0]
    unpinned = type(run)(**{**_fields(run), "version": 0, "version_hash": ""})
    [column] = [c for c in RunRows(NOW).columns(120) if c.name == "version"]
    assert RunRows(NOW).cell(unpinned, column, PALETTE, changed=False).plain == "-"


def _fields(run: object) -> dict[str, object]:
    return {name: getattr(run, name) for name in type(run).__slots__}  # type: ignore[attr-defined]


def test_preview_is_compact_json_cut_at_its_limit() -> None:
    """The one-line form is JSON with `…` at the end when it was cut."""
    assert values.preview({"a": [1, None, True], "b": "x"}) == '{"a": [1, null, true], "b": "x"}'
    assert values.preview(["x" * 5_000_000], 20) == '["' + "x" * 17 + "…"
    assert values.preview(Omitted(5 * 1024 * 1024)) == "(5.0 MiB, not loaded)"


def test_pretty_is_valid_json_line_by_line() -> None:
    """The indented form parses back to the value."""
    import json

    value = {"a": [1, 2.5, None, True, {}, []], "b": {"c": 'd\n"e"'}}
    text = "\n".join(line.plain for line in values.pretty(value, PALETTE))
    assert json.loads(text) == value


def test_pretty_stops_at_its_budget() -> None:
    """A list of a million numbers gives as many lines as were asked for, and says so."""
    lines = values.pretty(list(range(1_000_000)), PALETTE, max_lines=50)
    assert len(lines) == 51
    assert "cut here" in lines[-1].plain


def brief(run: Run, children: dict[str, int] | None = None) -> list[str]:
    """The head of a small screen."""
    return [line.plain for line in facts.brief(facts.Seen(run, NOW, None, children or {}), PALETTE)]


def told(run: Run) -> list[str]:
    """All facts."""
    return [line.plain for line in facts.facts(facts.Seen(run, NOW), PALETTE)]


def test_children_are_counted_in_the_facts() -> None:
    """By state, those first that need somebody; none are not mentioned."""
    counts = {"completed": 1_000, "failed": 1, "running": 2}
    assert family.summary(counts) == "1,003: 1 failed, 2 running, 1,000 completed"
    assert family.summary({}) == ""
    run = sample_runs(1)[0]
    shown = [line.plain for line in facts.facts(facts.Seen(run, NOW, None, counts), PALETTE)]
    assert "children    1,003: 1 failed, 2 running, 1,000 completed" in shown
    assert "children 1,003: 1 failed" in brief(run, counts)[2]


def test_a_cancellation_in_progress_says_since_when() -> None:
    """In the list, in the head of a small screen and among the facts."""
    run = next(run for run in sample_runs(60) if run.waiting_on)
    asked = replace(run, cancelling_since=NOW - timedelta(seconds=12))
    assert reason(asked, NOW, PALETTE).plain.startswith("cancelling 12s  ")
    assert brief(asked)[3].startswith("cancelling 12s  waits for ")
    [line] = [
        f.plain
        for f in facts.facts(facts.Seen(asked, NOW), PALETTE)
        if f.plain.startswith("cancelling")
    ]
    assert line.startswith("cancelling  since 12s ago")
    assert not any("cancelling" in fact for fact in told(run))


def test_a_failed_activity_says_why_at_once() -> None:
    """A narrow list has room for the cause, not for the way it came."""
    message = "activity shop:charge_card failed: shop.pay.CardDeclined: card ends in 42"
    error = RunError("continuum.errors.ActivityFailed", message)
    assert error_line(error, PALETTE).plain == "CardDeclined: card ends in 42 (charge_card)"
    other = RunError("continuum.errors.ActivityFailed", "lost")
    assert error_line(other, PALETTE).plain == "ActivityFailed: lost"


def test_parent_and_incarnation_are_facts() -> None:
    """Also on a small screen; every label is apart from its value."""
    run = replace(sample_runs(1)[0], parent_id=UUID(int=7), incarnation=3)
    shown = [line.plain for line in facts.facts(facts.Seen(run, NOW), PALETTE)]
    assert f"parent      {UUID(int=7)}" in shown
    assert "incarnation 3" in shown
    assert brief(run)[2].startswith("child of 0000…0007  incarnation 3  ")


def test_facts_wrap_under_their_content() -> None:
    """A long value goes on below itself, not below its label, and never beyond the pane."""
    run = next(run for run in sample_runs(60) if run.waiting_on and "activity" in run.waiting_on)
    lines = [line.plain for line in facts.facts(facts.Seen(run, NOW), PALETTE, 40)]
    start = next(index for index, line in enumerate(lines) if line.startswith("waits for"))
    assert lines[start + 1].startswith(" " * facts.LABEL)
    assert max(len(line) for line in lines) <= 40


def test_facts_show_error_with_its_traceback() -> None:
    """The traceback is there line by line, its escape codes made harmless."""
    run = next(run for run in sample_runs(160) if run.state is RunState.FAILED)
    failed = type(run)(
        **{**_fields(run), "error": RunError("m.E", "no", "Traceback\n  \x1b[1mline 2")}
    )
    text = "\n".join(line.plain for line in facts.facts(facts.Seen(failed, NOW), PALETTE))
    assert "m.E" in text
    assert "Traceback\n    \\x1b[1mline 2" in text.replace("  Traceback", "Traceback")


HEADER = header.HeaderFacts(
    server="db1:5432", database="shop", user="ops", namespace="billing", read_only=False,
    pulse=Pulse(3, 41, 0), zone="UTC", age=1.0, interval=2.0, paused=False, failing=False,
)  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_header_is_exactly_as_wide_as_the_terminal(width: int) -> None:
    """Whatever the width, one full line; namespace and rights never go."""
    line = header.header(HEADER, width, PALETTE).plain
    assert len(line) == width
    assert "ns billing" in line
    assert "RW" in line


def test_header_says_read_only_in_full() -> None:
    """`READ-ONLY`, also on a narrow terminal."""
    facts_read_only = header.HeaderFacts(
        server="db1:5432", database="shop", user="ops", namespace=None, read_only=True,
        pulse=Pulse(0, 0, 0), zone="UTC", age=None, interval=2.0, paused=False, failing=False,
    )  # fmt: skip
    line = header.header(facts_read_only, 60, PALETTE).plain
    assert "READ-ONLY" in line
    assert "ns all" in line
    assert "no worker" in header.header(facts_read_only, 120, PALETTE).plain


@pytest.mark.parametrize(
    ("stuck", "shown"), [(0, None), (1, "1 stuck"), (99, "99 stuck"), (100, "99+ stuck")]
)
def test_header_tells_of_stuck_runs(stuck: int, shown: str | None) -> None:
    """Runs that no live node can run are told as long as there is room, up to a number."""
    facts = replace(HEADER, pulse=Pulse(3, 41, stuck))
    line = header.header(facts, 120, PALETTE).plain
    assert (shown in line) if shown else ("stuck" not in line)
    assert "stuck" not in header.header(facts, 44, PALETTE).plain


def test_header_drops_what_matters_least_first() -> None:
    """User, zone, running runs, nodes; stuck runs stay longest; what is unknown is not shown."""
    facts = replace(HEADER, pulse=Pulse(3, 1041, 2))
    whole = header.header(facts, 120, PALETTE).plain
    assert "ops@db1:5432/shop" in whole
    for words in ("3 nodes", "1,041 running", "2 stuck", "UTC"):
        assert words in whole
    dropped = [("ops@", 86), ("UTC", 80), ("running", 70), ("nodes", 60)]
    for words, width in dropped:
        line = header.header(facts, width, PALETTE).plain
        assert words not in line
        assert "2 stuck" in line
    unknown = header.header(replace(HEADER, pulse=None), 120, PALETTE).plain
    assert not any(words in unknown for words in ("node", "running", "stuck", "worker"))


def test_header_tells_a_replica() -> None:
    """Data read from a replica may lag; the header says which it is."""
    assert header.address(ServerInfo("u", "d", "db2", 5433, "18.1", replica=True)) == (
        "db2:5433 replica"
    )


@pytest.mark.parametrize(
    ("age", "paused", "failing", "shown"),
    [(None, False, False, "reading…"), (3.0, False, False, "live 2s"),
     (14.2, True, False, "paused 14s old"), (14.2, False, True, "stale 14s"),
     (None, False, True, "no data yet")],
)  # fmt: skip
def test_freshness(age: float | None, paused: bool, failing: bool, shown: str) -> None:
    """How old the data is, and why."""
    found = header.freshness(replace(HEADER, age=age, paused=paused, failing=failing), PALETTE)
    assert found.plain == shown


def test_tabs_drop_counts_then_words_when_narrow() -> None:
    """At 80 columns every state is still named."""
    counts = Counts(dict.fromkeys(states.STATES, 1234))
    wide, _ = tabs.tabs("failed", counts, 140, PALETTE)
    assert "Failed 1,234" in wide.plain
    middle, places = tabs.tabs("failed", counts, 80, PALETTE)
    assert "Suspended" in middle.plain
    assert middle.cell_len <= 80
    assert middle.plain[places[0].start : places[0].end].strip() == "All"
    narrow, _ = tabs.tabs("failed", counts, 40, PALETTE)
    assert narrow.cell_len <= 42


def test_three_empty_states_differ() -> None:
    """Still loading, nothing matches and nothing yet are different things."""
    page = RunsPage((), None, complete=True, at=NOW)
    texts = [
        notices.empty(RunsQuery(None), None, PALETTE).plain,
        notices.empty(RunsQuery(None), page, PALETTE).plain,
        notices.empty(RunsQuery("billing"), page, PALETTE).plain,
        notices.empty(RunsQuery(None, "state = 'failed'"), page, PALETTE).plain,
        notices.empty(RunsQuery(None), RunsPage((), "on", complete=False, at=NOW), PALETTE).plain,
    ]
    assert len(set(texts)) == len(texts)
    assert "continuum demo" in texts[1]
    assert "state = 'failed'" in texts[3]


def test_banner_says_since_when_and_when_again() -> None:
    """The operator learns that it is retried, and how to retry now."""
    error = DatabaseUnavailable("connection refused")
    line = notices.banner(error, 12, 3.2, unreachable=True, palette=PALETTE).plain
    assert "database unreachable 12s" in line
    assert "retry in 4s" in line
    assert "r now" in line
    assert "connection refused" in line


@pytest.mark.parametrize("name", [*BUILTIN_THEMES, "continuum-dark"])
def test_a_palette_comes_out_of_every_theme(name: str) -> None:
    """No theme, the terminal's own 16 colours included, breaks the palette."""
    theme = BUILTIN_THEMES.get(name, DARK)
    palette = Palette.from_variables(theme.to_color_system().generate())
    assert palette.bad.color != palette.good.color


async def test_sample_source_pages_like_a_database() -> None:
    """The fixed world used by screenshots filters, orders and cuts."""
    source = SampleSource()
    page = await source.runs(RunsQuery("billing", "state = 'failed'"), 3)
    assert [run.state for run in page.runs] == [RunState.FAILED] * len(page.runs)
    assert list(page.runs) == sorted(page.runs, key=lambda run: run.started_at, reverse=True)


def test_times_are_shown_with_their_zone() -> None:
    """A time without a zone is a guess."""
    assert ages.stamp(datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)).split()[-1]
    assert stored({"a": 1}).decode() == {"a": 1}
