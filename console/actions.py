"""Every action of the console in one table: keys, help, footer, palette and read-only come from it.

An action names a method `do_<name>` of the screen it belongs to. `writes` is mandatory: in a
read-only session `refusal` answers for every action that has it set, whatever the screen. Why an
action cannot run just now, its screen says (`LiveScreen.refusal`); it is greyed then, not hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType
from textual.keys import key_to_character

MOST_IN_FOOTER: Final = 8
OPEN_A_LINE: Final = frozenset({"command", "query", "find", "filter"})
"""What is typed after these keys is text, also when it is on its way already: they come first."""
BEFORE_FOCUS: Final = frozenset({"next_view", "previous_view"})
"""What Textual itself would move the focus by, which has nowhere to go."""
READ_ONLY_REFUSAL: Final = "read-only session"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can do.

    Args:
        name: of the method `do_<name>` on the screen.
        keys: Textual key names; the first is the one shown.
        title: for the footer, one or two words.
        help: one sentence for `?`.
        writes: whether it changes anything in the database.
        screens: names of the screens that have it.
        footer: order in the footer, 0 to leave it out.
    """

    name: str
    keys: tuple[str, ...]
    title: str
    help: str
    writes: bool
    screens: tuple[str, ...]
    footer: int = 0

    def keys_on(self, screen: str) -> tuple[str, ...]:
        """The keys that do it on a screen of this process: the user's, or else the usual ones."""
        return _USED.get((screen, self.name), self.keys)

    def shown_key(self, screen: str) -> str:
        """The first of them as printed on a keyboard."""
        return shown(self.keys_on(screen)[0])


_USED: dict[tuple[str, str], tuple[str, ...]] = {}


def use(keymap: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
    """From now on these keys are shown: screen and action -> keys that are not the usual ones."""
    _USED.clear()
    _USED.update(keymap)


def key(name: str, screen: str) -> str:
    """The key of an action, to be named in a sentence."""
    return named(name).shown_key(screen)


SHOWN: Final = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "backspace": "Backspace",
    "equals_sign": "=",
    "backslash": "\\",
    "plus": "+",
    "minus": "-",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "left": "←",
    "right": "→",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "space": "Space",
    "asterisk": "*",
}


def shown(key: str) -> str:
    """A Textual key name as printed on a keyboard."""
    if key in SHOWN:
        return SHOWN[key]
    *held, last = key.split("+")
    if last[1:].isdecimal():  # F9
        last = last.upper()
    if held:
        return "+".join([*(each.capitalize() for each in held), last.upper()])
    return key_to_character(last) or last


RUNS: Final = "runs"
RUN: Final = "run"
AUDIT: Final = "audit"
NODES: Final = "nodes"
HEALTH: Final = "health"
JOURNAL: Final = "journal"
SCREENS: Final = {
    RUNS: "Runs", RUN: "Run", AUDIT: "Audit", NODES: "Nodes", HEALTH: "Health", JOURNAL: "Journal",
}  # fmt: skip
"""Every screen with its title, in the order of the documentation."""
MODES: Final = {RUNS: "1", AUDIT: "2", NODES: "3", HEALTH: "4", JOURNAL: "5"}
"""The screens at the top, each with a stack of its own, and the key that leads there."""

LISTED: Final = (RUNS, RUN)
"""Screens with a run under the cursor, or that are about one."""
ASKED: Final = (RUNS, JOURNAL)
"""Screens that answer what is asked."""
ROWS: Final = (*LISTED, JOURNAL)
"""Screens with rows that grow at one end."""
HELD: Final = (*LISTED, NODES)
"""Screens with something that can be paused."""
EVERY: Final = tuple(SCREENS)
REPORTS: Final = (AUDIT, NODES, HEALTH)
"""Screens of which each line has runs behind it."""

