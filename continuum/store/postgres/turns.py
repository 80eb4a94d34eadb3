"""The committer's half of the store: batches of turns, one statement each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq.abc import PGresult

from continuum.codec.hooks import PayloadCodec
from continuum.journal.turn import RunState, Turn, TurnStatus
from continuum.store.postgres.arrays import int8s, time_from, uuids, uuids_from
from continuum.store.postgres.direct import DirectStatements
from continuum.store.postgres.pool import Verdict, classify
from continuum.store.postgres.session import Connect, Dedicated, transient_errors
from continuum.store.postgres.statements import statements
from continuum.store.postgres.tasks import write_tasks
from continuum.store.postgres.turn_columns import TurnColumns, in_run_order
from continuum.store.protocol import CommitResult, PayloadRejected
from continuum.system import monotonic

_SQL: Final = statements("turns")

_PLAN_SETTINGS: Final = b"""
SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('enable_material', 'off', false),
       set_config('enable_bitmapscan', 'off', false), set_config('jit', 'off', false),
       set_config('cpu_index_tuple_cost', '10', false),
       set_config('default_transaction_isolation', 'read committed', false)
"""
"""One generic plan in which every array row finds its table row by primary key. Index entries are
dear, so that an index that merely contains the key is not taken for the primary key's equal."""

_REPLAN_FIRST: Final = 0.05
_REPLAN_LAST: Final = 10.0
"""Seconds between two plans, doubling. On a table with one row all indexes cost the same, and a
plan made then would walk a whole index once the table has grown."""

_EVENTS_KEY: Final = re.compile(r"continuum_events_\w*pkey")
"""The journal's primary key has a name in each of its partitions."""


@dataclass(slots=True)
class _Outcome:
    """What the parts of a bisected batch add up to."""

    statuses: dict[UUID, TurnStatus]
    reasons: dict[UUID, str]
    now: datetime | None = None


class PostgresTurns:
    """Writes turns over one connection of its own (`TurnStore`)."""

    def __init__(self, connect: Connect, codec: PayloadCodec) -> None:
        self._dedicated = Dedicated(connect, _PLAN_SETTINGS)
        self._direct: DirectStatements | None = None
        self._codec = codec
        self._replan_after = _REPLAN_FIRST
        self._replan_at = 0.0

    async def close(self) -> None:
        """Close the committer's connection."""
        if self._direct is not None:
            self._direct.detach()
        await self._dedicated.close()

    async def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """See `TurnStore.commit_turns`."""
        outcome = _Outcome({}, {})
        await self._commit(node_id, sorted(turns, key=in_run_order), outcome)
        assert outcome.now is not None
        result = CommitResult(outcome.statuses, outcome.now)
        if outcome.reasons:
            raise PayloadRejected(outcome.reasons, result)
        return result

    async def allocate_tokens(self, count: int) -> list[int]:
        """See `TurnStore.allocate_tokens`."""
        statements = await self._connected()
        with transient_errors():
            rows = await statements.rows(_SQL["allocate_tokens"], [count.to_bytes(4, "big")])
        return [token for (token,) in rows]

    async def _commit(self, node_id: UUID, turns: Sequence[Turn], outcome: _Outcome) -> None:
        """Commit sorted turns; on an error that belongs to one of them, by halves."""
        try:
            statuses, outcome.now = await self._write(node_id, turns)
        except psycopg.Error as error:
            fault = _fault_of_culprit(error)
            if fault is None:
                raise
            await self._isolate(node_id, turns, outcome, fault, error)
        else:
            outcome.statuses.update(statuses)

    async def _isolate(
        self,
        node_id: UUID,
        turns: Sequence[Turn],
        outcome: _Outcome,
        fault: _Fault,
        error: psycopg.Error,
    ) -> None:
        """Halve the batch until the culprit stands alone; its neighbours commit."""
        if len(turns) > 1:
            middle = len(turns) // 2
            await self._commit(node_id, turns[:middle], outcome)
            await self._commit(node_id, turns[middle:], outcome)
            return
        run_id = turns[0].run_id
        if fault is _Fault.PAYLOAD:
            outcome.reasons[run_id] = _reason(error)
        elif fault is _Fault.FENCED:
            outcome.statuses[run_id] = TurnStatus.FENCED
        else:
            outcome.statuses[run_id] = TurnStatus.DEFERRED
        if outcome.now is None:
            with transient_errors():
                [(outcome.now,)] = await (await self._connected()).rows(_SQL["clock"])

    async def _write(
        self, node_id: UUID, turns: Sequence[Turn]
    ) -> tuple[dict[UUID, TurnStatus], datetime]:
        """The turn statement, and a second look at what it did not write."""
        columns = TurnColumns(turns, self._codec)
        try:
            statements = await self._connected()
            await self._replan_if_due(statements)
            if len(turns) == 1 and _concerns_itself(turns[0]):
                answer = await statements.run(*columns.lone_statement(node_id))
                if answer.ntuples:
                    return {turns[0].run_id: TurnStatus.COMMITTED}, time_from(
                        answer.get_value(0, 0)
                    )
            text, parameters = columns.statement(node_id, len(turns))
            if any(turn.tasks or turn.stop_tasks for turn in turns):
                answer = await self._write_with_tasks(statements, turns, text, parameters)
            else:
                answer = await statements.run(text, parameters)
            now = time_from(answer.get_value(0, 0))
            statuses = dict.fromkeys((turn.run_id for turn in turns), TurnStatus.COMMITTED)
            written_if_not_all = answer.get_value(0, 2)
            if written_if_not_all is not None:
                written = set(uuids_from(written_if_not_all))
                missed = [turn for turn in turns if turn.run_id not in written]
                statuses.update(await look_again(statements, node_id, missed))
        except psycopg.Error as error:
            if _fault_of_culprit(error) is not None:
                raise
            with transient_errors():
                raise
        except asyncio.CancelledError:
            await self.close()  # in the middle of a transaction, perhaps
            raise
        return statuses, now

    async def _write_with_tasks(
        self,
        statements: DirectStatements,
        turns: Sequence[Turn],
        text: bytes,
        parameters: Sequence[bytes | None],
    ) -> PGresult:
        """The same, with the task rows of the turns that were written, in one transaction."""
        async with statements.transaction():
            answer = await statements.run(text, parameters)
            written_if_not_all = answer.get_value(0, 2)
            if written_if_not_all is not None:
                written = set(uuids_from(written_if_not_all))
                turns = [turn for turn in turns if turn.run_id in written]
            await write_tasks(statements, turns, self._codec)
        return answer

    async def _connected(self) -> DirectStatements:
        """What writes on the committer's connection, which is nobody else's."""
        session = await self._dedicated.session()
        direct = self._direct
        if direct is None or direct.connection is not session.connection:
            direct = self._direct = DirectStatements(session.connection)
        return direct

    async def _replan_if_due(self, statements: DirectStatements) -> None:
        """Let the next execution be planned with the sizes that the tables have now."""
        if monotonic() >= self._replan_at:
            self._replan_at = monotonic() + self._replan_after
            self._replan_after = min(2 * self._replan_after, _REPLAN_LAST)
            await statements.command(b"DISCARD PLANS")


