"""The condition of an expression: sqlglot says how the words bind, an allow-list says what may be.

The lexer has decided what each word is. sqlglot, which reads SQL as PostgreSQL does, sees an index
instead of every operand and value; of the nodes it answers with, those below become our tree and
any other is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar, cast

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token, TokenType

from continuum.errors import QueryError
from continuum.query import leaves
from continuum.query.fields import FIELDS, Kind
from continuum.query.lexer import Mark, Word, fail
from continuum.query.tree import (
    All,
    AnyOf,
    Comparison,
    Condition,
    Exists,
    Field,
    Not,
    Operand,
    Relative,
    all_of,
    any_of,
)

T = TypeVar("T")
_DIALECT: Final = Postgres()
_TOKEN_TYPES: Final = {
    Mark.OPERAND: TokenType.IDENTIFIER,
    Mark.VALUE: TokenType.STRING,
    Mark.AND: TokenType.AND,
    Mark.OR: TokenType.OR,
    Mark.NOT: TokenType.NOT,
    Mark.IN: TokenType.IN,
    Mark.BETWEEN: TokenType.BETWEEN,
    Mark.LIKE: TokenType.LIKE,
    Mark.ILIKE: TokenType.ILIKE,
    Mark.IS: TokenType.IS,
    Mark.NULL: TokenType.NULL,
    Mark.TRUE: TokenType.TRUE,
    Mark.FALSE: TokenType.FALSE,
    Mark.COMMA: TokenType.COMMA,
    Mark.OPEN: TokenType.L_PAREN,
    Mark.CLOSE: TokenType.R_PAREN,
    Mark.PLUS: TokenType.PLUS,
    Mark.MINUS: TokenType.DASH,
    Mark.EQ: TokenType.EQ,
    Mark.NEQ: TokenType.NEQ,
    Mark.LT: TokenType.LT,
    Mark.LTE: TokenType.LTE,
    Mark.GT: TokenType.GT,
    Mark.GTE: TokenType.GTE,
}
_COMPARISONS: Final[dict[type[exp.Expr], Comparison]] = {
    exp.EQ: Comparison.EQ,
    exp.LT: Comparison.LT,
    exp.LTE: Comparison.LTE,
    exp.GT: Comparison.GT,
    exp.GTE: Comparison.GTE,
}
_ARGUMENTS: Final = frozenset({"this", "expression", "expressions", "low", "high", "negate"})
"""What a comparison may be made of; `negate` is the `not` of `is not null` and `not like`."""


def parse_condition(expression: str, words: Sequence[Word]) -> Condition:
    """The tree of a condition.

    Args:
        expression: what was typed, for messages.
        words: all of its words, at least one.

    Raises:
        QueryError: not a condition; located.
    """
    following = [*words[1:], None]
    for word, after in zip(words, following, strict=True):
        if word.mark not in _TOKEN_TYPES:
            fail(expression, word.position, f"unexpected {word.text!r}")
        if word.mark is Mark.IN and (after is None or after.mark is not Mark.OPEN):
            fail(expression, word.position, "in takes values in brackets", "in ('a', 'b')")
    try:
        return _Walker(expression, words).condition(_bind(expression, words))
    except RecursionError:
        fail(expression, words[0].position, "the expression is nested too deeply to be read here")


def _bind(expression: str, words: Sequence[Word]) -> exp.Expr:
    """sqlglot's tree; the name of anything in it is the index of its word."""
    tokens = [
        Token(_TOKEN_TYPES[word.mark], str(index), 1, index) for index, word in enumerate(words)
    ]
    try:
        [root] = _DIALECT.parser().parse_into(exp.Condition, tokens, " ")
    except ParseError as error:
        index = cast("int | None", error.errors[0].get("col")) if error.errors else None
        _cannot_bind(expression, words, index)
    if root is None:
        _cannot_bind(expression, words, None)
    return root


def _cannot_bind(expression: str, words: Sequence[Word], index: int | None) -> NoReturn:
    word = words[index] if index is not None and index < len(words) else words[-1]
    if word is words[-1]:
        hint = "something is missing before it, or behind it"
        fail(expression, word.position, f"the expression ends wrongly at {word.text[:60]!r}", hint)
    fail(expression, word.position, f"cannot make sense of {word.text[:60]!r} here")


