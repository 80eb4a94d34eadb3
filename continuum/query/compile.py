"""A query's tree to SQL text and parameters.

Values are always parameters, attribute keys too; the text is made of the pieces written here and
of nothing else. Negation is pushed down to the comparisons, where `IS NOT TRUE` makes a missing
value count as false.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never

from continuum.query.fields import FIELDS, Kind, nullable
from continuum.query.ordering import ARRAY, LARGEST, OBJECT, SORTED_CHARACTERS, STRING, parts_of
from continuum.query.tree import (
    All,
    AnyOf,
    Attribute,
    Compare,
    Comparison,
    Condition,
    Exists,
    Field,
    JsonText,
    Matches,
    Not,
    OneOf,
    Operand,
    Order,
)

_TYPE_OF_KIND: Final = {
    Kind.TEXT: "text",
    Kind.STATE: "text",
    Kind.UUID: "uuid",
    Kind.INTEGER: "numeric",
    Kind.TIME: "timestamptz",
    Kind.SECONDS: "numeric",
    Kind.BOOLEAN: "boolean",
}
_SIGNS: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<",
    Comparison.LTE: "<=",
    Comparison.GT: ">",
    Comparison.GTE: ">=",
}
READ_AT: Final = "COALESCE(%(read_at)s::timestamptz, transaction_timestamp())"
"""The moment the answer is about: pinned by the first page, else this transaction's start."""

_STUCK: Final = """(l.run_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM continuum_node_versions v JOIN continuum_nodes n ON n.id = v.node_id
    WHERE v.version_id = l.version_id AND n.dead_at IS NULL
      AND n.expires_at > statement_timestamp()))"""
_COLUMNS: Final[dict[str, str]] = {
    **{name: f"r.{name}" for name in (
        "id", "namespace", "workflow", "version", "version_hash", "state", "started_at",
        "updated_at", "completed_at", "parent_id", "error_type", "incarnation",
    )},
    "error": "r.error_message",
    # A run that started after the pinned moment has lasted no time, rather than less.
    "duration": "GREATEST(EXTRACT(EPOCH FROM COALESCE(r.completed_at, "
                f"{READ_AT}) - r.started_at), 0)",
    "owner": "l.lease_owner::text",
    "waiting_on": "l.waiting_on",
    "stuck": _STUCK,
}  # fmt: skip


