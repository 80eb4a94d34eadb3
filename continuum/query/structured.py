"""The structured spelling: `where=[("eq", ["attributes", "plan"], "pro")]` to a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeGuard, cast

from continuum.errors import QueryError
from continuum.query.fields import nearest
from continuum.query.leaves import between, compare, matches, name_of, one_of, operand_of
from continuum.query.limits import MAX_CONDITIONS, MAX_DEPTH
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    Comparison,
    Condition,
    Exists,
    Not,
    Operand,
    Order,
    all_of,
    any_of,
)


def parse_where(where: object) -> Condition:
    """The tree of a structured condition; None or an empty list matches everything.

    Args:
        where: one condition (a sequence that starts with a string) or a sequence of conditions,
            all of which must hold.

    Raises:
        QueryError: says which condition is wrong and how to write it.

    Example:
        `parse_where([("eq", "state", "failed"), ("exists", ["attributes", "plan"])])`
    """
    return _Parser().where(where)


def parse_order(order: object) -> Order:
    """The order of `("desc", "started_at")` or `("asc", ["attributes", "tier"])`.

    None is newest first.

    Raises:
        QueryError: not a direction and a run field or attribute path.
    """
    if order is None:
        return NEWEST_FIRST
    if not _is_sequence(order) or len(order) != 2 or order[0] not in ("asc", "desc"):
        raise QueryError(
            f"cannot order by {str(order)[:80]!r}",
            hint='write order_by=("desc", "started_at"): "asc" or "desc" and one field',
        )
    return Order(parse_operand(order[1]), descending=order[0] == "desc")


def parse_operand(path: object) -> Operand:
    """A run field by name, or an attribute by its path, as `["attributes", "plan"]`.

    Raises:
        QueryError: neither.
    """
    keys = [path] if isinstance(path, str) else path
    if not _is_sequence(keys) or not keys:
        raise QueryError(
            f"{str(path)[:80]!r} is not a field",
            hint='a field is "state", an attribute is ["attributes", "plan"]',
        )
    names = list(keys)
    if not all(isinstance(name, str) for name in names):
        raise QueryError(f"the path {str(path)[:80]!r} has a key that is not text")
    return operand_of(cast("list[str]", names))


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


class _Parser:
    """Counts conditions and depth while it builds the tree."""

    def __init__(self) -> None:
        self._conditions = 0

    def where(self, where: object) -> Condition:
        if where is None:
            return All()
        if not _is_sequence(where):
            raise QueryError(
                f"where is a list of conditions, not {type(where).__name__}",
                hint='for example [("eq", "state", "failed")]',
            )
        items = where
        if items and isinstance(items[0], str):
            return self._condition(items, 1)
        return all_of(self._condition(item, 1) for item in items)

    def _condition(self, node: object, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise QueryError(f"conditions are nested deeper than {MAX_DEPTH}")
        self._count()
        if not _is_sequence(node) or not node or not isinstance(node[0], str):
            raise QueryError(
                f"{str(node)[:80]!r} is not a condition",
                hint='a condition is (operator, path, value), as ("eq", "state", "failed")',
            )
        operator, *arguments = node
        if operator in ("and", "or"):
            return self._junction(str(operator), arguments, depth)
        if operator == "not":
            (part,) = _arity("not", arguments, 1)
            return Not(self._condition(part, depth + 1))
        if operator == "between":
            self._count()  # it is two comparisons
        return _leaf(str(operator), arguments)

    def _count(self) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise QueryError(f"more than {MAX_CONDITIONS} conditions")

    def _junction(self, operator: str, arguments: list[object], depth: int) -> Condition:
        (listed,) = _arity(operator, arguments, 1)
        if not _is_sequence(listed):
            raise QueryError(f'"{operator}" takes a list of conditions')
        parts = [self._condition(item, depth + 1) for item in listed]
        return all_of(parts) if operator == "and" else any_of(parts)


def _arity(operator: str, arguments: list[object], count: int) -> list[object]:
    if len(arguments) != count:
        raise QueryError(f'"{operator}" takes {count} after its name, not {len(arguments)}')
    return arguments


def _leaf(operator: str, arguments: list[object]) -> Condition:
    build = _LEAVES.get(operator)
    if build is None:
        suggestion = nearest(operator, [*_LEAVES, "and", "or", "not"])
        hint = None if suggestion else f"operators are {', '.join([*_LEAVES, 'and', 'or', 'not'])}"
        raise QueryError(f"unknown operator {operator[:60]!r}", suggestion=suggestion, hint=hint)
    arity, make = build
    _arity(operator, arguments, arity)
    return make(parse_operand(arguments[0]), arguments[1:])


def _compare(comparison: Comparison) -> _Make:
    return lambda operand, rest: compare(operand, comparison, rest[0])


def _one_of(operand: Operand, arguments: list[object]) -> Condition:
    values = arguments[0]
    if not _is_sequence(values):
        raise QueryError(f"{name_of(operand)}: in and not_in take a list of values")
    return one_of(operand, values)


def _matches(*, ignore_case: bool) -> _Make:
    return lambda operand, rest: matches(operand, rest[0], ignore_case=ignore_case)


_Make = Callable[[Operand, list[object]], Condition]
_LEAVES: Final[dict[str, tuple[int, _Make]]] = {
    "eq": (2, _compare(Comparison.EQ)),
    "neq": (2, lambda operand, rest: Not(compare(operand, Comparison.EQ, rest[0]))),
    "lt": (2, _compare(Comparison.LT)),
    "lte": (2, _compare(Comparison.LTE)),
    "gt": (2, _compare(Comparison.GT)),
    "gte": (2, _compare(Comparison.GTE)),
    "in": (2, _one_of),
    "not_in": (2, lambda operand, rest: Not(_one_of(operand, rest))),
    "like": (2, _matches(ignore_case=False)),
    "ilike": (2, _matches(ignore_case=True)),
    "between": (3, lambda operand, rest: between(operand, rest[0], rest[1])),
    "exists": (1, lambda operand, _: Exists(operand)),
    "missing": (1, lambda operand, _: Not(Exists(operand))),
}
