"""What the server that answers says of itself: the moment, its role, how far behind it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, LiteralString

from continuum.store.postgres.session import Row

SERVER_STATE: Final[LiteralString] = """
SELECT transaction_timestamp(), pg_is_in_recovery(),
       CASE WHEN NOT pg_is_in_recovery() THEN NULL
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            WHEN pg_last_xact_replay_timestamp() IS NOT NULL
            THEN GREATEST(EXTRACT(EPOCH FROM
                 clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END"""
"""A replica that receives, and has replayed all of it, is not behind, however long ago the last
was. One that receives nothing may have missed whatever came after that; one that has replayed no
transaction since it was started cannot tell."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One look at the server.

    Attributes:
        at: when the transaction began, by the server's clock.
        source: the server's role.
        lag: seconds that a replica is behind; None on a primary, or when it cannot tell.
    """

    at: datetime
    source: Literal["primary", "replica"]
    lag: float | None


def state_of(row: Row) -> ServerState:
    """A row that begins with the columns of `SERVER_STATE`."""
    at, replica, lag = row[:3]
    return ServerState(at, "replica" if replica else "primary", None if lag is None else float(lag))
