"""Every action of the console in one table: keys, help, footer, palette and read-only come from it.

An action names a method `do_<name>` of the screen it belongs to. `writes` is mandatory: in a
read-only session `refusal` answers for every action that has it set, whatever the screen. Why an
action cannot run just now, its screen says (`LiveScreen.refusal`); it is greyed then, not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType

MOST_IN_FOOTER: Final = 8
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

    @property
    def shown_key(self) -> str:
        """The first key as printed on a keyboard."""
        return shown(self.keys[0])


_SHOWN: Final = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "left": "←",
    "right": "→",
}


def shown(key: str) -> str:
    """A Textual key name as printed on a keyboard."""
    return _SHOWN.get(key, key)


RUNS: Final = "runs"
RUN: Final = "run"
AUDIT: Final = "audit"
SCREENS: Final = {RUNS: "Runs", RUN: "Run", AUDIT: "Audit"}
"""Every screen with its title, in the order of the documentation."""
MODES: Final = {RUNS: "1", AUDIT: "2"}
"""The screens at the top, each with a stack of its own, and the key that leads there."""

LISTED: Final = (RUNS, RUN)
"""Screens with a run under the cursor, or that are about one."""
EVERY: Final = tuple(SCREENS)
REPORTS: Final = (AUDIT,)
"""Screens of which each line has runs behind it."""
NEXT: Final = ("right_square_bracket", "right")
PREVIOUS: Final = ("left_square_bracket", "left")

ACTIONS: Final = (
    Action("open", ("enter",), "Open", "Open the run under the cursor.", False, (RUNS,), 1),
    Action("expand", ("enter",), "Payload", "Show the whole event.", False, (RUN,), 1),
    Action("runs_behind", ("enter",), "Runs", "Show the runs behind it.", False, REPORTS, 1),
    Action("signal", ("s",), "Signal", "Send a signal with JSON.", True, LISTED, 2),
    Action("cancel", ("X",), "Cancel", "Cancel: shows what happens, then asks.", True, LISTED, 3),
    Action("filter", ("slash",), "Filter", "Filter: plan = 'pro'.", False, (RUNS,), 4),
    Action("next_state", NEXT, "State", "The next state.", False, (RUNS,), 5),
    Action("previous_state", PREVIOUS, "Back", "The state before.", False, (RUNS,)),
    Action("namespace", ("n",), "Namespace", "Choose the namespace to look at.", False, (RUNS,), 6),
    Action("all_namespaces", ("0",), "All", "Look at all namespaces.", False, (RUNS,)),
    Action("follow", ("f",), "Follow", "Follow the newest, or hold the cursor.", False, LISTED, 6),
    Action("details", ("d",), "Details", "All facts, input, output, error.", False, (RUN,), 6),
    Action("yank", ("y",), "Copy id", "Copy the run id to the clipboard.", False, LISTED),
    Action("clear", ("escape",), "Clear", "Clear the filter, then the state.", False, (RUNS,)),
    Action("back", ("escape",), "Back", "Go back to the list.", False, (RUN,), 4),
    Action("refresh", ("r",), "Refresh", "Read again now.", False, EVERY, 7),
    Action("pause", ("p",), "Pause", "Stop reading by itself, or go on.", False, EVERY, 8),
    Action("slower", ("plus",), "Slower", "Longer time between reads.", False, EVERY),
    Action("faster", ("minus",), "Faster", "Shorter time between reads.", False, EVERY),
    Action("show_runs", ("1",), "Runs", "Go to the runs.", False, EVERY),
    Action("show_audit", ("2",), "Audit", "Go to the audit.", False, EVERY),
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
            key, f"perform('{action.name}')", action.title, show=False, id=f"{screen}.{action.name}"
        )
        for action in of_screen(screen)
        for key in action.keys
    ]
