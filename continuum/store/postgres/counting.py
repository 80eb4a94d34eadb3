"""Numbers of runs: from the counters, from one statement, or in windows while a budget lasts.

All statements of one count see the same snapshot, so windows that reach the oldest run add up to
the exact number; windows that do not, to a number that is at least right.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, AsyncCursor, errors

from continuum.errors import QueryError
from continuum.model import AttributeIndex, Plan, Stamp, Step
from continuum.query.compile import Compiler, compile_count
from continuum.query.fields import check_groupable
from continuum.query.outline import is_of_leases, reads_attributes
from continuum.query.times import pin
from continuum.query.tree import All, Compare, Comparison, Condition, Field, Operand, Query, all_of
from continuum.store.postgres.asking import (
    RESERVE,
    OutOfTime,
    Statement,
    ask,
    connection_within,
)
from continuum.store.postgres.attribute_indexes import DeclaredIndexes, index_name
from continuum.store.postgres.count_windows import (
    Windows,
    by_key,
    by_start,
    window_statement,
)
from continuum.store.postgres.counters import COUNTERS, RUNS, CountSource, count_source
from continuum.store.postgres.reads import Pool
from continuum.store.postgres.server_state import SERVER_STATE, ServerState, state_of
from continuum.store.postgres.session import Row
from continuum.store.postgres.tally import MAX_GROUPS, Tally
from continuum.store.reading import Counts
from continuum.system import monotonic

COST_SECONDS: Final = 3e-6
"""Seconds that a unit of the planner's cost takes when indexes do most of the work; measured with
most of the table in memory. Reading whole tables takes twice as long."""

CHEAP: Final = 1_000
"""Units of the planner's cost up to which no other way is looked for."""

COSTLY: Final = 20_000
"""Units from which on a declared index is gone through, though the plan needs no attribute."""

ROWS_PER_COST: Final = 4
"""So many runs are filtered in windows in the time that a unit of the planner's cost takes, where
it has to look up common values in the index of attributes."""

ATTRIBUTES: Final = "continuum_runs_attributes_gin_idx"

TRY: Final = 0.5
"""The share of what is left of a budget for one statement that may be enough."""

LARGEST_WINDOW: Final = 500_000

GROWTH: Final = 10
"""So many times more runs than in a window are in the next one at most: planning each takes as long
as looking at a thousand."""

_DAY: Final = 86_400.0

_SHORTEST: Final = 0.002
"""Seconds below which no further window is begun."""

_BEGIN: Final[LiteralString] = (
    SERVER_STATE
    + """,
       set_config('statement_timeout', %s, true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 65536)
                  || 'kB', true),
       set_config('enable_sort', 'off', true)"""
)
"""One process: a count leaves the others to whoever works, and knows what it has read itself.
Memory for a bitmap of all matches: one that names pages only has all their rows read.
Groups are hashed: there are never many, but the server expects too few to bother."""

_LIMIT: Final[LiteralString] = "SELECT set_config('statement_timeout', %s, true)"

_ROWS_READ: Final[LiteralString] = """
SELECT pg_stat_get_xact_tuples_returned(t) + pg_stat_get_xact_tuples_fetched(t) + (
    SELECT coalesce(sum(CASE WHEN i.indexrelid::regclass::text = ANY (%s)
                             THEN pg_stat_get_xact_tuples_returned(i.indexrelid)
                             ELSE pg_stat_get_xact_tuples_fetched(i.indexrelid) END), 0)
    FROM pg_index i WHERE i.indrelid = t)::bigint
FROM (SELECT 'public.continuum_runs'::regclass::oid AS t) runs"""
"""So many since some moment before: rows of the table, and entries of indexes read alone."""


class PostgresCounting:
    """Answers how many runs match."""

    def __init__(self, pool: Pool, statement_timeout: float = 10.0) -> None:
        self._pool = pool
        self._timeout = statement_timeout
        self._indexes = DeclaredIndexes(pool, statement_timeout)

    async def count(
        self, query: Query, group_by: Sequence[Operand], *, budget: float | None = None
    ) -> Counts:
        """Numbers of matches, per combination of the grouping operands, largest first.

        Raises:
            QueryError: too many groups, or without a budget it took too long.
            StoreUnavailable: no connection was free in time, or the database does not answer.
        """
        for operand in group_by:
            check_groupable(operand)
        began = monotonic()
        seconds = self._timeout if budget is None else budget
        if count_source(query.condition, group_by) is COUNTERS:
            return await self._from_counters(query, group_by, began, seconds)
        until = began + seconds - min(RESERVE, seconds / 10)
        indexes = await self._indexes.known(seconds) if reads_attributes(query) else ()
        async with _snapshot(self._pool, until, self._timeout) as (connection, server):
            condition = pin(_scoped(query), server.at)
            count = _Count(connection, condition, group_by, server.at, indexes)
            complete = await count.from_runs(until, exact=budget is None)
            if budget is None and not complete:
                raise QueryError(
                    f"counting took longer than {self._timeout:g} s",
                    hint="a budget gives at least so many: --budget SECONDS, or budget= of"
                    " counts(); or add a condition on state, workflow or started_at",
                )
        return _counts(count.tally, count.steps, server, began, complete=complete)

    async def _from_counters(
        self, query: Query, group_by: Sequence[Operand], began: float, seconds: float
    ) -> Counts:
        """Add up the numbers that are kept; exact whatever the budget, as it takes a moment."""
        columns, where, parameters = compile_count(None, _scoped(query), group_by)
        statement = _whole(columns, where, parameters, COUNTERS, also=", count(*)")
        try:
            answers = await ask(self._pool, [statement], seconds, allowed=self._timeout)
        except OutOfTime:
            raise QueryError(f"counting took longer than {self._timeout:g} s") from None
        tally = Tally.of(group_by)
        [rows] = answers.rows
        found, kept = tally.add([row[:-1] for row in rows]), sum(row[-1] for row in rows)
        step = Step("counters", None, kept, found, monotonic() - began)
        return _counts(tally, [step], answers.server, began, complete=True)


