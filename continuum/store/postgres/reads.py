"""Snapshots, journals, ends and attributes of single runs, for clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection, errors
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from continuum.codec.attributes import MAX_ATTRIBUTES
from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import any_opens, shown_payload
from continuum.errors import AttributesError, QueryError
from continuum.journal.ends import Failure, RunEnd
from continuum.model import (
    MAX_SHOWN_PAYLOAD,
    HistoryEvent,
    Page,
    Run,
    RunState,
    ServerInfo,
)
from continuum.operators.acts import Act, acts_range, with_acts
from continuum.query.tree import Operand, Query
from continuum.store.postgres.recording import act_of, record
from continuum.store.postgres.run_rows import RUN_COLUMNS, snapshot, stored
from continuum.store.postgres.session import Row, Session, transient_errors
from continuum.store.reading import Counts, KeyMatch, Stretch

if TYPE_CHECKING:
    from continuum.store.postgres.page_bounds import Bounds
    from continuum.store.postgres.search import PostgresSearch

Pool = AsyncConnectionPool[AsyncConnection[Any]]

MAX_ACTS: Final = 5000
"""Acts of operators on a page of a history."""

RUN_TABLES: Final[LiteralString] = """
    continuum_runs r LEFT JOIN continuum_leases l ON l.run_id = r.id"""

_WITHIN: Final[LiteralString] = "(%(namespace)s::text IS NULL OR r.namespace = %(namespace)s)"

_GET_RUN: Final[LiteralString] = f"""
SELECT {RUN_COLUMNS}
FROM {RUN_TABLES}
WHERE r.id = %(run_id)s AND {_WITHIN}"""  # noqa: S608

_FIND_KEY: Final[LiteralString] = f"""
WITH matching AS (
    SELECT r.id, r.namespace, r.workflow, r.state, r.started_at, 0 AS way
    FROM continuum_runs r WHERE r.key = %(key)s AND {_WITHIN}
    UNION ALL
    SELECT r.id, r.namespace, r.workflow, r.state, r.started_at, 1
    FROM continuum_runs r WHERE r.key = %(rest)s::text AND {_WITHIN}
      AND (r.workflow = %(workflow)s
           OR right(r.workflow, length(%(workflow)s) + 1) = ':' || %(workflow)s)
)
SELECT DISTINCT ON (m.namespace, m.workflow) m.id, m.namespace, m.workflow, m.state
FROM matching m
WHERE m.way = (SELECT min(way) FROM matching)
ORDER BY m.namespace, m.workflow, (m.state IN ('running', 'suspended')) DESC, m.started_at DESC,
         m.id DESC"""  # noqa: S608
"""`way` 1 is `workflow/key`, of interest when no run has the whole text as its key."""

_ENDS: Final[LiteralString] = f"""
SELECT r.id, r.state, r.result, r.error_type, r.error_message, r.error_details
FROM continuum_runs r
WHERE r.id = ANY(%(run_ids)s) AND {_WITHIN}"""  # noqa: S608

_RUN_EXISTS: Final[LiteralString] = f"""
SELECT 1 FROM continuum_runs r WHERE r.id = %(run_id)s AND {_WITHIN}"""  # noqa: S608

_EVENTS: Final[LiteralString] = """
SELECT seq, incarnation, type, command, octet_length(payload),
       CASE WHEN octet_length(payload) <= %(shown)s THEN payload END, at
FROM continuum_events
WHERE run_id = %(run_id)s AND seq > %(after)s AND seq < %(before)s"""

_OLDEST: Final[LiteralString] = f"{_EVENTS} ORDER BY seq LIMIT %(limit)s"
_NEWEST: Final[LiteralString] = f"{_EVENTS} ORDER BY seq DESC LIMIT %(limit)s"
_PUBLISHED: Final[LiteralString] = """
SELECT name, value FROM continuum_published WHERE run_id = %(run_id)s
ORDER BY name COLLATE "C"
"""
_LIVE_INPUTS: Final[LiteralString] = """
(SELECT r.input FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id
 ORDER BY l.run_id LIMIT 5)
UNION ALL
(SELECT r.input FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id
 ORDER BY l.run_id DESC LIMIT 5)
"""
_NO_END: Final = 2**63 - 1
"""Larger than any seq."""

_ACTS: Final[LiteralString] = """
SELECT j.after_seq, j.id, j.at, j.operator, j.host, j.program, j.act, j.namespace, j.run_id,
       j.reason, coalesce(j.expression, p.expression), j.plan_id, j.outcome, j.detail
