"""Which indexes could serve a page, as SQL: those to walk in the order, and those to probe.

Chosen from what a condition implies and which attribute indexes are declared; nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

from continuum.model import AttributeIndex, AttributeType
from continuum.query.compile import Compiler, Sorting, bind_position, compile_order
from continuum.query.cursor import Position
from continuum.query.fields import nullable
from continuum.query.ordering import STRING, TYPES, parts_of, type_place
from continuum.query.outline import (
    LIVE,
    STATES,
    about,
    about_leases,
    containment,
    values_of,
)
from continuum.query.tree import (
    Comparison,
    Condition,
    Exists,
    Field,
    Not,
    OneOf,
    Query,
    all_of,
)
from continuum.store.postgres.attribute_indexes import index_name
from continuum.store.postgres.index_ranges import (
    SQL_TYPE,
    key_bound,
    key_of_index,
    key_parts,
    key_range,
    presence,
)
from continuum.store.postgres.stretches import Stretch, namespaces_of

MAX_BRANCHES: Final = 12
"""So many parts of an index are merged into one order; planning each takes a while."""

_STARTED_AT: Final = Field("started_at")
_ERROR_FAMILY: Final = Field("error_family")
_INDEX: Final = "continuum_runs_{}_idx"


@dataclass(frozen=True, slots=True)
class Walk:
    """An index to be followed in the order of the answer.

    Attributes:
        index: its name.
        branches: conditions under which it is in that order, each for a part of the answer.
        declared: on an attribute; the server does not know how many runs have its value.
    """

    index: str
    branches: tuple[str, ...]
    declared: bool = False

    @property
    def counted(self) -> str:
        """A query whose estimated rows are those left to walk."""
        anywhere = " OR ".join(f"({branch})" for branch in self.branches)
        return f"SELECT 1 FROM continuum_runs r WHERE {anywhere}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Probe:
    """A set of runs that holds all matches, to be fetched as a whole when it is small.

    Attributes:
        strategy: as a plan names it.
        index: by which it is found.
        tables: FROM clause with the runs `r`, at most `%(bound)s` + 1 of them.
        counted: a query whose estimated rows are the size of the set.
        known: the index gives up after so many runs, so that no estimate is needed.
    """

    strategy: Literal["probe", "leases"]
    index: str
    tables: str
    counted: str
    known: bool = False


class Paths:
    """The ways to one stretch of a query's answer.

    Args:
        compiler: gathers the parameters of all SQL made here.
        query: with times pinned.
        stretch: the part of its order.
        indexes: declared on attributes.
    """

    def __init__(
        self,
        compiler: Compiler,
        query: Query,
        stretch: Stretch,
        indexes: Sequence[AttributeIndex],
    ) -> None:
        self._compiler = compiler
        self._order = query.order
        self._stretch = stretch
        self._indexes = [index for index in indexes if index.valid]
        membership: list[Condition] = []
        if nullable(query.order.operand):
            exists = Exists(query.order.operand)
            membership = [Not(exists) if stretch.tail else exists]
        self.condition = all_of([query.condition, *membership])
        self._namespaces = namespaces_of(query)
        self._states = values_of(self.condition, "state") or STATES
        self.impossible = self._namespaces == frozenset() or any(
            values_of(self.condition, name) == frozenset()
            for name in ("state", "workflow", "id", "key")
        )
        self.sorting = self._sorting()

    def where(self, position: Position | None) -> str:
        """What a match fulfils, given in SQL: all conditions, and that it follows the position."""
        clauses = [self._compiler.condition(self.condition)]
        if self._namespaces is not None:
            clauses.append(self._in("namespace", self._namespaces))
        if self.sorting.member is not None:
            clauses.append(self.sorting.member)
        return " AND ".join([*clauses, *self._after(position)])

    def walks(self, position: Position | None) -> list[Walk]:
        """Indexes in the order, the most promising first; none: it has to be sorted."""
        after = self._after(position)
        operand = self._order.operand
        if self._stretch.index is not None:
            return self._declared_walk(self._stretch.index, after)
        if self._stretch.tail or operand == _STARTED_AT:
            return self._walks_by_start(after)
        if operand == Field("id"):
            return [Walk("continuum_runs_pkey", (" AND ".join(after) or "true",))]
        if operand == Field("completed_at") and self._single_namespace:
            bounds = [self._compiler.condition(part) for part in about(self.condition, operand)]
            clauses = [self._scope(), "r.completed_at IS NOT NULL", *bounds, *after]
            return [Walk(_INDEX.format("namespace_completed"), (" AND ".join(clauses),))]
        return []

    def probes(self) -> list[Probe]:
        """Sets that may be small; an estimate tells."""
        return [
            *self._by_key(), *self._by_parent(), *self._by_family(), *self._by_lease(),
            *self._by_containment(),
        ]  # fmt: skip

    def id_probe(self) -> Probe | None:
        """The runs of which the condition gives the ids."""
        ids = values_of(self.condition, "id")
        if not ids:
            return None
        bound = self._compiler.bind(sorted(ids), "uuid[]")
        return self._of_runs("continuum_runs_pkey", f"r.id = ANY({bound})", known=True)

    def range_probe(self, walked: str | None = None) -> Probe | None:
        """A range of a declared index; a few of its entries tell whether it is small.

        Args:
            walked: the index in whose order the answer is looked for already.
        """
        for index in self._indexes if self._single_namespace else ():
            clauses = key_range(self._compiler, index, self.condition)
            if clauses and index != self._stretch.index and index_name(index.id) != walked:
                where = " AND ".join([self._scope(), presence(index), *clauses])
                return self._of_runs(index_name(index.id), where, known=True)
        return None

    # -- walks ---------------------------------------------------------------------------------

    @property
    def _single_namespace(self) -> bool:
        return self._namespaces is not None and len(self._namespaces) == 1

    def _walks_by_start(self, after: list[str]) -> list[Walk]:
        bounds = [self._compiler.condition(part) for part in about(self.condition, _STARTED_AT)]
        rest = [*bounds, *after]

        def walk(index: str, prefixes: Iterable[Iterable[str]]) -> Walk:
            branches = [" AND ".join([*prefix, *rest]) or "true" for prefix in prefixes]
            return Walk(index, tuple(branches))

        if self._namespaces is None or len(self._namespaces) > MAX_BRANCHES:
            return [walk(_INDEX.format("started"), [[]])]
        scopes = [self._is("namespace", name) for name in sorted(self._namespaces)]
        found = [walk(_INDEX.format("namespace_started"), [[scope] for scope in scopes])]
        states, workflows = self._states, values_of(self.condition, "workflow")
        keys = values_of(self.condition, "key")
        if keys and len(keys) * len(scopes) <= MAX_BRANCHES:
            branches = product([self._is("key", key) for key in sorted(keys)], scopes)
            return [walk(_INDEX.format("key"), branches)]
        narrowed: list[Walk] = []
        for name, values in (("workflow", workflows), ("state", states)):
            if values is None or values == STATES or len(values) * len(scopes) > MAX_BRANCHES:
                continue
            narrowed.append(walk(
                _INDEX.format(f"namespace_{name}_started"),
                product(scopes, [self._is(name, value) for value in sorted(values)]),
            ))  # fmt: skip
        if len(narrowed) == 2 and states <= LIVE:
            narrowed.reverse()  # hardly any runs are live
        return [*self._equal_walks(rest), *narrowed, *([] if narrowed else found)]

    def _equal_walks(self, rest: list[str]) -> list[Walk]:
        """Declared indexes of an attribute that has to have one value: in order of the start."""
        found: list[Walk] = []
        if not self._single_namespace:
            return found
        for index in self._indexes:
            for part in key_parts(index, self.condition):
                if part.comparison is Comparison.EQ:
                    clauses = [
                        self._scope(),
                        presence(index),
                        key_bound(self._compiler, index, part),
                    ]
                    branch = " AND ".join([*clauses, *rest])
                    found.append(Walk(index_name(index.id), (branch,), declared=True))
        return found

    def _declared_walk(self, index: AttributeIndex, after: list[str]) -> list[Walk]:
        clauses = [
            self._scope(),
            presence(index),
            *key_range(self._compiler, index, self.condition),
            *after,
        ]
        return [Walk(index_name(index.id), (" AND ".join(clauses),))]

    # -- probes --------------------------------------------------------------------------------

    def _by_parent(self) -> Iterable[Probe]:
        parents = values_of(self.condition, "parent_id")
        if parents:
            bound = self._compiler.bind(sorted(parents), "uuid[]")
            yield self._of_runs(_INDEX.format("parent"), f"r.parent_id = ANY({bound})")

    def _by_key(self) -> Iterable[Probe]:
        keys = values_of(self.condition, "key")
        if keys:
            bound = self._compiler.bind(sorted(keys), "text[]")
            yield self._of_runs(_INDEX.format("key"), f"r.key = ANY({bound})")

    def _by_family(self) -> Iterable[Probe]:
        families = values_of(self.condition, "error_family")
        if families:
            # The index is of failed runs alone; only they have a family.
            failed = OneOf(_ERROR_FAMILY, tuple(sorted(families)))
            where = f"r.state = 'failed' AND {self._compiler.condition(failed)}"
            yield self._of_runs(_INDEX.format("error_family"), where)

    def _by_containment(self) -> Iterable[Probe]:
        served = containment(self.condition)
        if served is not None:
            where = self._compiler.containment(served)
            yield self._of_runs(_INDEX.format("attributes_gin"), where)

    def _by_lease(self) -> Iterable[Probe]:
        if not self._states <= LIVE:
            return
        parts = [self._compiler.condition(part) for part in about_leases(self.condition)]
        rows = f"FROM continuum_leases l WHERE {' AND '.join(parts) or 'true'}"
        tables = (
            f"(SELECT l.* {rows} LIMIT %(bound)s + 1) l JOIN continuum_runs r ON r.id = l.run_id"
        )
        yield Probe("leases", "continuum_leases_pkey", tables, f"SELECT 1 {rows}")

    def _of_runs(self, index: str, where: str, *, known: bool = False) -> Probe:
        rows = f"FROM continuum_runs r WHERE {where}"
        tables = f"(SELECT r.* {rows} LIMIT %(bound)s + 1) r"
        return Probe("probe", index, tables, f"SELECT 1 {rows}", known)

    # -- pieces --------------------------------------------------------------------------------

    def _sorting(self) -> Sorting:
        stretch, order = self._stretch, self._order
        sorting = compile_order(self._compiler, order, tail=stretch.tail, types=stretch.types)
        if stretch.index is None:
            return sorting
        key = key_of_index(stretch.index)
        shown = (
            f"'{STRING}' || {key}" if stretch.index.type is AttributeType.TEXT else f"{key}::text"
        )
        columns = (key, *sorting.columns[-2:])
        return replace(sorting, member=presence(stretch.index), columns=columns, key=shown)

    def _after(self, position: Position | None) -> list[str]:
        """Nothing when the position lies before this stretch."""
        stretch = self._stretch
        if position is None or (stretch.tail and not position.tail):
            return []
        key = None if position.key is None else str(position.key)
        if stretch.types and key and type_place(key) < TYPES.index(stretch.types[0]):
            return []
        if stretch.index is None:
            bounds = bind_position(self._compiler, self._order, position)
        else:
            ranked, text = parts_of(str(position.key))
            value = text if ranked == STRING else ranked
            bounds = [
                self._compiler.bind(value, SQL_TYPE[stretch.index.type]),
                self._compiler.bind(position.started_at, "timestamptz"),
                self._compiler.bind(position.run_id, "uuid"),
            ]
        return [self.sorting.after(bounds)]

    def _scope(self) -> str:
        assert self._namespaces is not None
        [name] = self._namespaces
        return self._is("namespace", name)

    def _is(self, column: str, value: Any) -> str:
        return f"r.{column} = {self._compiler.bind(value, 'text')}"

    def _in(self, column: str, values: Iterable[Any]) -> str:
        return f"r.{column} = ANY({self._compiler.bind(sorted(values), 'text[]')})"
