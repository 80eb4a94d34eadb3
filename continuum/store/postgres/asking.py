"""Bounded read-only statements in one round trip, and what the server says of itself meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, NamedTuple, cast

from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.rows import tuple_row
from psycopg.sql import SQL
from psycopg_pool import PoolTimeout

from continuum.store.postgres.reads import Pool
from continuum.store.postgres.server_state import SERVER_STATE, ServerState, state_of
from continuum.store.postgres.session import Row, transient_errors
from continuum.store.unavailable import StoreUnavailable
from continuum.system import monotonic

_DONE: Final[LiteralString] = "SELECT set_config('statement_timeout', '0', true)"
"""A time limit that is over at the very end of a statement strikes here; at the Sync message,
where it would strike otherwise, psycopg expects no error."""

RESERVE: Final = 0.03
"""Seconds of a budget that statements leave: to be cancelled, and to the answer."""

_MOMENT: Final = 0.1
"""Seconds for which a connection is waited for at least: one that was just given back is not there
at once."""

WALKING: Final = {
    "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off",
    "enable_hashjoin": "off", "enable_mergejoin": "off", "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "auto",
}  # fmt: skip
"""An index in its order, whatever the statistics say; the window bounds what that costs."""
PROBING: Final = {
    "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
}  # fmt: skip
"""The index, though a scan of the table would find as many runs sooner."""


class Statement(NamedTuple):
    """Text that the compiler made of its own pieces, and the values in it."""

    text: str
    parameters: Mapping[str, Any]


class OutOfTime(Exception):
    """A statement took longer than it was given; `server` is who gave it up."""

    def __init__(self, server: ServerState) -> None:
        super().__init__("a statement took longer than it was given")
        self.server = server


class NoConnection(StoreUnavailable):
    """None was free, or none could be opened, in the time that the answer may take."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of each statement."""

    server: ServerState
    rows: Sequence[list[Row]]


@asynccontextmanager
async def connection_within(pool: Pool, seconds: float) -> AsyncGenerator[AsyncConnection[Row]]:
    """A connection of the pool, which may be waited for so long.

    Raises:
        NoConnection: it was not enough.
        StoreUnavailable: the database does not answer.
    """
    with transient_errors():
        try:
            async with pool.connection(timeout=max(seconds, _MOMENT)) as connection:
                yield connection
        except PoolTimeout as error:
            raise NoConnection(f"no connection to the database within {seconds:g} s") from error


async def ask(
    pool: Pool,
    statements: Sequence[Statement],
    seconds: float,
    settings: Mapping[str, str] = {},
    *,
    allowed: float | None = None,
) -> Answers:
    """Run the statements in a transaction of their own, all in one round trip.

    Args:
        pool: autocommit connections.
        statements: that only read.
        seconds: that the first may take, from now on, and each of the others.
        settings: of the server, for these statements.
        allowed: seconds that each may take, when `seconds` is for the connection alone.

    Raises:
        OutOfTime: one took longer.
        NoConnection: there was none in that time.
        StoreUnavailable: the database does not answer.
    """
    chosen = {
        "statement_timeout": "",
        "transaction_read_only": "on",
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        **settings,
    }
    changes = "".join(f", set_config('{name}', %({name})s, true)" for name in chosen)
    until = monotonic() + seconds
    async with connection_within(pool, seconds) as connection:
        left = until - monotonic() if allowed is None else allowed
        chosen["statement_timeout"] = str(max(1, int(left * 1000)))
        first = connection.cursor(row_factory=tuple_row)
        cursors = [connection.cursor(row_factory=tuple_row, binary=True) for _ in statements]
        batch = [
            (first, (SERVER_STATE + changes, chosen)),
            *zip(cursors, statements, strict=True),
        ]
        canceled = await _send(connection, batch)
        row = await first.fetchone()
        assert row is not None
        server = state_of(row)
        if canceled:
            raise OutOfTime(server)
        return Answers(server, [await cursor.fetchall() for cursor in cursors])


async def _send(
    connection: AsyncConnection[Row],
    batch: Sequence[tuple[AsyncCursor[Row], tuple[str, Mapping[str, Any]]]],
) -> bool:
    """Whether a statement was canceled, and those behind it were not run."""
    canceled = False
    try:
        # One transaction without saying so, as all that is sent before a Sync message.
        async with connection.pipeline():
            try:
                for cursor, (text, parameters) in batch:
                    await cursor.execute(_sql(text), parameters, binary=True)
                await connection.execute(_DONE)
            except errors.QueryCanceled:
                canceled = True  # the answer came while the others were being sent
    except (errors.QueryCanceled, errors.PipelineAborted):
        canceled = True
    if canceled:
        # psycopg takes statements for prepared that were not run, until it sees a rollback.
        async with connection.transaction(force_rollback=True):
            pass
    return canceled


def _sql(statement: str) -> SQL:
    """Text that the compiler made of its own pieces; values are parameters in it."""
    return SQL(cast("LiteralString", statement))
