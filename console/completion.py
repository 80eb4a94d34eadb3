"""What can follow in an expression that is being typed: pure, over what is known of the runs.

`expected` says what the place behind the text takes, by the lexer of the query language and the few
rules of its grammar. `offers` makes choices of it; `accept` puts one into the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from console.source import Counts
from continuum.errors import QueryError
from continuum.model import AttributeKey
from continuum.query import lexer
from continuum.query.fields import FIELDS, Kind, nullable
from continuum.query.lexer import Mark, Word
from continuum.query.printing import print_operand, print_value
from continuum.query.tree import Attribute, Field, Operand

MOST: Final = 100
"""Choices made at most; a longer list is not read anyway."""


class Take(Enum):
    """What a place in an expression takes."""

    CONDITION = auto()
    OPERATOR = auto()
    NEGATED = auto()
    """An operator behind `not`."""
    OPENING = auto()
    """The bracket behind `in`."""
    VALUE = auto()
    PATTERN = auto()
    LOW = auto()
    """The first value of `between`."""
    RANGE = auto()
    """The `and` of `between`."""
    NULL = auto()
    NOT_NULL = auto()
    JOINT = auto()
    COMMA = auto()
    BY = auto()
    ORDER = auto()
    DIRECTION = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Expected:
    """What the end of a text takes.

    Attributes:
        take: the kind of word.
        start: where the word begins that is being typed; `typed` is what there is of it.
        operand: what is being compared.
        brackets: open ones around a condition.
        listed: whether the value is one of a list.
    """

    take: Take
    start: int
    typed: str
    operand: Operand | None = None
    brackets: int = 0
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice: what it puts into the text, and what is known about it."""

    text: str
    note: str = ""
    closed: bool = True
    """Whether a space belongs behind it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been read about the runs so far."""

    keys: Sequence[AttributeKey] = ()
    values: Mapping[Operand, Counts] = field(default_factory=dict[Operand, Counts])


def expected(text: str) -> Expected | None:
    """What the end of `text` takes; None when something in it cannot be read."""
    start = lexer.unfinished(text)
    try:
        words = lexer.read(text[:start])
    except QueryError:
        return None
    if words and words[-1].mark in (Mark.PLUS, Mark.MINUS):
        start = words.pop().position  # the sign belongs to the number or time behind it
    walk = _Walk()
    for word in words:
        walk.step(word)
    return Expected(walk.take, start, text[start:], walk.operand, walk.brackets, walk.listed)


_BINARY: Final = frozenset({Mark.EQ, Mark.NEQ, Mark.LT, Mark.LTE, Mark.GT, Mark.GTE})
_VALUES: Final = frozenset({Mark.VALUE, Mark.TRUE, Mark.FALSE})


def _steps(takes: Iterable[Take], after: Mapping[Mark, Take]) -> dict[tuple[Take, Mark], Take]:
    """In each of these places the same words lead on."""
    return {(take, mark): then for take in takes for mark, then in after.items()}


_STEPS: Final[dict[tuple[Take, Mark], Take]] = {
    (Take.CONDITION, Mark.OPERAND): Take.OPERATOR,
    (Take.CONDITION, Mark.NOT): Take.CONDITION,
    (Take.CONDITION, Mark.TRUE): Take.JOINT,
    (Take.CONDITION, Mark.FALSE): Take.JOINT,
    **{(Take.OPERATOR, mark): Take.VALUE for mark in _BINARY},
    (Take.OPERATOR, Mark.NOT): Take.NEGATED,
    (Take.OPERATOR, Mark.IS): Take.NULL,
    **_steps(
        (Take.OPERATOR, Take.NEGATED),
        {
            Mark.IN: Take.OPENING,
            Mark.LIKE: Take.PATTERN,
            Mark.ILIKE: Take.PATTERN,
            Mark.BETWEEN: Take.LOW,
        },
    ),
    (Take.NULL, Mark.NOT): Take.NOT_NULL,
    (Take.NULL, Mark.NULL): Take.JOINT,
    (Take.NOT_NULL, Mark.NULL): Take.JOINT,
    (Take.OPENING, Mark.OPEN): Take.VALUE,
    **_steps((Take.VALUE, Take.PATTERN), dict.fromkeys(_VALUES, Take.JOINT)),
    **_steps((Take.LOW,), dict.fromkeys(_VALUES, Take.RANGE)),
    (Take.RANGE, Mark.AND): Take.VALUE,
    (Take.COMMA, Mark.COMMA): Take.VALUE,
    (Take.COMMA, Mark.CLOSE): Take.JOINT,
    **_steps(
        (Take.JOINT, Take.OPERATOR),
        {Mark.AND: Take.CONDITION, Mark.OR: Take.CONDITION, Mark.ORDER: Take.BY},
    ),
    (Take.CONDITION, Mark.ORDER): Take.BY,
    (Take.BY, Mark.BY): Take.ORDER,
    (Take.ORDER, Mark.OPERAND): Take.DIRECTION,
}
"""What is expected behind a word, where it was expected itself."""