@dataclass(slots=True)
class Compiler:
    """Turns the parts of one query into SQL text and gathers their parameters."""

    params: dict[str, Any] = field(default_factory=dict[str, Any])
    _paths: dict[Attribute, str] = field(default_factory=dict["Attribute", str])

    def condition(self, condition: Condition, *, negated: bool = False) -> str:
        """The condition as a SQL expression that is true exactly when it holds.

        Relative times must have been pinned.
        """
        match condition:
            case Not(part):
                return self.condition(part, negated=not negated)
            case All(parts) | AnyOf(parts):
                conjunction = isinstance(condition, All) != negated
                if not parts:
                    return "true" if conjunction else "false"
                compiled = [self.condition(part, negated=negated) for part in parts]
                return f"({(' AND ' if conjunction else ' OR ').join(compiled)})"
            case Compare() | OneOf() | Matches() | Exists():
                leaf = self._leaf(condition)
                return f"({leaf}) IS NOT TRUE" if negated else leaf
            case _:
                assert_never(condition)

    def bind(self, value: object, type_name: str) -> str:
        """A new parameter with that value and SQL type."""
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s::{type_name}"

    def attribute(self, attribute: Attribute) -> str:
        """`->` with a text key, which never means an array index as in `#>`."""
        if attribute not in self._paths:
            steps = "".join(f" -> {self.bind(key, 'text')}" for key in attribute.path)
            self._paths[attribute] = f"(r.attributes{steps})"
        return self._paths[attribute]

    def value(self, operand: Operand) -> str:
        """The operand's value; NULL also for a JSON null."""
        if isinstance(operand, Field):
            return _COLUMNS[operand.name]
        return f"NULLIF({self.attribute(operand)}, 'null'::jsonb)"

    def _leaf(self, leaf: Compare | OneOf | Matches | Exists) -> str:
        if isinstance(leaf.operand, Attribute):
            return self._attribute_leaf(leaf, leaf.operand)
        kind = FIELDS[leaf.operand.name].kind
        column = _COLUMNS[leaf.operand.name]
        match leaf:
            case Compare(_, comparison, value):
                bound = self.bind(value, _TYPE_OF_KIND[kind])
                if kind is Kind.TEXT and comparison is not Comparison.EQ:
                    column = _by_code_point(column)
                return f"{column} {_SIGNS[comparison]} {bound}"
            case OneOf(_, values):
                return f"{column} = ANY({self.bind(list(values), f'{_TYPE_OF_KIND[kind]}[]')})"
            case Matches(_, pattern, ignore_case):
                return self._like(column, pattern, ignore_case=ignore_case)
            case Exists():
                return f"{column} IS NOT NULL"

    def _like(self, text: str, pattern: str, *, ignore_case: bool) -> str:
        operator = "ILIKE" if ignore_case else "LIKE"
        return f"{_by_code_point(text)} {operator} {self.bind(pattern, 'text')}"

    def _attribute_leaf(
        self, leaf: Compare | OneOf | Matches | Exists, attribute: Attribute
    ) -> str:
        match leaf:
            case Compare(_, Comparison.EQ, value):
                return self._contains(attribute, value)
            case OneOf(_, values):
                found = [self._contains(attribute, value) for value in values]
                return f"({' OR '.join(found)})" if found else "false"
            case _:
                return self._typed_leaf(leaf, self.attribute(attribute))

    def _typed_leaf(self, leaf: Compare | Matches | Exists, stored: str) -> str:
        match leaf:
            case Compare(_, comparison, str() as value):
                compared = f"{_by_code_point(_text(stored))} {_SIGNS[comparison]}"
                return f"({_is(stored, 'string')} AND {compared} {self.bind(value, 'text')})"
            case Compare(_, comparison, value):
                bound = self.bind(json.dumps(value), "jsonb")
                return f"({_is(stored, 'number')} AND {stored} {_SIGNS[comparison]} {bound})"
            case Matches(_, pattern, ignore_case):
                like = self._like(_text(stored), pattern, ignore_case=ignore_case)
                return f"({_is(stored, 'string')} AND {like})"
            case Exists():
                return f"jsonb_typeof({stored}) <> 'null'"

    def _contains(self, attribute: Attribute, value: Any) -> str:
        """Equality as typed containment, which the GIN index on attributes serves."""
        text = value.text if isinstance(value, JsonText) else json.dumps(value, ensure_ascii=False)
        whole = text
        for key in reversed(attribute.path):
            whole = f"{{{json.dumps(key, ensure_ascii=False)}: {whole}}}"
        contains = f"r.attributes @> {self.bind(whole, 'jsonb')}"
        if not isinstance(value, JsonText):
            return contains
        return f"({contains} AND {self.attribute(attribute)} = {self.bind(text, 'jsonb')})"

    def sort_keys(self, operand: Operand) -> list[str]:
        """What rows are ordered by, before the run id."""
        if isinstance(operand, Field):
            column = _COLUMNS[operand.name]
            if FIELDS[operand.name].kind in (Kind.TEXT, Kind.STATE):
                return [_by_code_point(f"left({column}, {SORTED_CHARACTERS})")]
            return [column]
        stored = self.attribute(operand)
        limited = f"GREATEST(LEAST({stored}, '{LARGEST}'::jsonb), '-{LARGEST}'::jsonb)"
        ranked = (
            f"CASE jsonb_typeof({stored}) WHEN 'string' THEN '{STRING}'::jsonb"
            f" WHEN 'array' THEN '{ARRAY}'::jsonb WHEN 'object' THEN '{OBJECT}'::jsonb"
            f" WHEN 'number' THEN {limited} ELSE {stored} END"
        )
        prefix = (
            f"CASE jsonb_typeof({stored}) WHEN 'string'"
            f" THEN left({_text(stored)}, {SORTED_CHARACTERS}) ELSE '' END"
        )
        return [ranked, _by_code_point(f"({prefix})")]

    def bind_key(self, operand: Operand, key: Any) -> list[str]:
        """The sort keys of a row as parameters."""
        if isinstance(operand, Field):
            return [self.bind(key, _TYPE_OF_KIND[FIELDS[operand.name].kind])]
        ranked, prefix = parts_of(key)
        return [self.bind(ranked, "jsonb"), self.bind(prefix, "text")]

    def present(self, operand: Operand) -> str:
        """True when there is a sort key, else false or NULL."""
        if isinstance(operand, Field):
            return f"{_COLUMNS[operand.name]} IS NOT NULL"
        return f"jsonb_typeof({self.attribute(operand)}) <> 'null'"


def _by_code_point(text: str) -> str:
    return f'{text} COLLATE "C"'


def _text(stored: str) -> str:
    return f"({stored} #>> '{{}}')"


def _is(stored: str, type_name: str) -> str:
    return f"jsonb_typeof({stored}) = '{type_name}'"


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL pieces (`key` is a row's sort key, as cursors carry it) and all their parameters."""

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
    clauses = _scope(compiler, namespace, condition)
    if nullable(order.operand):
        present = compiler.present(order.operand)
        clauses.append(f"({present}) IS NOT TRUE" if tail else present)
    keys = [] if order.operand == Field("id") else compiler.sort_keys(order.operand)
    sorted_by = ["r.id"] if tail else [*keys, "r.id"]
    if after is not None:
        bound = [] if tail or not keys else compiler.bind_key(order.operand, after.key)
        bound.append(compiler.bind(after.run_id, "uuid"))
        sign = "<" if order.descending else ">"
        clauses.append(f"({', '.join(sorted_by)}) {sign} ({', '.join(bound)})")
    direction = "DESC" if order.descending else "ASC"
    return Compiled(
        where=" AND ".join(clauses),
        order_by=", ".join(f"{key} {direction}" for key in sorted_by),
        key=f"({keys[0]})::text || {keys[1]}" if len(keys) == 2 else keys[0] if keys else "r.id",
        params=compiler.params,
    )


def compile_count(
    namespace: str | None,
    condition: Condition,
    group_by: Sequence[Operand] = (),
    *,
    read_at: datetime | None = None,
) -> tuple[list[str], str, dict[str, Any]]:
    """The grouping columns, the WHERE text of a count, and the parameters of both."""
    compiler = Compiler({"read_at": read_at})
    columns = [compiler.value(operand) for operand in group_by]
    return columns, " AND ".join(_scope(compiler, namespace, condition)), compiler.params


def _scope(compiler: Compiler, namespace: str | None, condition: Condition) -> list[str]:
    clauses: list[str] = []
    if namespace is not None:
        clauses.append(f"r.namespace = {compiler.bind(namespace, 'text')}")
    if condition != All():
        clauses.append(compiler.condition(condition))
    return clauses or ["true"]
