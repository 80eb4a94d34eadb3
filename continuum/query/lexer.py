"""An expression cut into words with their positions, and its limits.

What has one meaning only is decided here: paths become operands, literals and times become values;
`-2h` becomes the value of `now() - interval '2h'`. The parser behind sees operands, values, a few
operators and brackets, never text that somebody typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NoReturn, cast

from continuum.errors import QueryError
from continuum.query.fields import nearest
from continuum.query.leaves import json_text, operand_of
from continuum.query.limits import MAX_CONDITIONS, MAX_DEPTH, MAX_EXPRESSION, MAX_PATH, MAX_VALUES
from continuum.query.times import MAX_OFFSET, parse_interval
from continuum.query.tree import Relative


class Mark(Enum):
    """What a word of an expression is."""

    OPERAND = "a field"
    VALUE = "a value"
    AND = "and"
    OR = "or"
    NOT = "not"
    IN = "in"
    BETWEEN = "between"
    LIKE = "like"
    ILIKE = "ilike"
    IS = "is"
    NULL = "null"
    TRUE = "true"
    FALSE = "false"
    ORDER = "order"
    BY = "by"
    ASC = "asc"
    DESC = "desc"
    COMMA = ","
    OPEN = "("
    CLOSE = ")"
    PLUS = "+"
    MINUS = "-"
    EQ = "="
    NEQ = "!="
    LT = "<"
    LTE = "<="
    GT = ">"
    GTE = ">="


@dataclass(frozen=True, slots=True)
class Word:
    """One operand, value, keyword or sign; `text` is what was typed at `position`."""

    mark: Mark
    position: int
    text: str
    content: Any = None


_KEYWORDS: Final = {
    mark.value: mark for mark in (
        Mark.AND, Mark.OR, Mark.NOT, Mark.IN, Mark.BETWEEN, Mark.LIKE, Mark.ILIKE, Mark.IS,
        Mark.NULL, Mark.TRUE, Mark.FALSE, Mark.ORDER, Mark.BY, Mark.ASC, Mark.DESC,
    )
}  # fmt: skip
_SIGNS: Final = {
    mark.value: mark for mark in (
        Mark.COMMA, Mark.OPEN, Mark.CLOSE, Mark.PLUS, Mark.MINUS, Mark.EQ, Mark.NEQ, Mark.LT,
        Mark.LTE, Mark.GT, Mark.GTE,
    )
} | {"<>": Mark.NEQ}  # fmt: skip
_ENDS_VALUE: Final = frozenset({Mark.VALUE, Mark.OPERAND, Mark.CLOSE})
_ENDS: Final = _ENDS_VALUE | {Mark.TRUE, Mark.FALSE, Mark.NULL}
_BEFORE_VALUE: Final = frozenset({
    Mark.EQ, Mark.NEQ, Mark.LT, Mark.LTE, Mark.GT, Mark.GTE, Mark.LIKE, Mark.ILIKE, Mark.BETWEEN,
})  # fmt: skip
_COMPARING: Final = frozenset({
    Mark.EQ, Mark.NEQ, Mark.LT, Mark.LTE, Mark.GT, Mark.GTE, Mark.IN, Mark.LIKE, Mark.ILIKE,
    Mark.IS, Mark.BETWEEN, Mark.TRUE, Mark.FALSE,
})  # fmt: skip
_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<comment>--|/\*)
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<short>(?:[0-9]+(?:\.[0-9]+)?(?:us|ms|[smhdw]))+(?!\w))
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?!\w))
    | (?P<name>[^\W\d]\w*)
    | (?P<cast>::)
    | (?P<dot>\.)
    | (?P<sign><=|>=|<>|!=|[-+=<>(),])""",
    re.VERBOSE,
)
_MAX_NUMBER: Final = 400
"""Characters; none that long can match."""


def read(expression: str) -> list[Word]:
    """The words of an expression.

    Raises:
        QueryError: over a limit, or something that no expression contains; located.
    """
    if len(expression) > MAX_EXPRESSION or len(expression.encode(errors="replace")) > (
        MAX_EXPRESSION
    ):
        raise QueryError(f"the expression is longer than {MAX_EXPRESSION // 1024} KiB")
    return _Reader(expression).words()