def _counts(
    tally: Tally, steps: Iterable[Step], server: ServerState, began: float, *, complete: bool
) -> Counts:
    stamp = Stamp(
        server.at, monotonic() - began, server.source, server.lag, complete, exact=complete
    )
    return Counts(tally.largest_first(), stamp, Plan(tuple(steps)))


def _whole(
    columns: Sequence[str], where: str, parameters: Mapping[str, Any], source: CountSource,
    also: str = "",
) -> Statement:  # fmt: skip
    """The statement that counts all at once: key, number, `also` of each group."""
    tables, number = source
    selected = ", ".join([*columns, number])
    statement = f"SELECT {selected}{also} FROM {tables} WHERE {where}"  # noqa: S608
    if columns:
        positions = ", ".join(str(index + 1) for index in range(len(columns)))
        statement += f" GROUP BY {positions} HAVING {number} <> 0 LIMIT {MAX_GROUPS + 1}"
    return Statement(statement, parameters)


@asynccontextmanager
async def _snapshot(
    pool: Pool, until: float, longest: float
) -> AsyncGenerator[tuple[AsyncConnection[Row], ServerState]]:
    """A transaction whose statements all see the same runs; waits for a connection until then."""
    async with (
        connection_within(pool, until - monotonic()) as connection,
        connection.transaction(),
    ):
        async with connection.pipeline():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            looked = await connection.execute(_BEGIN, [str(round(longest * 1000))])
        [row] = await looked.fetchall()
        try:
            yield connection, state_of(row)
        except errors.QueryCanceled:
            raise QueryError(
                f"the answer took longer than {longest:g} s",
                hint="add a condition on state, workflow or an attribute",
            ) from None