async def look_again(
    statements: DirectStatements, node_id: UUID, turns: Sequence[Turn]
) -> dict[UUID, TurnStatus]:
    """What became of turns that were not written: by us earlier, or lost to somebody else.

    Runs as a statement of its own after the one that waited for the rows (rule 2).
    """
    by_id = {turn.run_id: turn for turn in turns}
    rows = await statements.rows(
        _SQL["look_again"],
        [
            node_id.bytes,
            uuids(by_id),
            int8s(turn.token for turn in turns),
            int8s(turn.next_seq + turn.appended - 1 for turn in turns),
        ],
    )
    return {row[0]: _status(by_id[row[0]], *row[1:]) for row in rows}


def _status(
    turn: Turn,
    owned: bool | None,
    next_seq: int | None,
    state: str | None,
    last_type: str | None,
    last_at: datetime | None,
    first_at: datetime | None,
) -> TurnStatus:
    last = turn.last_entry
    wrote_last = last is not None and (last_type, last_at) == (last.kind.value, last.at)
    if turn.end is not None:
        # Only the turn that ended the run left its last entry at that place of the journal.
        ended = state is not None and RunState(state).terminal
        if ended and next_seq is None and wrote_last:
            return TurnStatus.COMMITTED
    elif owned and next_seq == turn.next_seq + turn.appended and (wrote_last or not last):
        return TurnStatus.COMMITTED
    if turn.created is not None and state is not None and first_at != turn.entries[0].at:
        return TurnStatus.DUPLICATE
    return TurnStatus.FENCED


class _Fault(Enum):
    """Errors that belong to one turn of a batch."""

    PAYLOAD = "payload"
    FENCED = "fenced"
    DEFERRED = "deferred"


def _fault_of_culprit(error: psycopg.Error) -> _Fault | None:
    """Whether halving the batch would find a culprit, and what it is guilty of."""
    constraint = error.diag.constraint_name or ""
    if isinstance(error, errors.UniqueViolation) and _EVENTS_KEY.fullmatch(constraint):
        return _Fault.FENCED
    if isinstance(error, errors.InvalidBinaryRepresentation | errors.ProtocolViolation):
        return None  # our encoding is wrong, not the value
    if classify(error) is Verdict.PAYLOAD:
        return _Fault.PAYLOAD
    if error.sqlstate is not None and error.sqlstate[:2] in {"23", "P0"}:
        return _Fault.DEFERRED
    return None


def _concerns_itself(turn: Turn) -> bool:
    """Whether it touches the rows of its own run only, and no queue."""
    return not (turn.posts or turn.children or turn.tasks or turn.stop_tasks)


def _reason(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error)
