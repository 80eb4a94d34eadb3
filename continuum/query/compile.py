"""A query's tree to SQL: own tree, sqlglot tree, text and parameters.

Values are always parameters; identifiers come from the table below and nowhere else. Negation is
pushed down to the comparisons, where `... IS NOT TRUE` makes a missing value count as false.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never

from sqlglot import exp

from continuum.query.fields import FIELDS, Kind
from continuum.query.tree import (
    All,
    AnyOf,
    Attribute,
    Compare,
    Comparison,
    Condition,
    Exists,
    JsonText,
    Matches,
    Not,
    OneOf,
    Order,
)

SORTED_CHARACTERS: Final = 120
"""Text sorts by this many characters, then by run id, so that a cursor stays small."""

_TYPE_OF_KIND: Final = {
    Kind.TEXT: "text",
    Kind.STATE: "text",
    Kind.UUID: "uuid",
    Kind.INTEGER: "numeric",
    Kind.TIME: "timestamptz",
    Kind.SECONDS: "numeric",
    Kind.BOOLEAN: "boolean",
}
_COMPARISONS: Final[dict[Comparison, Callable[..., exp.Expr]]] = {
    Comparison.EQ: exp.EQ,
    Comparison.LT: exp.LT,
    Comparison.LTE: exp.LTE,
    Comparison.GT: exp.GT,
    Comparison.GTE: exp.GTE,
}


def _run(column: str) -> exp.Expr:
    return exp.column(column, table="r")


def _lease(column: str) -> exp.Expr:
    return exp.column(column, table="l")


def _typed(value: exp.Expr, type_name: str) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType.build(type_name, dialect="postgres"))


def read_at() -> exp.Expr:
    """The moment the answer is about: pinned by the first page, else this transaction's start."""
    pinned = _typed(exp.Placeholder(this="read_at"), "timestamptz")
    return exp.Coalesce(this=pinned, expressions=[exp.Anonymous(this="transaction_timestamp")])


def _duration() -> exp.Expr:
    end = exp.Coalesce(this=_run("completed_at"), expressions=[read_at()])
    seconds = exp.Extract(
        this=exp.Var(this="EPOCH"), expression=exp.Sub(this=end, expression=_run("started_at"))
    )
    # A run that started after the pinned moment has lasted no time, rather than less.
    return exp.Greatest(this=seconds, expressions=[exp.Literal.number(0)])


def _stuck() -> exp.Expr:
    able = (
        exp.select("1")
        .from_(exp.alias_(exp.to_table("continuum_node_versions"), "v", table=True))
        .join(
            exp.alias_(exp.to_table("continuum_nodes"), "n", table=True),
            on=exp.EQ(this=exp.column("id", "n"), expression=exp.column("node_id", "v")),
        )
        .where(
            exp.EQ(this=exp.column("version_id", "v"), expression=_lease("version_id")),
            exp.Is(this=exp.column("dead_at", "n"), expression=exp.Null()),
            exp.GT(
                this=exp.column("expires_at", "n"),
                expression=exp.Anonymous(this="statement_timestamp"),
            ),
        )
    )
    live = exp.Not(this=exp.Is(this=_lease("run_id"), expression=exp.Null()))
    return exp.Paren(this=exp.and_(live, exp.Not(this=exp.Exists(this=able))))


_COLUMNS: Final[dict[str, Callable[[], exp.Expr]]] = {
    **{name: (lambda name=name: _run(name)) for name in (
        "id", "namespace", "workflow", "version", "version_hash", "state", "started_at",
        "updated_at", "completed_at", "parent_id", "error_type", "incarnation",
    )},
    "error": lambda: _run("error_message"),
    "duration": _duration,
    "owner": lambda: _typed(_lease("lease_owner"), "text"),
    "waiting_on": lambda: _lease("waiting_on"),
    "stuck": _stuck,
}  # fmt: skip


def _by_code_point(text: exp.Expr) -> exp.Expr:
    return exp.Collate(this=text, expression=exp.Identifier(this="C", quoted=True))