class _Walk:
    """Goes through the words and knows what may come next; NOTHING once one did not fit."""

    def __init__(self) -> None:
        self.take = Take.CONDITION
        self.operand: Operand | None = None
        self.brackets = 0
        self.listed = False

    def step(self, word: Word) -> None:
        """One word more."""
        if word.mark is Mark.OPERAND:
            self.operand = word.content
        if self.take is Take.CONDITION and word.mark is Mark.OPEN:
            self.brackets += 1
            return
        if self.take in (Take.JOINT, Take.OPERATOR) and word.mark is Mark.CLOSE and self.brackets:
            self.brackets -= 1
            self.take = Take.JOINT
            return
        before, self.take = self.take, _STEPS.get((self.take, word.mark), Take.NOTHING)
        if before is Take.OPENING:
            self.listed = True
        elif self.listed and self.take is Take.JOINT:
            self.listed = before is not Take.COMMA
            self.take = Take.COMMA if self.listed else Take.JOINT


# what to offer

_SIGNS: Final = {
    Kind.TEXT: ("=", "!=", "in (", "not in (", "like", "ilike"),
    Kind.STATE: ("=", "!=", "in (", "not in ("),
    Kind.UUID: ("=", "!=", "in ("),
    Kind.INTEGER: ("=", "!=", ">", ">=", "<", "<=", "between", "in ("),
    Kind.TIME: (">", ">=", "<", "<=", "between"),
    Kind.SECONDS: (">", ">=", "<", "<=", "between"),
    Kind.BOOLEAN: ("=", "and", "or"),
}
_OF_JSON: Final = {"string": Kind.TEXT, "number": Kind.INTEGER, "boolean": Kind.BOOLEAN}
_SAID: Final = {
    Kind.TEXT: "text",
    Kind.STATE: "state",
    Kind.UUID: "run id",
    Kind.INTEGER: "number",
    Kind.TIME: "time",
    Kind.SECONDS: "seconds",
    Kind.BOOLEAN: "yes or no",
}
_TIMES: Final = (
    Offer("-15m", "15 minutes ago"), Offer("-1h", "an hour ago"), Offer("-24h", "a day ago"),
    Offer("-7d", "a week ago"), Offer("today()", "midnight, UTC"), Offer("now()"),
)  # fmt: skip
_LENGTHS: Final = (
    Offer("1", "a second"), Offer("60", "a minute"), Offer("3600", "an hour"),
    Offer("86400", "a day"),
)  # fmt: skip
_WORDS: Final[Mapping[Take, tuple[Offer, ...]]] = {
    Take.NEGATED: (Offer("in (", closed=False), Offer("like"), Offer("ilike"), Offer("between")),
    Take.OPENING: (Offer("(", closed=False),),
    Take.NULL: (Offer("null", "is missing"), Offer("not null", "is there")),
    Take.NOT_NULL: (Offer("null"),),
    Take.RANGE: (Offer("and"),),
    Take.COMMA: (Offer(",", "another value"), Offer(")", "no more")),
    Take.BY: (Offer("by"),),
    Take.DIRECTION: (Offer("desc", "largest or newest first"), Offer("asc")),
}
_COMMON: Final = frozenset({"state", "workflow", "started_at", "duration", "error_type"})
"""Fields that are asked for most."""
COUNTED: Final = frozenset({Kind.TEXT, Kind.INTEGER, Kind.STATE})
"""Kinds of fields whose values are few enough to be counted."""


def offers(place: Expected, known: Known) -> list[Offer]:
    """What fits the place and what is typed of it, the likeliest first."""
    match place.take:
        case Take.CONDITION:
            found = _operands(place, known)
            found += _starting(place.typed, (Offer("not"), Offer("order by", "order the rows")))
        case Take.ORDER:
            found = _operands(place, known)
        case Take.OPERATOR:
            assert place.operand is not None
            found = _starting(place.typed, _operators(place.operand, known))
        case Take.VALUE | Take.LOW | Take.PATTERN:
            assert place.operand is not None
            found = _values(place, known)
        case Take.JOINT:
            ending = (Offer(")"),) if place.brackets else (Offer("order by"),)
            found = _starting(place.typed, (Offer("and"), Offer("or"), *ending))
        case take:
            found = _starting(place.typed, _WORDS.get(take, ()))
    return found[:MOST]


def _starting(typed: str, choices: Iterable[Offer]) -> list[Offer]:
    """Those that go on from what is typed; what is typed already is no choice."""
    begun = typed.lower()
    return [each for each in choices if each.text.startswith(begun) and each.text != begun]


