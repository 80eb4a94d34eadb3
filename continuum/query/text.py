"""The text spelling: `state = 'failed' and attributes.tier >= 4 order by duration desc`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from continuum.errors import QueryError
from continuum.query import lexer
from continuum.query.leaves import compare
from continuum.query.lexer import Mark, Word, fail
from continuum.query.tree import All, Comparison, Condition, Not, Operand, Order, all_of

_COMPARISONS: Final = {
    Mark.EQ: Comparison.EQ,
    Mark.NEQ: Comparison.EQ,
    Mark.LT: Comparison.LT,
    Mark.LTE: Comparison.LTE,
    Mark.GT: Comparison.GT,
    Mark.GTE: Comparison.GTE,
}


def parse_text(expression: str) -> tuple[Condition, Order | None]:
    """The tree of an expression and its order, if it names one.

    Args:
        expression: a condition, `order by`, both or nothing, which matches everything.

    Raises:
        QueryError: says what is wrong and where.

    Example:
        parse_text("workflow = 'order_flow' and started_at > -2h order by duration desc")
    """
    if not isinstance(expression, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise QueryError(f"an expression is text, not {type(expression).__name__}")
    words = lexer.read(expression)
    at = next((n for n, word in enumerate(words) if word.mark is Mark.ORDER), len(words))
    order = _order(expression, words[at:]) if at < len(words) else None
    if not at:
        return All(), order
    condition = _plain_conjunction(words[:at])
    if condition is None:
        # sqlglot takes longer to import than a query does, so most queries do without.
        from continuum.query.parser import parse_condition

        condition = parse_condition(expression, words[:at])
    return condition, order


def parse_order_text(text: str) -> Order:
    """The order of `duration desc`, `attributes.tier` or `"id" asc`.

    Raises:
        QueryError: not a field or attribute and a direction.
    """
    return _one_order(text, lexer.read(text))


def parse_operands(text: str) -> list[Operand]:
    """The operands of `namespace, state, attributes.plan`.

    Raises:
        QueryError: not a list of fields and attributes.
    """
    words = lexer.read(text)
    for index, word in enumerate(words):
        if word.mark is not (Mark.COMMA if index % 2 else Mark.OPERAND):
            fail(text, word.position, f"unexpected {word.text[:60]!r}", "write fields and commas")
    if len(words) % 2 == 0:
        fail(text, len(text), "a field is missing here")
    return [word.content for word in words[::2]]


def _plain_conjunction(words: Sequence[Word]) -> Condition | None:
    """The tree of `field = value and field > value ...`; None when it is any more, or wrong.

    Nothing in it needs a parser to say how it binds.
    """
    parts: list[Condition] = []
    for at in range(0, len(words), 4):
        match words[at : at + 4]:
            case [operand, sign, value, *joint] if (
                operand.mark is Mark.OPERAND
                and value.mark is Mark.VALUE
                and sign.mark in _COMPARISONS
                and all(word.mark is Mark.AND for word in joint)
            ):
                try:
                    found = compare(operand.content, _COMPARISONS[sign.mark], value.content)
                except QueryError:
                    return None
                parts.append(Not(found) if sign.mark is Mark.NEQ else found)
            case _:
                return None
    return None if words[-1].mark is Mark.AND else all_of(parts)


def _order(expression: str, words: Sequence[Word]) -> Order:
    if len(words) < 2 or words[1].mark is not Mark.BY:
        fail(expression, words[0].position, "order without by", "write: order by started_at desc")
    return _one_order(expression, words[2:])


def _one_order(expression: str, words: Sequence[Word]) -> Order:
    if not words:
        fail(expression, len(expression), "a field to order by is missing here")
    if words[0].mark is not Mark.OPERAND:
        fail(expression, words[0].position, f"cannot order by {words[0].text[:60]!r}",
             "order by one field or attribute")  # fmt: skip
    rest = words[1:]
    if rest and rest[0].mark in (Mark.ASC, Mark.DESC):
        rest = rest[1:]
    if rest:
        hint = "only one field orders, ties go by run id" if rest[0].mark is Mark.COMMA else None
        fail(expression, rest[0].position, f"unexpected {rest[0].text[:60]!r}", hint)
    descending = len(words) == 2 and words[1].mark is Mark.DESC
    return Order(words[0].content, descending)
