"""The shell around every screen: modes, crumbs, keys, the `:` line, the palette."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from textual import events
from textual.widgets import Input

from console import actions, verbs
from console.present.modes import modes
from console.present.plain import short_id
from console.sample import SampleSource
from console.scope import Scope
from console.source import Pulse
from console.themes import Palette
from console.verbs import CommandError, Order, parse, suggest
from console.widgets.bars import KeyBar, ModeBar
from console.widgets.command_line import CommandLine
from continuum.errors import DatabaseUnavailable
from tests.console.driving import Driver, console, wait_until

RUNS = actions.of_screen(actions.RUNS)
PALETTE = Palette.from_variables({})


# parsing


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("runs", Order("runs", None, "", 4)),
        ("  query  -A plan = 'pro'", Order("runs", Scope(None), "plan = 'pro'", 12)),
        ("runs -n billing state = failed", Order("runs", Scope("billing"), "state = failed", 16)),
        ("runs --namespace=billing", Order("runs", Scope("billing"), "", 24)),
        ("show 0199", Order("run", None, "0199", 5)),
        ("ns", Order("ns", None, "", 2)),
        ("ns billing", Order("ns", Scope("billing"), "", 3)),
        ("ns -A", Order("ns", Scope(None), "", 3)),
        ("theme continuum-light", Order("theme", None, "continuum-light", 6)),
        ("q", Order("quit", None, "", 1)),
        ("next-state", Order("next_state")),
        ("cancel", Order("cancel")),
    ],
)
def test_commands_are_understood(line: str, order: Order) -> None:
    """The command line's words and options lead where they do there; actions go by their name."""
    assert parse(line, RUNS) == order


@pytest.mark.parametrize(
    ("line", "words", "position"),
    [
        ("", "one of: runs, run, audit", 0),
        ("rnus", "no command rnus: did you mean runs?", 0),
        ("  xyzzy", "there are runs, run", 2),
        ("run", "run ID:", 3),
        ("quit now", "nothing may follow quit", 5),
        ("signal 0199", "nothing may follow signal", 7),
    ],
)
def test_a_command_that_is_not_understood_says_where(line: str, words: str, position: int) -> None:
    """With the nearest word, and the place of what is wrong."""
    with pytest.raises(CommandError) as caught:
        parse(line, RUNS)
    assert words in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", None), ("ru", "runs"), ("ns b", "ns billing"), ("ns x", None), ("runs", None),
        ("runs -n o", "runs -n orders"), ("runs plan", None), ("show 01", "show 0199-1"),
        ("ca", "cancel"), ("nope b", None),
    ],
)  # fmt: skip
def test_completion(typed: str, completed: str | None) -> None:
    """Words first, then what can follow them; nothing where nothing fits."""
    choices = {"ns": ["billing", "orders"], "run": ["0199-1", "0199-2"]}
    assert suggest(typed, RUNS, choices) == completed


def test_every_action_can_be_typed() -> None:
    """Except those that a verb stands for already, and the key that opens the line."""
    for screen in actions.SCREENS:
        here = actions.of_screen(screen)
        typed = set(verbs.words(here))
        for action in here:
            covered = action.name == "command" or action.name.startswith("show_")
            assert (verbs.spelled(action) in typed) != covered


# the line on screen


async def command(ui: Driver, line: str) -> None:
    """Type a command and enter it."""
    await ui.press("colon")
    await ui.type(line)
    await ui.press("enter")


async def test_the_line_goes_where_it_is_told() -> None:
    """`:runs`, `:ns`, `:run` and an action, each from the keyboard."""
    source = SampleSource()
    async with console(source, namespace="orders") as ui:
        await ui.settled()
        await command(ui, "runs -n billing attributes.plan = 'pro'")
        await wait_until(lambda: ui.runs.page is not None and ui.runs.list.rows)
        assert {run.namespace for run in ui.runs.list.rows} == {"billing"}
        assert {run.attributes["plan"] for run in ui.runs.list.rows} == {"pro"}
        assert ui.runs.focused is ui.runs.list
        run = ui.runs.list.rows[1]
        await command(ui, f"run {str(run.id)[-6:]}")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == run.id
        await command(ui, "ns -A")
        await ui.on_screen("RunsScreen")
        await wait_until(lambda: ui.runs.runs_query.namespace is None and ui.runs.page)
        await command(ui, "refresh")
        assert ui.app.screen.query_one(CommandLine).display is False