@dataclass(slots=True)
class Compiler:
    """Turns the parts of one query into SQL text and gathers their parameters."""

    params: dict[str, Any] = field(default_factory=dict[str, Any])

    def condition(self, condition: Condition, *, negated: bool = False) -> exp.Expr:
        """The condition as a SQL expression that is true exactly when it holds."""
        match condition:
            case Not(part):
                return self.condition(part, negated=not negated)
            case All(parts) | AnyOf(parts):
                return self._junction(condition, parts, negated=negated)
            case Compare() | OneOf() | Matches() | Exists():
                leaf = self._leaf(condition)
                if not negated:
                    return leaf
                return exp.Not(
                    this=exp.Is(this=exp.Paren(this=leaf), expression=exp.Boolean(this=True))
                )
            case _:
                assert_never(condition)

    def _junction(
        self, junction: All | AnyOf, parts: Sequence[Condition], *, negated: bool
    ) -> exp.Expr:
        conjunction = isinstance(junction, All) != negated
        if not parts:
            return exp.Boolean(this=conjunction)
        compiled = [self.condition(part, negated=negated) for part in parts]
        joined = exp.and_(*compiled) if conjunction else exp.or_(*compiled)
        return exp.Paren(this=joined)

    def bind(self, value: object, type_name: str) -> exp.Expr:
        """A new parameter with that value and SQL type."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return _typed(exp.Placeholder(this=name), type_name)

    def _leaf(self, leaf: Compare | OneOf | Matches | Exists) -> exp.Expr:
        if isinstance(leaf.operand, Attribute):
            return self._attribute_leaf(leaf, leaf.operand)
        kind = FIELDS[leaf.operand.name].kind
        column = _COLUMNS[leaf.operand.name]()
        match leaf:
            case Compare(_, comparison, value):
                bound = self.bind(value, _TYPE_OF_KIND[kind])
                if kind is Kind.TEXT and comparison is not Comparison.EQ:
                    column = _by_code_point(column)
                return _COMPARISONS[comparison](this=column, expression=bound)
            case OneOf(_, values):
                return self._any(column, list(values), _TYPE_OF_KIND[kind])
            case Matches(_, pattern, ignore_case):
                return self._like(column, pattern, ignore_case=ignore_case)
            case Exists():
                return exp.Not(this=exp.Is(this=column, expression=exp.Null()))

    def _any(self, column: exp.Expr, values: list[Any], type_name: str) -> exp.Expr:
        bound = self.bind(values, f"{type_name}[]")
        return exp.EQ(this=column, expression=exp.Any(this=exp.Paren(this=bound)))

    def _like(self, column: exp.Expr, pattern: str, *, ignore_case: bool) -> exp.Expr:
        like = exp.ILike if ignore_case else exp.Like
        return like(this=_by_code_point(column), expression=self.bind(pattern, "text"))

    def _attribute_leaf(
        self, leaf: Compare | OneOf | Matches | Exists, attribute: Attribute
    ) -> exp.Expr:
        match leaf:
            case Compare(_, Comparison.EQ, value):
                return self._contains(attribute, value)
            case Compare(_, comparison, value):
                return self._attribute_order(attribute, comparison, value)
            case OneOf(_, values):
                if not values:
                    return exp.Boolean(this=False)
                return exp.Paren(
                    this=exp.or_(*(self._contains(attribute, value) for value in values))
                )
            case Matches(_, pattern, ignore_case):
                text = self._attribute(attribute, as_text=True)
                like = self._like(text, pattern, ignore_case=ignore_case)
                return exp.Paren(this=exp.and_(self._has_type(attribute, "string"), like))
            case Exists():
                null = exp.Literal.string("null")
                return exp.NEQ(this=self._type(attribute), expression=null)

    def _contains(self, attribute: Attribute, value: Any) -> exp.Expr:
        """Equality as typed containment, which the GIN index on attributes serves."""
        text = value.text if isinstance(value, JsonText) else json.dumps(value, ensure_ascii=False)
        whole = text
        for key in reversed(attribute.path):
            whole = f"{{{json.dumps(key, ensure_ascii=False)}: {whole}}}"
        contains = exp.ArrayContainsAll(
            this=_run("attributes"), expression=self.bind(whole, "jsonb")
        )
        if not isinstance(value, JsonText):
            return contains
        equal = exp.EQ(this=self._attribute(attribute), expression=self.bind(text, "jsonb"))
        return exp.Paren(this=exp.and_(contains, equal))

    def _attribute_order(
        self, attribute: Attribute, comparison: Comparison, value: Any
    ) -> exp.Expr:
        if isinstance(value, str):
            typed = self._has_type(attribute, "string")
            stored = _by_code_point(self._attribute(attribute, as_text=True))
            bound = self.bind(value, "text")
        else:
            typed = self._has_type(attribute, "number")
            stored = self._attribute(attribute)
            bound = self.bind(json.dumps(value), "jsonb")
        compared = _COMPARISONS[comparison](this=stored, expression=bound)
        return exp.Paren(this=exp.and_(typed, compared))

    def _has_type(self, attribute: Attribute, type_name: str) -> exp.Expr:
        return exp.EQ(this=self._type(attribute), expression=exp.Literal.string(type_name))

    def _type(self, attribute: Attribute) -> exp.Expr:
        return exp.Anonymous(this="jsonb_typeof", expressions=[self._attribute(attribute)])

    def _attribute(self, attribute: Attribute, *, as_text: bool = False) -> exp.Expr:
        """`->` with a text key, which never means an array index as in `#>`."""
        value: exp.Expr = _run("attributes")
        last = len(attribute.path) - 1
        for index, key in enumerate(attribute.path):
            step = exp.JSONExtractScalar if as_text and index == last else exp.JSONExtract
            value = step(this=value, expression=self.bind(key, "text"))
        return exp.Paren(this=value)


def sort_key(order: Order) -> exp.Expr:
    """What rows are ordered by, before the run id."""
    column = _COLUMNS[order.operand.name]()
    if FIELDS[order.operand.name].kind in (Kind.TEXT, Kind.STATE):
        prefix = exp.Left(this=column, expression=exp.Literal.number(SORTED_CHARACTERS))
        return _by_code_point(prefix)
    return column


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL pieces (`key` is the sort key of a row) and the parameters of all of them."""

    where: str
    order_by: str
    key: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class After:
    """Where the previous page ended: the sort key (None in the tail without one) and run id."""

    key: Any
    run_id: Any


