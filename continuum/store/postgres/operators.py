"""The operator journal in PostgreSQL, and the reasons that namespaces want."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from continuum.operators.acts import Act, OperatorAct
from continuum.store.operators import ActFilter
from continuum.store.postgres.reads import Pool, bounded
from continuum.store.postgres.recording import act_of, record
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements

_SQL: Final = statements("operators")
TIMEOUT: Final = 10.0
"""Seconds that a page of the journal may take."""


class PostgresOperators:
    """The `OperatorStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sessions = Sessions(pool)

    async def acts(
        self, wanted: ActFilter, before: int | None, limit: int
    ) -> tuple[Sequence[OperatorAct], datetime]:
        """See `OperatorStore`."""
        within = None if wanted.within is None else wanted.within.total_seconds()
        parameters = [
            before, wanted.run_id, wanted.operator, wanted.namespace, wanted.act, wanted.plan_id,
            wanted.since, within, limit,
        ]  # fmt: skip
        async with bounded(self._pool, TIMEOUT) as connection:
            session = Session(connection)
            cursor = session.cursor()
            # Planned for what is asked: the conditions decide which index serves.
            await cursor.execute(_SQL["acts"], parameters, prepare=False, binary=True)
            rows = await cursor.fetchall()
            [(now,)] = await session.rows(_SQL["clock"])
        return [act_of(row) for row in rows], now

    async def reasons_required(self) -> Sequence[str]:
        """See `OperatorStore`."""
        async with self._sessions.autocommit() as session:
            return [namespace for (namespace,) in await session.rows(_SQL["reasons_required"])]

    async def require_reasons(self, namespace: str, act: Act, *, required: bool) -> None:
        """See `OperatorStore`."""
        outcome = "required" if required else "optional"
        async with self._sessions.transaction() as session:
            await record(session, act, outcome, namespace=namespace)
            await session.run(_SQL["require_reasons"], [namespace, required])
