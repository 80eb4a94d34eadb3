"""What gestures do to an expression: trees in, trees out, and text for both.

Every gesture on the Runs screen ends here, so whatever it does can be read in the query bar, copied
and typed again.
"""

from __future__ import annotations

from functools import lru_cache
from shlex import quote
from typing import Final

from continuum.query.printing import print_condition
from continuum.query.text import parse_text
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Field,
    Not,
    OneOf,
    Operand,
    Order,
    Query,
    all_of,
)

STATE: Final = Field("state")


@lru_cache(maxsize=64)
def parse(expression: str) -> Query:
    """The tree of an expression, everywhere; newest first when it names no order.

    Raises:
        QueryError: says what is wrong and where.
    """
    condition, order = parse_text(expression)
    return Query(None, condition, order or NEWEST_FIRST)


def text(condition: Condition, order: Order = NEWEST_FIRST) -> str:
    """The expression that parses to this."""
    return Query(None, condition, order).text


def parts(condition: Condition) -> tuple[Condition, ...]:
    """What must hold side by side; none for no condition."""
    return condition.parts if isinstance(condition, All) else (condition,)


def chips(condition: Condition) -> list[str]:
    """The text of each part; joined by `and` they are the condition."""
    found = parts(condition)
    if len(found) == 1:
        return [print_condition(condition)]
    return [
        f"({print_condition(p)})" if isinstance(p, AnyOf) else print_condition(p) for p in found
    ]


def without(condition: Condition, index: int) -> Condition:
    """The condition without its part of that number."""
    return all_of(part for number, part in enumerate(parts(condition)) if number != index)


def state_of(condition: Condition) -> str | None:
    """The one state that is asked for, if it is a part of its own."""
    for part in parts(condition):
        match part:
            case Compare(operand, Comparison.EQ, str() as state) if operand == STATE:
                return state
            case _:
                pass
    return None


def with_state(condition: Condition, state: str | None) -> Condition:
    """Another state, or any; parts about the state alone give way."""
    kept = [part for part in parts(condition) if not _pins(part, STATE)]
    if state is not None:
        kept.insert(0, Compare(STATE, Comparison.EQ, state))
    return all_of(kept)


def narrowed(condition: Condition, part: Condition) -> Condition:
    """The condition with one part more; an equality takes the place of others on its operand."""
    kept = [each for each in parts(condition) if each not in (part, _opposite(part))]
    if isinstance(part, Compare) and part.comparison is Comparison.EQ:
        kept = [each for each in kept if not _pins(each, part.operand)]
    return all_of([*kept, part])


def excluded(condition: Condition, part: Condition) -> Condition:
    """The condition without what `part` matches."""
    return narrowed(condition, _opposite(part))


def _opposite(part: Condition) -> Condition:
    return part.part if isinstance(part, Not) else Not(part)


def _pins(part: Condition, operand: Operand) -> bool:
    """Whether the part says which values the operand may have, or may not."""
    match part:
        case Compare(found, Comparison.EQ, _) | OneOf(found, _):
            return found == operand
        case Not(inner):
            return _pins(inner, operand)
        case _:
            return False


def ordered(order: Order, operand: Operand, *, descending: bool) -> Order:
    """By this operand; when it is ordered by it already, the other way round."""
    if order.operand == operand:
        return Order(operand, not order.descending)
    return Order(operand, descending)


def command(expression: str, namespace: str | None, limit: int) -> str:
    """The command that prints the same rows in a POSIX shell.

    Args:
        expression: as on screen; empty for none.
        namespace: None means all.
        limit: how many rows are on screen.
    """
    scope = "--all-namespaces" if namespace is None else f"--namespace {quoted(namespace)}"
    words = ["continuum query", *([quoted(expression)] if expression else []), scope]
    return " ".join([*words, f"--limit {limit}"])


def quoted(word: str) -> str:
    """A word as a POSIX shell reads it back, in the quotes that read better."""
    if "'" in word and not any(character in word for character in '"$`\\!\n'):
        return f'"{word}"'
    return quote(word)