def compile_page(
    namespace: str | None,
    condition: Condition,
    order: Order,
    *,
    tail: bool,
    after: After | None,
    read_at: datetime | None,
) -> Compiled:
    """One phase of a page: the rows with a sort key, or the tail of those without one."""
    compiler = Compiler({"read_at": read_at})
    key = sort_key(order)
    clauses = _scope(compiler, namespace, condition)
    if FIELDS[order.operand.name].nullable:
        missing = exp.Is(this=_COLUMNS[order.operand.name](), expression=exp.Null())
        clauses.append(missing if tail else exp.Not(this=missing))
    keys = [_run("id")] if tail or order.operand.name == "id" else [key, _run("id")]
    if after is not None:
        clauses.append(_beyond(compiler, keys, order, after))
    ordered = [
        exp.Ordered(this=part, desc=order.descending, nulls_first=order.descending) for part in keys
    ]
    return Compiled(
        where=_text(exp.and_(*clauses)),
        order_by=", ".join(_text(part) for part in ordered),
        key=_text(key),
        params=compiler.params,
    )


def compile_count(namespace: str | None, condition: Condition) -> tuple[str, dict[str, Any]]:
    """The WHERE text of a count and its parameters."""
    compiler = Compiler({"read_at": None})
    where = _text(exp.and_(*_scope(compiler, namespace, condition)))
    return where, compiler.params


def column_sql(name: str) -> str:
    """The SQL of a run field."""
    return _text(_COLUMNS[name]())


def _scope(compiler: Compiler, namespace: str | None, condition: Condition) -> list[exp.Expr]:
    clauses: list[exp.Expr] = []
    if namespace is not None:
        clauses.append(exp.EQ(this=_run("namespace"), expression=compiler.bind(namespace, "text")))
    clauses.append(compiler.condition(condition))
    return clauses


def _beyond(compiler: Compiler, keys: list[exp.Expr], order: Order, after: After) -> exp.Expr:
    bound = [compiler.bind(after.run_id, "uuid")]
    if len(keys) == 2:
        type_name = _TYPE_OF_KIND[FIELDS[order.operand.name].kind]
        bound.insert(0, compiler.bind(after.key, type_name))
    compare = exp.LT if order.descending else exp.GT
    return compare(this=exp.Tuple(expressions=keys), expression=exp.Tuple(expressions=bound))


def _text(expression: exp.Expr) -> str:
    return expression.sql(dialect="postgres")