ACTIONS: Final = (
    Action("open", ("enter",), "Open", "Open the run under the cursor.", False, ASKED, 1),
    Action("expand", ("enter",), "Open", "Unfold, show, or open what it is.", False, (RUN,), 1),
    Action("next_tab", ("right_square_bracket",), "Tab", "The next tab.", False, (RUN,), 4),
    Action("previous_tab", ("left_square_bracket",), "Tab back", "The tab before.", False, (RUN,)),
    Action("runs_behind", ("enter",), "Runs", "Show the runs behind it.", False, REPORTS, 1),
    Action("signal", ("s",), "Signal", "Send a signal with JSON.", True, LISTED, 2),
    Action("cancel", ("X",), "Cancel", "Cancel: shows what happens, then asks.", True, LISTED, 3),
    Action("attributes", ("e",), "Attributes", "Change attributes.", True, LISTED),
    Action("hold", ("P",), "Hold", "Pause or resume it, or all like it.", True, HELD),
    Action("mark", ("space",), "Mark", "Mark the run, or take its mark.", False, (RUNS,), 4),
    Action("mark_range", ("v",), "Range", "Mark from the last mark to here.", False, (RUNS,)),
    Action("mark_all", ("asterisk",), "Mark all", "Mark the whole query.", False, (RUNS,)),
    Action("unmark", ("u",), "Unmark", "Take all marks.", False, (RUNS,)),
    Action("all_matching", ("A",), "All", "Act upon the whole query.", True, (RUNS,)),
    Action("query", ("slash",), "Query", "Ask: state = 'failed'.", False, (RUNS,), 4),
    Action("form", ("f2",), "Form", "Build the query from rows.", False, (RUNS,)),
    Action("filter", ("slash",), "Filter", "Only by: by ann act cancel.", False, (JOURNAL,), 4),
    Action("entry", ("d",), "Entry", "All that is recorded of it.", False, (JOURNAL,), 3),
    Action("more", ("m",), "More", "Search on behind the last run.", False, (RUNS,)),
    Action("drop_part", ("backspace",), "Drop", "Drop the query's last part.", False, ASKED),
    Action("only", ("equals_sign",), "Only", "Only what is like this cell.", False, ASKED, 5),
    Action("without", ("backslash",), "Without", "Without runs like it.", False, (RUNS,)),
    Action("order", ("o",), "Order", "Order by this column, or turn round.", False, (RUNS,)),
    Action("reverse", ("O",), "Reverse", "Turn the order round.", False, (RUNS,)),
    Action("older_query", ("left_square_bracket",), "Before", "The query before.", False, (RUNS,)),
    Action("newer_query", ("right_square_bracket",), "After", "The query after.", False, (RUNS,)),
    Action("next_state", ("greater_than_sign",), "State", "The next state.", False, (RUNS,)),
    Action("previous_state", ("less_than_sign",), "Back", "The state before.", False, (RUNS,)),
    Action("next_view", ("tab",), "View", "The next view.", False, (RUNS,)),
    Action("previous_view", ("shift+tab",), "View", "The view before.", False, (RUNS,)),
    Action("views", ("B",), "Views", "All views: open, rename, delete.", False, (RUNS,)),
    Action("save_view", ("b",), "Save", "Save the query as a view.", False, (RUNS,)),
    Action("namespace", ("n",), "Namespace", "Choose the namespace to look at.", False, (RUNS,), 6),
    Action("all_namespaces", ("0",), "All", "Look at all namespaces.", False, (RUNS,)),
    Action("follow", ("f",), "Follow", "Follow the newest, or hold the cursor.", False, ROWS, 6),
    Action("find", ("slash",), "Find", "Only steps with these words.", False, (RUN,), 5),
    Action("find_next", ("n",), "Next", "The next place with the words.", False, (RUN,)),
    Action("failures", ("F",), "Failures", "Only what failed, or all.", False, (RUN,), 6),
    Action("waits", ("w",), "Waits", "What it waits for, followed.", False, (RUN,), 7),
    Action("open_run", ("o",), "Open run", "Open the other run under the cursor.", False, (RUN,)),
    Action("parent", ("u",), "Parent", "Open the run that started this one.", False, (RUN,)),
    Action("compare", ("D",), "Compare", "Compare with another run.", False, (RUN,)),
    Action("closer", ("z",), "Closer", "Timeline: half as much time.", False, (RUN,)),
    Action("wider", ("Z",), "Wider", "Timeline: twice as much time.", False, (RUN,)),
    Action("details", ("d",), "Details", "All facts, input, output, error.", False, (RUN,)),
    Action("export", ("E",), "Export", "Write the whole answer to a file.", False, (RUNS,)),
    Action("peek", ("d",), "Peek", "Show the run beside the list, or hide it.", False, (RUNS,), 7),
    Action("yank", ("y",), "Copy", "Copy id, JSON, query, command, error.", False, ROWS),
    Action("clear", ("escape",), "Clear", "All of them again, newest first.", False, ASKED),
    Action("back", ("escape",), "Back", "Undo the filter; else go back.", False, (RUN,), 4),
    Action("refresh", ("r",), "Refresh", "Read again now.", False, EVERY, 7),
    Action("pause", ("p",), "Pause", "Stop reading by itself, or go on.", False, EVERY, 8),
    Action("slower", ("plus",), "Slower", "Longer time between reads.", False, EVERY),
    Action("faster", ("minus",), "Faster", "Shorter time between reads.", False, EVERY),
    Action("times", ("t",), "Times", "Tell times as ages, in UTC, or local.", False, EVERY),
    Action("show_runs", ("1",), "Runs", "Go to the runs.", False, EVERY),
    Action("show_audit", ("2",), "Audit", "Go to the audit.", False, EVERY),
    Action("show_nodes", ("3",), "Nodes", "Go to workers and queues.", False, EVERY),
    Action("acts", ("J",), "Journal", "What operators did to it.", False, LISTED),
    Action("show_health", ("4",), "Health", "Go to the health report.", False, EVERY),
    Action("show_journal", ("5",), "Journal", "Go to the operator journal.", False, EVERY),
    Action("command", ("colon",), "Command", "Type a command, such as :run ID.", False, EVERY, 98),
    Action("leave", ("q",), "Leave", "Go back; at the top: leave the console.", False, EVERY),
    Action("help", ("question_mark",), "Keys", "Show every key that works here.", False, EVERY, 99),
)  # fmt: skip


def of_screen(screen: str) -> list[Action]:
    """The actions of one screen, in registry order."""
    return [action for action in ACTIONS if screen in action.screens]


def in_footer(screen: str) -> list[Action]:
    """Those that its footer shows, most used first; the way to all of them last."""
    shown = [action for action in of_screen(screen) if action.footer]
    *first, last = sorted(shown, key=lambda action: action.footer)
    return [*first[: MOST_IN_FOOTER - 1], last]


def named(name: str) -> Action:
    """The action of that name. Raises `KeyError`."""
    for action in ACTIONS:
        if action.name == name:
            return action
    raise KeyError(name)


def refusal(action: Action, *, read_only: bool) -> str | None:
    """Why the action may not run in this session, or None."""
    return READ_ONLY_REFUSAL if action.writes and read_only else None


def bindings(screen: str) -> list[BindingType]:
    """Textual bindings of a screen; each leads to the one dispatcher, `action_perform`."""
    return [
        Binding(
            key,
            f"perform('{action.name}')",
            action.title,
            show=False,
            priority=action.name in OPEN_A_LINE | BEFORE_FOCUS,
            id=f"{screen}.{action.name}",
        )
        for action in of_screen(screen)
        for key in action.keys
    ]