class _Count:
    """One count: what has been added up, and the steps that did it."""

    def __init__(
        self,
        connection: AsyncConnection[Row],
        condition: Condition,
        group_by: Sequence[Operand],
        read_at: datetime,
        indexes: Sequence[AttributeIndex],
    ) -> None:
        self._indexes = indexes
        self._connection = connection
        self._condition = condition
        self._read_at = read_at
        self._group_by = group_by
        self.tally = Tally.of(group_by)
        self.steps: list[Step] = []

    async def from_runs(self, deadline: float, *, exact: bool) -> bool:
        """Count all at once if that may be done by then, else window after window.

        Args:
            deadline: when to stop, on the monotonic clock.
            exact: whether less than all is of no use.

        Answers whether nothing is left to be counted.
        """
        columns, where, compiler = self._compiled(self._condition)
        whole = await self._explained(*_whole(columns, where, compiler.params, RUNS))
        guessed = whole.cost > CHEAP and (whole.by_attributes or whole.cost > COSTLY)
        if guessed and (keyed := self._keyed()) is not None:
            return await self._walk(*keyed, deadline)
        windows = None if whole.cost <= CHEAP else await self._explained(*self._window())
        left = deadline - monotonic()
        if (exact or whole.cost * COST_SECONDS <= left) and (
            windows is None or windows.rows > ROWS_PER_COST * whole.cost
        ):
            if await self._at_once(whole, left if exact else TRY * left):
                return True
            if exact:
                return False
        windows = windows or await self._explained(*self._window())
        return await self._walk(windows.indexes, windows.asked, deadline)

    async def _at_once(self, whole: _Explained, seconds: float) -> bool:
        began, before = monotonic(), await self._rows_read(whole)
        found, enough = 0, True
        try:
            async with self._connection.transaction():
                rows = await self._rows_within(seconds, *whole.asked)
            found = self.tally.add(rows)
        except errors.QueryCanceled:
            enough = False
        read = await self._rows_read(whole) - before
        self.steps.append(Step("count", whole.indexes, read, found, monotonic() - began))
        return enough

    async def _walk(self, index: str | None, windows: Statement, deadline: float) -> bool:
        """From the end of an index on, in windows that take a bounded time each."""
        statement, parameters = windows.text, dict(windows.parameters)
        began = monotonic()
        share, found, read, complete = (deadline - began) / 10, 0, 0, False
        try:
            while not complete and (left := deadline - monotonic()) > _SHORTEST:
                started = monotonic()
                rows = await self._rows_within(left, statement, parameters)
                found += self.tally.add([row[1:-1] for row in rows if row[0]])
                seen, wanted = sum(row[-2] for row in rows), parameters["wanted"]
                read += seen
                complete = seen < wanted
                if not complete:
                    parameters["before"] = min(row[-1] for row in rows)
                    now = monotonic()
                    fitting = wanted * min(share, (deadline - now) / 2) / (now - started)
                    parameters["wanted"] = int(
                        min(max(fitting, 100), GROWTH * wanted, LARGEST_WINDOW)
                    )
        except errors.QueryCanceled:  # and nothing more is asked in this transaction
            complete = False
        self.steps.append(Step("walk", index, read, found, monotonic() - began))
        return complete

    def _window(self) -> Statement:
        """The statement that counts the next runs, the newest first."""
        columns, _, compiler = self._compiled(All())
        return self._through(by_start(self._condition), columns, compiler)

    def _keyed(self) -> tuple[str, Statement] | None:
        """A declared index, and the same in its order."""
        columns, _, compiler = self._compiled(All())
        found = by_key(self._condition, self._indexes, compiler)
        if found is None:
            return None
        index, windows = found
        return index_name(index.id), self._through(windows, columns, compiler)

    def _through(self, windows: Windows, columns: Sequence[str], compiler: Compiler) -> Statement:
        leases = any(is_of_leases(operand) for operand in self._group_by)
        return window_statement(windows, columns, compiler, MAX_GROUPS + 2, leases=leases)

    def _compiled(self, condition: Condition) -> tuple[list[str], str, Compiler]:
        columns, where, parameters = compile_count(
            None, condition, self._group_by, read_at=self._read_at
        )
        return columns, where, Compiler(parameters)

    async def _rows_within(
        self, seconds: float, statement: str, parameters: Mapping[str, Any]
    ) -> list[Row]:
        """In one round trip. Raises `QueryCanceled`; the transaction has failed then."""
        try:
            async with self._connection.pipeline():
                await self._limit(seconds)
                cursor = await self._sent(statement, parameters)
                await self._limit(_DAY)  # or it strikes as the transaction ends
        except errors.PipelineAborted as error:  # which is what the last statement meets
            raise errors.QueryCanceled from error
        return await cursor.fetchall()

    async def _limit(self, seconds: float) -> None:
        milliseconds = max(1, round(min(seconds, _DAY) * 1000))
        await self._connection.execute(_LIMIT, [str(milliseconds)])

    async def _sent(self, statement: str, parameters: Mapping[str, Any]) -> AsyncCursor[Row]:
        # Never prepared: a plan for any parameters would not fit these.
        return await self._connection.execute(statement.encode(), parameters, prepare=False)

    async def _explained(self, statement: str, parameters: Mapping[str, Any]) -> _Explained:
        sent = await self._sent(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        [(found,)] = await sent.fetchall()
        return _Explained(statement, parameters, found[0]["Plan"])

    async def _rows_read(self, plan: _Explained) -> int:
        [(rows,)] = await (await self._connection.execute(_ROWS_READ, [plan.alone])).fetchall()
        return rows


class _Explained:
    """A statement, and what is of interest in the server's plan for it.

    Attributes:
        asked: the statement.
        cost: in units of the planner.
        rows: below the innermost limit, such as those of all windows together.
        indexes: names of those it uses, None for none.
        alone: names of those that it reads without the table.
        by_attributes: whether it reads runs by the index of all attributes, or all there are.
    """

    def __init__(self, statement: str, parameters: Mapping[str, Any], plan: dict[str, Any]) -> None:
        self.asked = Statement(statement, parameters)
        nodes = list(_nodes(plan))
        names = [node["Index Name"] for node in nodes if "Index Name" in node]
        limited = [node["Plans"][0] for node in nodes if node["Node Type"] == "Limit"]
        self.cost = float(plan["Total Cost"])
        self.rows = float((limited or nodes)[-1]["Plan Rows"])
        self.indexes = ", ".join(dict.fromkeys(names)) or None
        self.by_attributes = not names or ATTRIBUTES in names
        self.alone = [
            node["Index Name"] for node in nodes if node["Node Type"] == "Index Only Scan"
        ]


def _nodes(plan: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _scoped(query: Query) -> Condition:
    if query.namespace is None:
        return query.condition
    return all_of([Compare(Field("namespace"), Comparison.EQ, query.namespace), query.condition])