class _Walker:
    """From sqlglot's nodes to ours."""

    def __init__(self, expression: str, words: Sequence[Word]) -> None:
        self._expression = expression
        self._words = words

    def condition(self, node: exp.Expr) -> Condition:
        """The tree of a node that must be a condition."""
        match node.unnest():
            case exp.And() as junction:
                return all_of(self.condition(part) for part in _parts(junction, exp.And))
            case exp.Or() as junction:
                return any_of(self.condition(part) for part in _parts(junction, exp.Or))
            case exp.Not(this=part):
                return Not(self.condition(part))
            case exp.Boolean(this=value):
                return All() if value else AnyOf(())
            case exp.Column() as flag:
                return self._flag(flag)
            case leaf:
                surplus = {name for name, value in leaf.args.items() if value} - _ARGUMENTS
                if surplus:
                    raise self._error(
                        leaf, "no such form", "values stand in brackets: in ('a', 'b')"
                    )
                return self._leaf(leaf)

    def _flag(self, node: exp.Expr) -> Condition:
        operand = self._operand(node)
        if not isinstance(operand, Field) or FIELDS[operand.name].kind is not Kind.BOOLEAN:
            raise self._error(
                node, f"{leaves.name_of(operand)} alone is not a condition",
                "compare it with a value",
            )  # fmt: skip
        return leaves.compare(operand, Comparison.EQ, value=True)

    def _leaf(self, node: exp.Expr) -> Condition:
        match node:
            case exp.EQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                return self._compare(node, _COMPARISONS[type(node)])
            case exp.NEQ():
                return Not(self._compare(node, Comparison.EQ))
            case exp.In():
                return self._one_of(node)
            case exp.Between():
                return self._between(node)
            case exp.Like() | exp.ILike():
                return self._matches(node)
            case exp.Is(expression=exp.Null()):
                exists = Exists(self._operand(node.this))
                return exists if node.args.get("negate") else Not(exists)
            case exp.Is():
                raise self._error(
                    node, "is takes null or not null", "compare with = true or = false"
                )
            case _:
                raise self._error(node, "this is not a condition", "compare a field with a value")

    def _compare(self, node: exp.Expr, comparison: Comparison) -> Condition:
        operand = self._operand(node.this)
        value = self._value(operand, node.expression)
        return self._at(node.expression, lambda: leaves.compare(operand, comparison, value))

    def _one_of(self, node: exp.Expr) -> Condition:
        operand = self._operand(node.this)
        values = [self._value(operand, value) for value in node.expressions]
        return self._at(node, lambda: leaves.one_of(operand, values))

    def _between(self, node: exp.Expr) -> Condition:
        operand = self._operand(node.this)
        low, high = (self._value(operand, node.args[end]) for end in ("low", "high"))
        return self._at(node.args["low"], lambda: leaves.between(operand, low, high))

    def _matches(self, node: exp.Expr) -> Condition:
        operand = self._operand(node.this)
        pattern, ignore_case = self._value(operand, node.expression), isinstance(node, exp.ILike)
        found = self._at(
            node.expression, lambda: leaves.matches(operand, pattern, ignore_case=ignore_case)
        )
        return Not(found) if node.args.get("negate") else found

    def _operand(self, node: exp.Expr | None) -> Operand:
        match node.unnest() if node is not None else None:
            case exp.Column(this=exp.Identifier() as name) as column if len(column.parts) == 1:
                word = self._words[int(name.name)]
                if word.mark is not Mark.OPERAND:
                    raise self._error(node, f"a field belongs here, not {word.text!r}")
                return word.content
            case _:
                raise self._error(
                    node, "a field or attribute belongs here", "write it first: state = 'failed'"
                )

    def _value(self, operand: Operand, node: exp.Expr | None) -> Any:
        value = self._literal(node)
        if isinstance(operand, Field):
            return value
        if isinstance(value, Relative | timedelta):
            raise self._error(
                node, "attributes hold JSON, which has no times",
                "compare with the text or number that is stored",
            )  # fmt: skip
        return value

    def _literal(self, node: exp.Expr | None) -> Any:
        match node.unnest() if node is not None else None:
            case exp.Literal() as literal:
                return self._words[int(literal.name)].content
            case exp.Boolean(this=value):
                return value
            case exp.Sub() | exp.Add():
                raise self._error(node, "only now() and today() take + or - an interval")
            case exp.Null():
                raise self._error(node, "nothing equals null", "write: is null, or: is not null")
            case exp.Column():
                raise self._error(
                    node, "a value belongs here, not a field",
                    "text stands in single quotes: 'failed'",
                )  # fmt: skip
            case _:
                pass
        raise self._error(node, "a value belongs here")

    def _at(self, node: exp.Expr | None, make: Callable[[], T]) -> T:
        try:
            return make()
        except QueryError as error:
            raise error.located(self._expression, self._position(node)) from None

    def _error(self, node: exp.Expr | None, message: str, hint: str | None = None) -> QueryError:
        position = self._position(node)
        return QueryError(message, position=position, hint=hint, expression=self._expression)

    def _position(self, node: exp.Expr | None) -> int:
        """Where the first word below the node stands."""
        while node is not None:
            indexes = [int(leaf.name) for leaf in node.find_all(exp.Literal, exp.Identifier)]
            if indexes:
                return self._words[min(indexes)].position
            node = node.parent
        return self._words[0].position


def _parts(node: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The parts of `a and b and c`, which leans to the left as deep as it is long."""
    parts: list[exp.Expr] = []
    while isinstance(node, kind):
        parts.append(node.expression)
        node = node.this
    parts.append(node)
    return reversed(parts)
