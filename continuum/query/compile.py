"""A query's tree to SQL text and parameters.

Values are always parameters, attribute keys too; the text is made of the pieces written here and
of nothing else. Negation is pushed down to the comparisons, where `IS NOT TRUE` makes a missing
value count as false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString, assert_never

from continuum.query.cursor import Position
from continuum.query.fields import FIELDS, Kind, nullable
from continuum.query.ordering import (
    ARRAY,
    LARGEST,
    OBJECT,
    SCALE,
    SORTED_CHARACTERS,
    STRING,
    TYPES,
    parts_of,
    type_place,
)
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

_TIES: Final = ("r.started_at", "r.id")
_STUCK: Final = """(l.run_id IS NOT NULL AND l.version_id # (l.version_id >> 63) NOT IN (
    SELECT v.version_id FROM continuum_node_versions v JOIN continuum_nodes n ON n.id = v.node_id
    WHERE n.dead_at IS NULL AND n.expires_at > statement_timestamp()))"""
"""Not correlated, so that the versions that can run are gathered once, not for every run."""

PAUSED: Final[LiteralString] = """(l.run_id IS NOT NULL AND (l.version_id < 0 OR EXISTS (
    SELECT FROM continuum_pauses p
    WHERE p.lifted_at IS NULL AND p.queue IS NULL AND EXISTS (
        SELECT FROM continuum_runs s
        WHERE s.id = l.run_id AND (p.namespace IS NULL OR p.namespace = s.namespace)
          AND (p.workflow IS NULL OR p.workflow = s.workflow)))))"""
"""By itself, or with its namespace or its workflow. It names nothing but the lease."""

_COLUMNS: Final[dict[str, str]] = {
    **{name: f"r.{name}" for name in (
        "id", "namespace", "key", "workflow", "version", "version_hash", "state", "started_at",
        "updated_at", "completed_at", "parent_id", "error_type", "incarnation",
    )},
    "error": "r.error_message",
    "error_family": "continuum_error_family(r.state, r.error_type, r.error_message)",
    # A run that started after the pinned moment has lasted no time, rather than less.
    "duration": "GREATEST(EXTRACT(EPOCH FROM COALESCE(r.completed_at, "
                f"{READ_AT}) - r.started_at), 0)",
    "owner": "l.lease_owner::text",
    "waiting_on": "l.waiting_on",
    "stuck": _STUCK,
    "paused": PAUSED,
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
        contains = self._holds(attribute, value)
        if not isinstance(value, JsonText):
            return contains
        return f"({contains} AND {self.attribute(attribute)} = {self.bind(value.text, 'jsonb')})"

    def _holds(self, attribute: Attribute, value: Any) -> str:
        whole = value.text if isinstance(value, JsonText) else json.dumps(value, ensure_ascii=False)
        for key in reversed(attribute.path):
            whole = f"{{{json.dumps(key, ensure_ascii=False)}: {whole}}}"
        return f"r.attributes @> {self.bind(whole, 'jsonb')}"

    def containment(self, condition: Condition) -> str:
        """What `outline.containment` found, as the index on all attributes serves it."""
        match condition:
            case All(parts) | AnyOf(parts):
                joined = " AND " if isinstance(condition, All) else " OR "
                return f"({joined.join(map(self.containment, parts))})"
            case Compare(Attribute() as attribute, _, value):
                return self._holds(attribute, value)
            case OneOf(Attribute() as attribute, values):
                return f"({' OR '.join(self._holds(attribute, value) for value in values)})"
            case Exists(Attribute((key,))):
                return f"r.attributes ? {self.bind(key, 'text')}"
            case _:
                raise TypeError(f"no index serves {condition}")

    def sort_keys(self, order: Order) -> list[str]:
        """What runs with a value are ordered by, before their start and id."""
        operand = order.operand
        if isinstance(operand, Field):
            column = _COLUMNS[operand.name]
            if FIELDS[operand.name].kind in (Kind.TEXT, Kind.STATE):
                return [_by_code_point(f"left({column}, {SORTED_CHARACTERS})")]
            return [column]
        stored = self.attribute(operand)
        places = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(TYPES))
        # The types keep their order when the values in them are turned round.
        place = f"{'-' if order.descending else ''}(CASE jsonb_typeof({stored}) {places} END)"
        number = (
            f"to_jsonb(trim_scale(round(least(greatest({_text(stored)}::numeric, -{LARGEST}),"
            f" {LARGEST}), {SCALE})))"
        )
        ranked = (
            f"CASE jsonb_typeof({stored}) WHEN 'string' THEN '{STRING}'::jsonb"
            f" WHEN 'array' THEN '{ARRAY}'::jsonb WHEN 'object' THEN '{OBJECT}'::jsonb"
            f" WHEN 'number' THEN {number} ELSE {stored} END"
        )
        prefix = (
            f"CASE jsonb_typeof({stored}) WHEN 'string'"
            f" THEN left({_text(stored)}, {SORTED_CHARACTERS}) ELSE '' END"
        )
        return [place, ranked, _by_code_point(f"({prefix})")]

    def bind_key(self, order: Order, key: Any) -> list[str]:
        """The sort keys of a row as parameters."""
        if isinstance(order.operand, Field):
            return [self.bind(key, _TYPE_OF_KIND[FIELDS[order.operand.name].kind])]
        ranked, prefix = parts_of(key)
        place = -type_place(key) if order.descending else type_place(key)
        return [
            self.bind(place, "integer"), self.bind(ranked, "jsonb"), self.bind(prefix, "text"),
        ]  # fmt: skip

    def types(self, attribute: Attribute, names: Iterable[str]) -> str:
        """The attribute is of one of these JSON types."""
        return f"jsonb_typeof({self.attribute(attribute)}) = ANY({self.bind([*names], 'text[]')})"

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
class Sorting:
    """How one part of an order sorts, as SQL.

    Attributes:
        member: which runs are in the part; None: all.
        columns: what they are sorted by, all in one direction.
        key: a run's sort key, as cursors carry it.
        descending: that direction.
    """

    member: str | None
    columns: tuple[str, ...]
    key: str
    descending: bool

    @property
    def order_by(self) -> str:
        """The columns for an ORDER BY."""
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}" for column in self.columns)

    def after(self, bounds: Sequence[str]) -> str:
        """What follows the run with these values of the columns."""
        sign = "<" if self.descending else ">"
        return f"({', '.join(self.columns)}) {sign} ({', '.join(bounds)})"


def compile_order(
    compiler: Compiler, order: Order, *, tail: bool, types: Iterable[str] | None = None
) -> Sorting:
    """The runs with a value to sort by (of these JSON types), or the tail of those without one."""
    present = compiler.present(order.operand) if nullable(order.operand) else None
    if tail:
        return Sorting(f"({present}) IS NOT TRUE", (*_TIES,), "NULL", order.descending)
    if order.operand == Field("id"):
        return Sorting(None, ("r.id",), "r.id", order.descending)
    keys = compiler.sort_keys(order)
    if types is not None and isinstance(order.operand, Attribute):
        present = compiler.types(order.operand, types)
    key = f"({keys[1]})::text || {keys[2]}" if len(keys) == 3 else keys[0]
    ties = [column for column in _TIES if column not in keys]
    return Sorting(present, (*keys, *ties), key, order.descending)


def bind_position(compiler: Compiler, order: Order, position: Position) -> list[str]:
    """The values of the columns of `compile_order` for the run at that place."""
    run_id = compiler.bind(position.run_id, "uuid")
    if order.operand == Field("id"):
        return [run_id]
    started_at = compiler.bind(position.started_at, "timestamptz")
    if position.tail or order.operand == Field("started_at"):
        return [started_at, run_id]
    return [*compiler.bind_key(order, position.key), started_at, run_id]


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
