"""The rules: a code, what is wrong, and what to use instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """An error makes a replay differ; a warning is something that the check cannot judge."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: as in `# noqa: CTM001`.
        name: a few words.
        why: what goes wrong, one sentence.
        hint: what to use instead; every API it names exists.
        severity: error or warning.
    """

    code: str
    name: str
    why: str
    hint: str
    severity: Severity = Severity.ERROR


_ALL: Final = (
    Rule("CTM000", "unreadable source", "A file that cannot be parsed cannot be checked.",
         "correct the syntax"),
    Rule("CTM001", "clock", "A replay happens later, so the clock shows another time.",
         "use `continuum.now()` or `continuum.today()`; wait with `continuum.sleep()`"),
    Rule("CTM002", "randomness", "A replay draws other values.",
         "use `continuum.random()`, `continuum.rng()` or `continuum.uuid4()`"),
    Rule("CTM003", "environment", "A replay may happen on another host with other settings.",
         "pass it as input, read it in an activity, or journal it with `continuum.side_effect()`"),
    Rule("CTM004", "files", "Files change between a run and its replay.",
         "move it into an `@continuum.activity`"),
    Rule("CTM005", "network", "Other systems are called again in a replay, and answer differently.",
         "move it into an `@continuum.activity`"),
    Rule("CTM006", "processes", "A replay would start or signal processes again.",
         "move it into an `@continuum.activity`"),
    Rule("CTM007", "threads and executors", "What another thread does, and when, is not journaled.",
         "use `asyncio.gather()` or `asyncio.TaskGroup`; blocking code goes into an "
         "`@continuum.activity`"),
    Rule("CTM008", "shared mutable state", "Other runs and other processes see and change it.",
         "keep it in local variables, or in an `@continuum.activity`"),
    Rule("CTM009", "dynamic code", "What it does cannot be known from the source, nor be hashed.",
         "call the function by its name, or move it into an `@continuum.activity`"),
    Rule("CTM010", "identity and hash", "They differ in every process.",
         "compare with `==`; use `hashlib.sha256()` for a stable digest"),
    Rule("CTM011", "order of a set", "The order of a set differs from process to process.",
         "use `sorted()`, or `dict.fromkeys()` to keep the order of insertion"),
    Rule("CTM012", "swallowed cancellation",
         "It catches the `asyncio.CancelledError` by which a run is cancelled.",
         "catch `Exception`, clean up in `finally`, or end the block with `raise`"),
    Rule("CTM013", "engine client", "The client acts at once, and again in every replay.",
         "use `continuum.wait_signal()` and activities, or call it in an `@continuum.activity`"),
    Rule("CTM014", "output", "It is written again in every replay.",
         "use `continuum.logger`, which is silent during replay"),
    Rule("CTM015", "foreign event loop", "Workflow code runs on a loop of its own.",
         "`await` directly; use `asyncio.gather()`, `asyncio.timeout()` or `continuum.sleep()`"),
    Rule("CTM016", "patch without a literal name",
         "Check, audit and version hash read the name of a patch in the source.",
         "call `continuum.patched()` itself, with a string written out in place"),
    Rule("CTM101", "opaque helper", "The check cannot see into it.",
         "mark a wrapper with `@continuum.pure`, or list it in pyproject.toml under "
         "[tool.continuum] trusted", Severity.WARNING),
    Rule("CTM102", "patch that cannot be folded",
         "The version hash understands a patch only as a condition.",
         "write it as the condition of an `if`", Severity.WARNING),
    Rule("CTM103", "many patches", "Each patch doubles the versions that live runs may need.",
         "remove those that no live run needs any more, or declare a new workflow",
         Severity.WARNING),
)  # fmt: skip

RULES: Final[dict[str, Rule]] = {rule.code: rule for rule in _ALL}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something found, at a place.

    Attributes:
        path, line, column: where; line and column count from 1.
        code: of the rule.
        message: what was found.
    """

    path: str
    line: int
    column: int
    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """Of its rule."""
        return RULES[self.code].severity

    @property
    def hint(self) -> str:
        """What to use instead."""
        return RULES[self.code].hint
