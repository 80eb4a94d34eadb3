"""Ten things that somebody on call does, key by key; docs/console.md shows them as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.console.oncall_shop import STUCK, TO_CANCEL

WIDE: Final = 140
"""Columns from which the version of a run is in the table."""
_KEY: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Step:
    """Keys pressed at once, and what is to be seen then.

    Args:
        keys: names and characters between spaces, text in quotation marks.
        shows: on screen before anybody goes on.
        answers: whether they answer a question, which is not taken within its first moment.
    """

    keys: str
    shows: str
    answers: bool = False

    @property
    def pressed(self) -> list[str]:
        """Each key press."""
        found: list[str] = []
        for text, key in _KEY.findall(self.keys):
            found += [key] if key else text.replace('\\"', '"')
        return found


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Args:
        name: for the test.
        title: for the table.
        steps: on a terminal of 80 columns.
        wide: on one of 140 or more, where that differs.
        words: with which the console is started.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    wide: tuple[Step, ...] = ()
    words: tuple[str, ...] = ()

    def steps_at(self, columns: int) -> Sequence[Step]:
        """What is pressed at this width."""
        return self.wide if self.wide and columns >= WIDE else self.steps

    def presses(self, columns: int) -> int:
        """How many keys that are."""
        return sum(len(step.pressed) for step in self.steps_at(columns))


_SINCE: Final = (
    Step('n "bi" Enter < <', "runs(billing) 10"),
    Step('/ End " and version = 2" Enter', "runs(billing) 6"),
)
TASKS: Final = (
    Task(
        "stuck",
        f"Find why order {STUCK} is stuck",
        (
            Step(f"/ \"attributes.order = '{STUCK}'\" Enter", "runs(default) 2"),
            Step("G Enter w", "waits · 2 runs"),
        ),
    ),
    Task(
        "families",
        "List what failed in billing since the deploy, by cause",
        (*_SINCE, Step("→ → → o", "order by error_family")),
        (*_SINCE, Step("→ → → → o", "order by error_family")),
    ),
    Task(
        "signal",
        "Signal one run",
        (
            Step("> >", "runs(default) 4"),
            Step("G s", "it waits for arrived"),
            Step('"\\"Oslo\\"" Tab Tab Enter', "signal arrived sent"),
        ),
    ),
    Task(
        "cancel",
        f"Cancel the {TO_CANCEL} runs of a query",
        (
            Step('n "re" Enter', "signal go_on"),
            Step("* X", "the plan comes first"),
            Step("y", f"Type how many runs: {TO_CANCEL}", answers=True),
            Step(f'"{TO_CANCEL}" Enter', "y", answers=True),
            Step("y", f"{TO_CANCEL} done", answers=True),
        ),
    ),
    Task(
        "patch",
        "Find what blocks the removal of a patch",
        (Step("2", "patch-in-use"), Step("Enter", "runs(all) 2")),
        words=("--app", "tests.console.oncall_shop"),
    ),
    Task(
        "compare",
        "Compare a failed run with a good one",
        (Step("< <", "runs(default) 1"), Step("Enter [", "(completed) ·")),
    ),
    Task(
        "follow",
        "Follow a run live",
        (Step("> >", "runs(default) 4"), Step("G Enter", "follows")),
    ),
    Task(
        "view",
        "Save a view",
        (
            Step("< <", "runs(default) 1"),
            Step("b", "save"),
            Step('"Broken" Enter', "B 5 opens it"),
        ),
    ),
    Task("reopen", "Open it again, another day", (Step("B 5", "runs(default) 1"),)),
    Task(
        "copy",
        "Copy the command that prints the same rows in a shell",
        (Step("< <", "runs(default) 1"), Step("y u", "copied command")),
    ),
    Task(
        "reader",
        "Look, as `continuum_reader`; an act is refused",
        (Step("X", "read-only session"), Step("Enter", "history")),
    ),
)


def named(name: str) -> Task:
    """The task of that name."""
    return next(task for task in TASKS if task.name == name)


def task_table() -> str:
    """Every task with its keys and how many they are."""
    lines = ["| Task | Keys | Presses |", "|---|---|---|"]
    for task in TASKS:
        keys = " ".join(step.keys for step in task.steps).replace("|", "\\|")
        count = str(task.presses(80))
        if task.wide:
            count += f" ({task.presses(WIDE)} from {WIDE} columns)"
        lines.append(f"| {task.title} | `{keys}` | {count} |")
    return "\n".join(lines)