def _operands(place: Expected, known: Known) -> list[Offer]:
    fields = [Offer(name, _SAID[spec.kind]) for name, spec in FIELDS.items()]
    keys = [
        Offer(print_operand(Attribute(key.path)), f"{key.share:.0%} {_types(key)}")
        for key in known.keys
    ]
    typed = place.typed.replace('"', "").lower()
    if not typed:
        first = [each for each in fields if each.text in _COMMON]
        return [*first, *keys, *(each for each in fields if each not in first)]
    found = [each for each in [*fields, *keys] if _plain(each).startswith(typed)]
    bare = [each for each in keys if _plain(each).removeprefix("attributes.").startswith(typed)]
    inside = [each for each in [*fields, *keys] if typed in _plain(each)]
    unique = list(dict.fromkeys([*found, *bare, *inside]))
    return [each for each in unique if each.text != place.typed]


def _plain(offer: Offer) -> str:
    return offer.text.replace('"', "").lower()


def _types(key: AttributeKey) -> str:
    names = {"string": "text"}
    return "/".join(names.get(name, name) for name in sorted(key.types))


def kinds(operand: Operand, known: Known) -> list[Kind]:
    """What sort of values it holds; several, or none, for an attribute."""
    if isinstance(operand, Field):
        return [FIELDS[operand.name].kind]
    types = [name for key in known.keys if key.path == operand.path for name in key.types]
    return [_OF_JSON[name] for name in types if name in _OF_JSON]


def _operators(operand: Operand, known: Known) -> list[Offer]:
    found = kinds(operand, known) or [Kind.TEXT, Kind.INTEGER]
    signs = list(dict.fromkeys(sign for kind in found for sign in _SIGNS[kind]))
    if isinstance(operand, Attribute):
        signs = [sign for sign in signs if sign not in ("and", "or")]
    choices = [Offer(sign, closed=not sign.endswith("(")) for sign in signs]
    if nullable(operand):
        choices += [Offer("is null", "is missing"), Offer("is not null", "is there")]
    return choices


def _values(place: Expected, known: Known) -> list[Offer]:
    operand = place.operand
    assert operand is not None
    closed = not place.listed
    found = kinds(operand, known)
    if Kind.TIME in found:
        return _starting(place.typed, _TIMES)
    if Kind.SECONDS in found:
        return _starting(place.typed, _LENGTHS)
    counts = known.values.get(operand)
    choices = [] if counts is None else list(_counted(counts, closed=closed))
    if Kind.BOOLEAN in found and counts is None:
        choices = [Offer("true", closed=closed), Offer("false", closed=closed)]
    typed = place.typed.removeprefix("'").replace("''", "'").lower()
    begun = [each for each in choices if _unquoted(each).startswith(typed)]
    inside = [each for each in choices if typed in _unquoted(each) and each not in begun]
    return [each for each in [*begun, *inside] if each.text != place.typed]


def _counted(counts: Counts, *, closed: bool) -> Iterable[Offer]:
    for value, count in counts.of.items():
        if value is not None:
            more = "" if counts.exact else " or more"
            yield Offer(_literal(value), f"{count:,}{more}", closed)


def _literal(value: Any) -> str:
    return print_value(value if not isinstance(value, float) else _number(value))


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _unquoted(offer: Offer) -> str:
    text = offer.text
    inner = text[1:-1].replace("''", "'") if text.startswith("'") and text.endswith("'") else text
    return inner.lower()


# taking one


def accept(text: str, cursor: int, place: Expected, offer: Offer) -> tuple[str, int]:
    """The text with the choice in the place of what was typed of it, and the cursor behind it.

    Args:
        text: all of it.
        cursor: behind what was typed.
        place: as `expected` said of the text before the cursor.
        offer: the choice.
    """
    before, behind = text[: place.start], text[cursor:]
    if place.typed.startswith("'") and behind.startswith("'"):
        behind = behind[1:]
    if before and not before[-1].isspace() and not _sticks(before[-1], offer.text):
        before += " "
    space = " " if offer.closed and not behind.startswith(" ") else ""
    made = before + offer.text + space
    step = 1 if offer.closed and not space else 0
    return made + behind, len(made) + step


def _sticks(last: str, following: str) -> bool:
    """Whether no space belongs between them."""
    return last == "(" or following in (",", ")") or last == "."


def worth_counting(place: Expected, known: Known) -> Operand | None:
    """The operand whose values ought to be read for this place, if they are not known."""
    if place.take not in (Take.VALUE, Take.LOW, Take.PATTERN) or place.operand is None:
        return None
    operand = place.operand
    if operand in known.values:
        return None
    if isinstance(operand, Field):
        return operand if FIELDS[operand.name].kind in COUNTED else None
    return operand