FROM continuum_operator_journal j LEFT JOIN continuum_plans p ON p.id = j.plan_id
WHERE j.run_id = %(run_id)s AND j.after_seq BETWEEN %(first)s AND %(last)s
ORDER BY j.after_seq, j.id
LIMIT %(acts)s"""

_NAMESPACES: Final[LiteralString] = """
WITH RECURSIVE found AS (
    (SELECT namespace FROM continuum_runs ORDER BY namespace LIMIT 1)
    UNION ALL
    SELECT (SELECT r.namespace FROM continuum_runs r
            WHERE r.namespace > found.namespace ORDER BY r.namespace LIMIT 1)
    FROM found WHERE found.namespace IS NOT NULL
)
SELECT namespace FROM found WHERE namespace IS NOT NULL"""
"""Skips from one namespace to the next in the index, however many runs each has."""

_SERVER: Final[LiteralString] = """
SELECT current_user, current_database(), current_setting('server_version'), pg_is_in_recovery(),
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'
       OR NOT coalesce(has_any_column_privilege(
         to_regclass('continuum_operator_journal'), 'INSERT'), true)"""

_MERGE_ATTRIBUTES: Final[LiteralString] = f"""
UPDATE continuum_runs r
SET attributes = (r.attributes - %(unset)s::text[]) || %(attributes)s,
    updated_at = clock_timestamp()