async def test_the_line_completes_namespaces_and_recalls() -> None:
    """`Tab` takes the suggestion, `↑` brings back what was typed before."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("colon")
        line = ui.app.screen.query_one("CommandLine Input", Input)
        await ui.type("ns b")
        await wait_until(lambda: line._suggestion == "ns billing", "the suggestion")
        await ui.press("tab")
        assert line.value == "ns billing"
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.namespace == "billing")
        await ui.press("colon", "up")
        assert line.value == "ns billing"
        await ui.press("down")
        assert line.value == ""
        await ui.press("escape")
        assert ui.runs.focused is ui.runs.list


async def test_what_is_typed_at_once_is_all_in_the_line() -> None:
    """Keys that are on their way when the line opens are text in it, not keys of the screen."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        for key, character in (("colon", ":"), ("n", "n"), ("s", "s"), ("X", "X")):
            ui.app.post_message(events.Key(key, character))
        line = ui.app.screen.query_one("CommandLine Input", Input)
        await wait_until(lambda: line.value == "nsX", "the text")
        assert type(ui.app.screen).__name__ == "RunsScreen"


async def test_a_mistake_stays_in_the_line() -> None:
    """The nearest word below it; correcting it clears the message."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await command(ui, "rnus")
        await ui.shows("^ no command rnus: did you mean runs?")
        await ui.press("backspace")
        await wait_until(lambda: "did you mean" not in ui.text())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run nothing-like-it", "no run of the list is called nothing-like-it"),
        ("run 0", "runs of the list are called 0: type more of it"),
        ("theme no-such", "no theme no-such; there are: continuum-dark"),
        ("runs plan", "unknown field 'plan' at line 1, column 1"),
    ],
)
async def test_orders_that_cannot_be_obeyed_say_why(line: str, words: str) -> None:
    """One toast; what is on screen stays."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        query = ui.runs.runs_query
        await command(ui, line)
        await ui.toasts(words)
        assert ui.runs.runs_query == query