def unfinished(expression: str) -> int:
    """Where the word begins that is still being typed at the end of a text; its length if none is.

    A name counts with the keys before it, a string and a name in quotes as soon as it is opened.

    Example:
        >>> unfinished("state = 'fai"), unfinished("attributes.pl"), unfinished("state = ")
        (8, 0, 8)
    """
    at, begin, before = 0, 0, "space"
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        kind = (match.lastgroup or "") if match else "open"
        if match is not None and kind in ("space", "sign"):
            begin = match.end()
        elif "dot" not in (kind, before) and (before, kind) != ("string", "open"):
            begin = at
        if match is None:
            return begin
        at, before = match.end(), kind
    return begin


def fail(expression: str, position: int, message: str, hint: str | None = None) -> NoReturn:
    """Refuse the expression at that place."""
    raise QueryError(message, position=position, hint=hint, expression=expression)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


class _Reader:
    """Turns tokens into words, left to right."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._scanned = self._scan()
        self._tokens: list[_Token] = []
        self._at = 0
        self._words: list[Word] = []
        self._limits = _Limits(expression)

    def words(self) -> list[Word]:
        while (token := self._peek(0)).kind:
            try:
                self._read(token)
            except QueryError as error:
                raise error.located(self._expression, token.position) from None
        return self._words

    def _scan(self) -> Iterator[_Token]:
        """Tokens one by one, so that nothing is read behind the first fault."""
        expression, at = self._expression, 0
        while at < len(expression):
            match = _TOKEN.match(expression, at)
            if match is None:
                self._refuse(at)
            kind = match.lastgroup or ""
            if kind == "comment":
                fail(expression, at, "an expression has no comments")
            if kind != "space":
                yield _Token(kind, match[0], at)
            at = match.end()

    def _refuse(self, at: int) -> NoReturn:
        character = self._expression[at]
        if character in "'\"":
            what = "string" if character == "'" else "name in quotes"
            fail(self._expression, at, f"the {what} has no end", f"close it with {character}")
        if character.isdecimal():
            fail(self._expression, at, "a number or duration with letters behind it",
                 "write text in single quotes, durations as 2h or 30m")  # fmt: skip
        if character == ";":
            fail(self._expression, at, "one expression only, without ;")
        shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
        fail(self._expression, at, f"unexpected {shown}")

    def _peek(self, ahead: int = 1) -> _Token:
        """The token that is so far ahead; one without a kind behind the end."""
        while len(self._tokens) <= self._at + ahead:
            self._tokens.append(next(self._scanned, _Token("", "", len(self._expression))))
        return self._tokens[self._at + ahead]

    def _add(self, mark: Mark, token: _Token, content: Any = None, *, taking: int = 1) -> None:
        word = Word(mark, token.position, token.text, content)
        self._limits.see(word)
        self._words.append(word)
        self._at += taking

    def _read(self, token: _Token) -> None:
        match token.kind:
            case "string":
                self._string(token)
            case "number":
                self._value(token, _number(token.text))
            case "short":
                self._value(token, parse_interval(token.text), short=True)
            case "sign":
                self._add(_SIGNS[token.text], token)
            case "name" | "quoted":
                self._name(token)
            case _:
                raise QueryError(
                    f"unexpected {token.text!r}", hint="an attribute is attributes.key"
                )

    def _string(self, token: _Token) -> None:
        text = token.text[1:-1].replace("''", "'")
        if self._peek().kind != "cast":
            self._add(Mark.VALUE, token, text)
            return
        if self._peek(2).text.lower() not in ("json", "jsonb"):
            raise QueryError("no casts but ::jsonb, for objects and arrays")
        self._add(Mark.VALUE, token, _json(text), taking=3)

    def _value(self, token: _Token, content: Any, *, short: bool = False, taking: int = 1) -> None:
        """A value, joined with the sign before it: `-4`, `now() - 2h`, and `-2h` for the latter."""
        words, joined, position = self._words, content, token.position
        if words and words[-1].mark in (Mark.PLUS, Mark.MINUS):
            sign = -1 if words[-1].mark is Mark.MINUS else 1
            before = words[-2] if len(words) > 1 else None
            if before is not None and isinstance(before.content, Relative):
                if isinstance(content, timedelta):
                    joined, position = _shifted(before.content, sign * content), before.position
                    del words[-2:]
            elif before is None or before.mark not in _ENDS_VALUE:
                if short:
                    joined, position = (
                        _shifted(Relative("now"), sign * content),
                        words.pop().position,
                    )
                elif isinstance(content, int | Decimal):
                    joined, position = sign * content, words.pop().position
        self._add(Mark.VALUE, _Token(token.kind, token.text, position), joined, taking=taking)

    def _name(self, token: _Token) -> None:
        following, keyword = self._peek(), token.text.lower() if token.kind == "name" else ""
        if keyword in ("now", "today") and following.text == "(" and self._peek(2).text == ")":
            base = "today" if keyword == "today" else "now"
            self._add(Mark.VALUE, token, Relative(base), taking=3)
        elif keyword == "interval" and following.kind == "string":
            text = following.text[1:-1].replace("''", "'")
            self._value(token, parse_interval(text), taking=2)
        elif keyword in _KEYWORDS and following.kind != "dot":
            self._add(_KEYWORDS[keyword], token)
        elif following.text == "(":
            raise QueryError(
                f"no function {token.text[:60]!r}", hint="there are now() and today() only"
            )
        else:
            self._path(token)

    def _path(self, token: _Token) -> None:
        keys, ahead = [_key(token)], 1
        if token.kind == "name" and keys[0].isascii():
            keys[0] = keys[0].lower()
        while self._peek(ahead).kind == "dot" and len(keys) <= MAX_PATH + 1:
            key = self._peek(ahead + 1)
            if key.kind not in ("name", "quoted"):
                hint = 'write an odd key in double quotes: attributes."odd key"'
                fail(self._expression, self._peek(ahead).position, "a key is missing here", hint)
            keys.append(_key(key))
            ahead += 2
        try:
            operand = operand_of(keys)
        except QueryError as error:
            before = self._words[-1].mark if self._words else None
            word = nearest(keys[0], _KEYWORDS) if len(keys) == 1 and before in _ENDS else None
            if word is not None:  # behind a whole condition stands a word of the language
                raise QueryError(error.message, suggestion=word) from None
            if before in _BEFORE_VALUE:
                raise QueryError(
                    error.message, hint=f"text stands in single quotes: '{keys[0][:60]}'"
                ) from None
            raise
        self._add(Mark.OPERAND, token, operand, taking=ahead)


def _key(token: _Token) -> str:
    return token.text if token.kind == "name" else token.text[1:-1].replace('""', '"')


def _shifted(moment: Relative, by: timedelta) -> Relative:
    total = moment.offset + by
    if abs(total) > MAX_OFFSET:
        raise QueryError("a time is at most 100 years from now")
    return Relative(moment.base, total)


def _number(text: str) -> int | Decimal:
    if len(text) > _MAX_NUMBER:
        raise QueryError(f"a number of {len(text):,} characters")
    return int(text) if text.isdecimal() else Decimal(text)


def _json(text: str) -> Any:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise QueryError("the text before ::jsonb is not JSON") from None
    if not isinstance(value, dict | list):
        raise QueryError("only objects and arrays need ::jsonb", hint="write the value as it is")
    return json_text("the value", cast("object", value))


class _Limits:
    """Counts conditions, values, and brackets, `not` and signs as depth, word by word."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._depths = [0]
        self._commas = [0]
        self._prefixes = 0
        self._conditions = 0
        self._joints = 0

    def see(self, word: Word) -> None:
        """Take the next word into account; refuse it when it is too much."""
        if word.mark is Mark.OPEN:
            self._depths.append(self._depths[-1] + self._prefixes + 1)
            self._commas.append(0)
        elif word.mark is Mark.CLOSE and len(self._depths) > 1:
            self._depths.pop()
            self._commas.pop()
        self._commas[-1] += word.mark is Mark.COMMA
        self._conditions += word.mark in _COMPARING
        self._joints += word.mark in (Mark.AND, Mark.OR)
        self._joints -= word.mark is Mark.BETWEEN  # its `and` joins no conditions
        prefix = word.mark in (Mark.NOT, Mark.PLUS, Mark.MINUS)
        self._prefixes = self._prefixes + 1 if prefix else 0
        if self._depths[-1] + self._prefixes > MAX_DEPTH:
            self._refuse(word, f"nested deeper than {MAX_DEPTH}")
        if max(self._conditions, self._joints + 1) > MAX_CONDITIONS:
            self._refuse(word, f"more than {MAX_CONDITIONS} conditions")
        if self._commas[-1] >= MAX_VALUES:
            self._refuse(word, f"more than {MAX_VALUES:,} values")

    def _refuse(self, word: Word, message: str) -> NoReturn:
        fail(self._expression, word.position, message)