WHERE r.id = %(run_id)s AND {_WITHIN}
RETURNING octet_length(r.attributes::text)"""  # noqa: S608


@asynccontextmanager
async def bounded(
    pool: Pool, seconds: float, *, one_snapshot: bool = False
) -> AsyncGenerator[AsyncConnection[Row]]:
    """A transaction that the server ends after `seconds` of one statement.

    Args:
        pool: autocommit connections.
        seconds: for each statement.
        one_snapshot: whether all its statements see the same runs.

    Raises:
        QueryError: a statement took longer.
        StoreUnavailable: the database does not answer.
    """
    with transient_errors():
        try:
            async with pool.connection() as connection, connection.transaction():
                if one_snapshot:
                    await connection.execute(
                        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                    )
                await connection.execute(
                    "SELECT set_config('statement_timeout', %s, true)",
                    [str(round(seconds * 1000))],
                )
                yield connection
        except errors.QueryCanceled:
            raise QueryError(
                f"the answer took longer than {seconds:g} s",
                hint="add a condition on state, workflow or an attribute",
            ) from None


class PostgresReads:
    """The reading half of the store; what searches need is loaded with the first one.

    Args:
        pool: autocommit connections.
        codec: opens stored payloads.
        statement_timeout: seconds one read may take.
        search_pool: where queries, counts and namespaces are read, such as a replica's.
        bounds: how much one statement of a query may look at.
    """

    def __init__(
        self,
        pool: Pool,
        codec: PayloadCodec,
        statement_timeout: float = 10.0,
        search_pool: Pool | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._pool = pool
        self._search_pool = search_pool or pool
        self._codec = codec
        self._timeout = statement_timeout
        self._bounds = bounds
        self._searching: PostgresSearch | None = None

    async def get_run(
        self, run_id: UUID, namespace: str | None, shown: int = MAX_SHOWN_PAYLOAD
    ) -> Run | None:
        """The run as it is now."""
        parameters = {
            "run_id": run_id, "namespace": namespace, "read_at": None, "shown": shown,
        }  # fmt: skip
        async with bounded(self._pool, self._timeout) as connection:
            row = await (await connection.execute(_GET_RUN, parameters)).fetchone()
        return None if row is None else snapshot(row, self._codec)

    async def find_key(self, key: str, namespace: str | None) -> Sequence[KeyMatch]:
        """The run of each namespace and workflow that has this key: the live one, else the last."""
        workflow, _, rest = key.partition("/")
        parameters = {
            "key": key, "workflow": workflow, "rest": rest or None, "namespace": namespace,
        }  # fmt: skip
        async with bounded(self._pool, self._timeout) as connection:
            rows = await (await connection.execute(_FIND_KEY, parameters)).fetchall()
        return [KeyMatch(row[0], row[1], row[2], RunState(row[3])) for row in rows]

    async def ends(
        self, run_ids: Sequence[UUID], namespace: str | None = None
    ) -> Mapping[UUID, RunEnd | None]:
        """How these runs ended, with the whole result (None: still live)."""
        parameters = {"run_ids": list(run_ids), "namespace": namespace}
        async with bounded(self._pool, self._timeout) as connection:
            rows = await (await connection.execute(_ENDS, parameters)).fetchall()
        return {row[0]: self._end(row) for row in rows}

    def _end(self, row: Row) -> RunEnd | None:
        _, state_name, result, error_type, message, details = row
        state = RunState(state_name)
        if not state.terminal:
            return None
        error = None
        if error_type is not None or message is not None:
            error = Failure(error_type or "", message or "", details)
        opened = None if result is None else shown_payload(self._codec, result)
        return RunEnd(state, opened, error)

    async def published(self, run_id: UUID, namespace: str | None) -> Mapping[str, bytes] | None:
        """The last value of each name that the run published; None when there is no such run."""
        parameters = {"run_id": run_id, "namespace": namespace}
        async with bounded(self._pool, self._timeout) as connection:
            known = await (await connection.execute(_RUN_EXISTS, parameters)).fetchone()
            if known is None:
                return None
            rows = await (await connection.execute(_PUBLISHED, parameters)).fetchall()
        return {name: shown_payload(self._codec, value) for name, value in rows}

    async def history(
        self, run_id: UUID, namespace: str | None, stretch: Stretch
    ) -> Sequence[HistoryEvent] | None:
        """The events of a stretch, oldest first; None when there is no such run."""
        before = _NO_END if stretch.before is None else stretch.before
        parameters = {
            "run_id": run_id, "namespace": namespace, "after": stretch.after, "before": before,
            "limit": stretch.limit, "shown": stretch.shown,
        }  # fmt: skip
        statement = _NEWEST if stretch.newest else _OLDEST
        async with bounded(self._pool, self._timeout) as connection:
            known = await (await connection.execute(_RUN_EXISTS, parameters)).fetchone()
            if known is None:
                return None
            rows = await (await connection.execute(statement, parameters)).fetchall()
            if stretch.newest:
                rows.reverse()
            events = [
                HistoryEvent(seq, incarnation, kind, command, stored(data, size, self._codec), at)
                for seq, incarnation, kind, command, size, data, at in rows
            ]
            if not stretch.operators:
                return events
            first, last = acts_range(events, stretch.after)
            wanted = {"run_id": run_id, "first": first, "last": last, "acts": MAX_ACTS}
            acts = await (await connection.execute(_ACTS, wanted)).fetchall()
        return with_acts(events, [(row[0], act_of(row[1:])) for row in acts])

    async def readable(self) -> bool:
        """See `ReadStore`."""
        async with bounded(self._pool, self._timeout) as connection:
            rows = await (await connection.execute(_LIVE_INPUTS)).fetchall()
        return any_opens(self._codec, [row[0] for row in rows])

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds a run, in code point order."""
        async with bounded(self._search_pool, self._timeout) as connection:
            rows = await (await connection.execute(_NAMESPACES)).fetchall()
        return sorted(row[0] for row in rows)

    async def server(self) -> ServerInfo:
        """Who and where the connection in use is."""
        async with bounded(self._pool, self._timeout) as connection:
            [row] = await (await connection.execute(_SERVER)).fetchall()
            host = connection.info.host
            port = connection.info.port
        user, database, version, replica, read_only = row
        shown = "socket" if host.startswith(("/", "@")) else host
        return ServerInfo(user, database, shown, port, version, replica, read_only)

    async def set_attributes(
        self,
        run_id: UUID,
        namespace: str | None,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        act: Act | None = None,
    ) -> bool:
        """Merge and remove top-level keys in one statement; whether the run exists (there).

        Raises:
            AttributesError: they would grow beyond the limit; nothing was changed.
        """
        parameters = {
            "run_id": run_id, "namespace": namespace, "attributes": Jsonb(dict(attributes)),
            "unset": list(unset),
        }  # fmt: skip
        async with bounded(self._pool, self._timeout) as connection:
            row = await (await connection.execute(_MERGE_ATTRIBUTES, parameters)).fetchone()
            if row is not None and row[0] > MAX_ATTRIBUTES:
                raise AttributesError(
                    f"run {run_id}: attributes would take {row[0]:,} bytes,"
                    f" more than the limit of {MAX_ATTRIBUTES:,}",
                    hint="remove keys in the same call with unset=",
                )
            if row is not None and act is not None:
                await record(
                    Session(connection), act, "changed", run_id=run_id, set=dict(attributes),
                    unset=list(unset),
                )  # fmt: skip
        return row is not None

    async def search(
        self,
        query: Query,
        limit: int,
        cursor: str | None,
        *,
        payloads: bool,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of matches."""
        return await self._search().page(query, limit, cursor, payloads=payloads, budget=budget)

    async def records(
        self, query: Query, fields: Sequence[str], limit: int, cursor: str | None
    ) -> Page[tuple[Any, ...]]:
        """One page of some fields of the matches."""
        return await self._search().records(query, fields, limit, cursor)

    async def count(
        self, query: Query, group_by: Sequence[Operand], *, budget: float | None = None
    ) -> Counts:
        """Numbers of matches, per combination of the grouping operands, largest first."""
        from continuum.store.postgres.counting import PostgresCounting

        counting = PostgresCounting(self._search_pool, self._timeout)
        return await counting.count(query, group_by, budget=budget)

    def _search(self) -> PostgresSearch:
        if self._searching is None:
            from continuum.store.postgres.search import PostgresSearch

            self._searching = PostgresSearch(
                self._search_pool, self._codec, self._timeout, self._bounds
            )
        return self._searching