async def test_themes_and_leaving_by_command() -> None:
    """`:theme` changes the colours, `:ns` opens the choice, `:q` leaves."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await command(ui, "theme continuum-light")
        await wait_until(lambda: ui.app.theme == "continuum-light")
        await command(ui, "ns")
        await ui.on_screen("NamespaceDialog")
        await ui.press("escape")
        await command(ui, "q")
        await wait_until(lambda: not ui.app.is_running or ui.app._exit)


# keys


async def test_keys_that_do_nothing_now_are_struck_and_say_why() -> None:
    """On a run that has ended, signal and cancel: in the footer, in `?`, and when pressed."""
    source = SampleSource()
    async with console(source) as ui:
        await ui.settled()
        index = next(i for i, run in enumerate(ui.runs.list.rows) if run.state.terminal)
        await ui.press("g", *["down"] * index)
        line = ui.app.screen.query_one(KeyBar).render()
        struck = {
            line.plain[span.start : span.end]
            for span in line.spans
            if getattr(span.style, "strike", None)
        }
        assert struck == {"s Signal", "X Cancel"}
        await ui.press("X")
        await ui.toasts("has already ended")
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await ui.shows("has already ended: completed: Cancel")
        await ui.press("escape")
        await ui.press("g", "up")


async def test_the_footer_never_leaves_the_terminal() -> None:
    """It drops keys from the right; `?` stays."""
    for width in (60, 80, 100, 140):
        async with console(SampleSource(), size=(width, 24)) as ui:
            await ui.settled()
            line = ui.app.screen.query_one(KeyBar).render().plain
            assert len(line.rstrip()) <= width
            assert "Enter Open" in line
            assert "? Keys" in line
            keys = actions.in_footer(actions.RUNS)
            shown = [a for a in keys if f"{a.shown_key(actions.RUNS)} {a.title}" in line]
            assert len(shown) <= 8


# modes and crumbs


def test_crumbs_give_way_from_the_middle() -> None:
    """The mode and the screen on top stay readable on a narrow terminal."""
    crumbs = ["0199…aaaa", "0199…bbbb", "0199…cccc"]
    wide, places = modes("runs", crumbs, 200, PALETTE)
    assert " › ".join(["1 Runs", *crumbs]) in wide.plain
    assert [place.mode for place in places] == list(actions.MODES)
    narrow, _ = modes("runs", crumbs, wide.cell_len - 4, PALETTE)
    assert "… › 0199…cccc" in narrow.plain
    assert narrow.cell_len < wide.cell_len - 4


async def test_crumbs_lead_to_the_run() -> None:
    """The line below the header says where we are; a click on a mode goes there."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        run = ui.runs.list.cursor_row
        assert run is not None
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.shows(f"1 Runs › {short_id(run.id)}")
        await ui.pilot.click(ModeBar, offset=(3, 0))
        await ui.press("q")
        await ui.on_screen("RunsScreen")
        await wait_until(lambda: short_id(run.id) not in ui.text().splitlines()[1])


@dataclass(slots=True)
class Pulseless(SampleSource):
    """Its numbers cannot be read."""

    away: bool = False

    async def pulse(self, namespace: str | None) -> Pulse:
        if self.away:
            raise DatabaseUnavailable("gone")
        return await SampleSource.pulse(self, namespace)


async def test_the_header_shows_no_old_numbers() -> None:
    """What could not be read again is not shown; the screen itself is not troubled."""
    source = Pulseless(stuck=2)
    async with console(source, size=(140, 30)) as ui:
        await ui.settled()
        await ui.shows("2 stuck")
        await ui.shows("running")
        source.away = True
        ui.app.pulse.refresh()
        await wait_until(lambda: "stuck" not in ui.text().splitlines()[0])
        assert "node" not in ui.text().splitlines()[0]


async def test_the_header_counts_the_namespace_that_is_shown() -> None:
    """Another namespace, other numbers."""
    source = SampleSource()
    async with console(source, namespace="archive", size=(140, 30)) as ui:
        await ui.shows("0 running")
        await ui.press("0")
        running = sum(run.state == "running" for run in source.all_runs)
        assert running
        await ui.shows(f"{running} running")


# palette


async def test_the_palette_opens_a_run_by_its_id() -> None:
    """A whole id, pasted."""
    source = SampleSource()
    async with console(source) as ui:
        await ui.settled()
        run = source.all_runs[5]
        await ui.press("ctrl+p")
        await ui.on_screen("CommandPalette")
        ui.app.screen.query_one(Input).value = str(run.id)
        await ui.shows("Open this run.")
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        assert ui.run.run_id == run.id


@pytest.mark.parametrize(
    ("typed", "explained", "namespace", "theme"),
    [
        ("namespace billing", "Look at this namespace.", "billing", "continuum-dark"),
        ("theme continuum-light", "Change the colours.", None, "continuum-light"),
    ],
)
async def test_the_palette_finds_namespaces_and_themes(
    typed: str, explained: str, namespace: str | None, theme: str
) -> None:
    """Both lead where the `:` line leads."""
    async with console(SampleSource()) as ui:
        await ui.settled()
        await ui.press("ctrl+p")
        await ui.on_screen("CommandPalette")
        ui.app.screen.query_one(Input).value = typed
        await ui.shows(explained)
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.namespace == namespace)
        await wait_until(lambda: ui.app.theme == theme)
