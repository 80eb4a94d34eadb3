"""Which entries of the operator journal are asked for, as it is typed: `by ann act cancel`.

The words are those of `continuum journal`, with or without their dashes, so a filter can be typed
in a shell as it stands here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final
from uuid import UUID

from console.expressions import quoted
from continuum.errors import QueryError
from continuum.query.times import moment_of, parse_relative

WORDS: Final = ("by", "act", "run", "plan", "ns", "since")
_ALIASES: Final = {"namespace": "ns", "n": "ns", "operator": "by"}
_FIELDS: Final = {"by": "by", "act": "act", "run": "run", "plan": "plan", "ns": "namespace",
                  "since": "since"}  # fmt: skip
_TOKEN: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(\S+))""")


@dataclass(frozen=True, slots=True)
class FilterError(Exception):
    """A filter that cannot be understood; `position` is an offset in its text."""

    message: str
    position: int

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class ActsQuery:
    """Entries that have all of this; None is any.

    Attributes:
        by: the operator, by the whole name.
        act: the command that does the same: "cancel", "attributes set".
        run: the id of a run, or its key.
        plan: the id of a plan.
        namespace: of what was acted upon.
        since: `-2h`, `today` or ISO 8601.
    """

    by: str | None = None
    act: str | None = None
    run: str | None = None
    plan: str | None = None
    namespace: str | None = None
    since: str | None = None

    def parts(self) -> list[tuple[str, str]]:
        """Word and value of everything that is asked for."""
        found = ((word, getattr(self, name)) for word, name in _FIELDS.items())
        return [(word, value) for word, value in found if value is not None]

    @property
    def text(self) -> str:
        """What parses to this; empty for every entry."""
        return " ".join(f"{word} {_spelled(value)}" for word, value in self.parts())

    @property
    def command(self) -> str:
        """The command that prints the same entries in a POSIX shell."""
        options = {"ns": "namespace"}
        words = [f"--{options.get(word, word)} {quoted(value)}" for word, value in self.parts()]
        # An option's value may begin with a dash only when it is joined to it.
        words = [each.replace("--since -", "--since=-") for each in words]
        return " ".join(["continuum journal", *words])

    def with_part(self, word: str, value: str | None) -> ActsQuery:
        """A copy that asks for another value, or with None for any."""
        return replace(self, **{_FIELDS[word]: value})

    def without_last(self) -> ActsQuery:
        """A copy without its last part."""
        found = self.parts()
        return self.with_part(found[-1][0], None) if found else self

    def begins(self, now: datetime) -> datetime | None:
        """The earliest time that is asked for."""
        return None if self.since is None else begin_of(self.since, now)


def _spelled(value: str) -> str:
    if value and not any(character.isspace() or character in "\"'" for character in value):
        return value
    return f"'{value}'" if "'" not in value else f'"{value}"'


def begin_of(text: str, now: datetime) -> datetime:
    """A time as it is typed. Raises `ValueError`."""
    try:
        relative = parse_relative(text)
    except QueryError as error:
        raise ValueError(error.message) from None
    if relative is not None:
        if relative.offset > timedelta():
            raise ValueError("that is still to come")
        return moment_of(relative, now)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def parse(text: str) -> ActsQuery:
    """The filter that was typed.

    Raises:
        FilterError: an unknown word, a word without its value, or a value that cannot be one.

    Example:
        >>> parse("by ann act 'attributes set' since -2h").act
        'attributes set'
    """
    found = ActsQuery()
    at = 0
    while match := _TOKEN.match(text, at):
        word, place = (match[3] or ""), match.start(match.lastindex or 3)
        name = _named(word, place)
        value = _TOKEN.match(text, match.end())
        if value is None:
            raise FilterError(f"{word} what?", len(text))
        if getattr(found, _FIELDS[name]) is not None:
            raise FilterError(f"{word} stands here twice", place)
        given = next(group for group in value.groups() if group is not None)
        _check(name, given, value.start(value.lastindex or 3))
        found = found.with_part(name, given)
        at = value.end()
    if text[at:].strip():
        raise FilterError("a quote is not closed", at)
    return found


def _named(word: str, place: int) -> str:
    bare, _, _ = word.partition("=")
    name = _ALIASES.get(bare.lstrip("-"), bare.lstrip("-"))
    if "=" in word and name in WORDS:
        raise FilterError(f"a blank stands behind {bare}, not =", place + len(bare))
    if name not in WORDS:
        near = get_close_matches(name, WORDS, n=1, cutoff=0.5)
        known = ", ".join(WORDS)
        hint = f"did you mean {near[0]}?" if near else f"there are {known}"
        raise FilterError(f"no word {word[:40]!r}: {hint}", place)
    return name


def _check(name: str, value: str, place: int) -> None:
    if not value:
        raise FilterError(f"{name} what?", place)
    try:
        if name == "plan":
            UUID(value)
        elif name == "since":
            begin_of(value, datetime.now(UTC))
    except ValueError as error:
        why = "a plan has an id of 32 hexadecimal digits"
        if name == "since":
            told = str(error) if "to come" in str(error) else "not a time"
            why = f"{told}: for example -2h, today or 2026-11-29T08:00:00Z"
        raise FilterError(why, place) from None


def complete(text: str, choices: dict[str, list[str]]) -> str | None:
    """The text with its last word completed, or None.

    Args:
        text: as typed so far.
        choices: known values of a word.
    """
    tokens = [match for match in _TOKEN.finditer(text) if match[0].strip()]
    if not tokens or text[-1:].isspace():
        return None
    last = tokens[-1]
    if last[3] is None:
        return None
    if len(tokens) % 2:
        options = list(WORDS)
    else:
        word = (tokens[-2][3] or "").lstrip("-")
        options = [_spelled(each) for each in choices.get(_ALIASES.get(word, word), [])]
    begun = last[3]
    fits = (each for each in options if each != begun and each.startswith(begun))
    found = next(fits, None)
    return None if found is None else text[: last.start(3)] + found
