"""Posting to runs and ending them by force (`ClientStore`, its messages half)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec.json import encode
from psycopg.errors import SerializationFailure

from continuum.codec.hooks import PayloadCodec
from continuum.journal.ends import RunEnd, timed_out
from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.store.family import cancelled_by_force, forced_entry, news_of_end
from continuum.store.mail import posted_as
from continuum.store.postgres.arrays import (
    Element,
    blobs,
    int4_item,
    pack,
    texts,
    uuids,
)
from continuum.store.postgres.recording import Record, record
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.protocol import InboxMessage, NewMessage, PostOutcome, StoreUnavailable
from continuum.store.starts import Overdue

_SQL: Final = statements("inbox")

_NOWHERE: Final = PostOutcome(state=None, posted=None)


class PostgresInbox:
    """Puts messages where a run's owner will find them."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def post(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """See `ClientStore.post`."""
        outcomes: list[PostOutcome | None] = [None] * len(messages)
        if all(m.kind == "signal" and m.delivery_id is None and m.act is None for m in messages):
            outcomes = await self._post_at_once(messages)
        left = [n for n, outcome in enumerate(outcomes) if outcome is None]
        if left:
            answers = await self._post_carefully([messages[n] for n in left])
            for n, answer in zip(left, answers, strict=True):
                outcomes[n] = answer
        return [outcome or _NOWHERE for outcome in outcomes]

    async def _post_at_once(self, messages: Sequence[NewMessage]) -> list[PostOutcome | None]:
        """One statement; None for what it did not post, all messages of a run or none."""
        outcomes: list[PostOutcome | None] = [None] * len(messages)
        try:
            async with self._sessions.direct() as statements:
                result = await statements.run(*self._statement(messages))
        except StoreUnavailable as error:
            if isinstance(error.__cause__, SerializationFailure):
                return outcomes  # a server whose default isolation is above READ COMMITTED
            raise
        for row in range(result.ntuples):
            n, inbox_id, state = (result.get_value(row, column) or b"" for column in range(3))
            place = int.from_bytes(n, "big")
            message = messages[place]
            posted = InboxMessage(
                int.from_bytes(inbox_id, "big"),
                message.run_id, message.kind, message.name, message.value,
            )  # fmt: skip
            outcomes[place] = PostOutcome(state=RunState(state.decode()), posted=posted)
        return outcomes

    def _statement(self, messages: Sequence[NewMessage]) -> tuple[bytes, list[bytes | None]]:
        """What posts these, and its binary parameters."""
        if len(messages) == 1:
            [only] = messages
            namespace = None if only.namespace is None else only.namespace.encode()
            value = self._codec.seal(only.value)
            return _SQL["post_one"], [only.run_id.bytes, namespace, only.name.encode(), value]
        return _SQL["post"], [
            pack(Element.INT4, [int4_item(n) for n in range(len(messages))]),
            uuids({m.run_id: None for m in messages}),
            uuids(m.run_id for m in messages),
            texts(m.namespace for m in messages),
            texts(m.name for m in messages),
            blobs(self._codec.seal(m.value) for m in messages),
        ]

    async def _post_carefully(self, messages: Sequence[NewMessage]) -> list[PostOutcome]:
        """Any message to any run: lock, then look, then write."""
        run_ids = uuids({message.run_id: None for message in messages})
        async with self._sessions.transaction() as session:
            # The lease rows first: a run that ends waits for us, or has ended and gets nothing.
            live = {row[0] for row in await session.rows(_SQL["lock_live"], [run_ids])}
            known = {
                run_id: (namespace, RunState(state))
                for run_id, namespace, state in await session.rows(_SQL["namespaces"], [run_ids])
            }
            outcomes = [_NOWHERE] * len(messages)
            accepted: list[int] = []
            for n, message in enumerate(messages):
                namespace, state = known.get(message.run_id, (None, None))
                if state is None or message.namespace not in (None, namespace):
                    continue
                outcomes[n] = PostOutcome(state=state, posted=None)
                if message.run_id in live:
                    accepted.append(n)
            ids = await self._deliver(session, messages, accepted)
            acts = Record()
            for n in accepted:
                done, detail = posted_as(messages[n], repeated=n not in ids)
                acts.add(messages[n].act, done, run_id=messages[n].run_id, **detail)
            await acts.write(session)
        for n in accepted:
            message = messages[n]
            state = outcomes[n].state
            if n in ids:
                posted = InboxMessage(
                    ids[n], message.run_id, message.kind, message.name, message.value
                )
                outcomes[n] = PostOutcome(state=state, posted=posted)
            else:
                outcomes[n] = PostOutcome(state=state, posted=None, duplicate=True)
        return outcomes

    async def lock_live(self, session: Session, run_id: UUID) -> bool:
        """Whether the run is live; until the transaction ends it stays so, if it is."""
        return bool(await session.rows(_SQL["lock_live"], [uuids([run_id])]))

    async def find_run(self, session: Session, run_id: UUID) -> tuple[str, RunState] | None:
        """Namespace and state of a run."""
        for _, namespace, state in await session.rows(_SQL["namespaces"], [uuids([run_id])]):
            return namespace, RunState(state)
        return None

    async def deliver_on(
        self, session: Session, messages: Sequence[NewMessage]
    ) -> list[InboxMessage]:
        """Post to runs whose lease rows this transaction has locked already."""
        ids = await self._deliver(session, messages, range(len(messages)))
        return [
            InboxMessage(ids[n], message.run_id, message.kind, message.name, message.value)
            for n, message in enumerate(messages)
        ]

    async def force_cancel(
        self, run_id: UUID, reason: str | None, namespace: str | None, act: Act | None = None
    ) -> PostOutcome:
        """See `ClientStore.force_cancel`."""
        return await self._end(run_id, namespace, cancelled_by_force(reason), act)

    async def end_overdue(self, limit: int) -> Overdue:
        """See `TimeoutStore`."""
        async with self._sessions.transaction() as session:
            due = await session.rows(_SQL["lock_overdue"], [limit])
            asked = [run_id for run_id, _ in due]
            if due:
                await self.deliver_on(
                    session,
                    [NewMessage(run_id, "timeout", "", encode(told)) for run_id, told in due],
                )
                await session.run(_SQL["note_asked"], [uuids(asked)])
            late = await session.rows(_SQL["read_overdue"], [limit])
        ended: list[UUID] = []
        touched: list[UUID] = []
        for (run_id,) in late:
            outcome = await self._end(run_id, None, None)
            if outcome.state is not None and not outcome.state.terminal:
                ended.append(run_id)
                touched += outcome.touched
        return Overdue(asked, ended, touched)

    async def _end(
        self, run_id: UUID, namespace: str | None, end: RunEnd | None, act: Act | None = None
    ) -> PostOutcome:
        """End a run by force, whoever owns it. Without `end` only one that is out of time."""
        family = {run_id}
        while True:
            async with self._sessions.transaction() as session:
                await session.rows(_SQL["lock_to_end"], [uuids(family)])
                rows = await session.rows(_SQL["read_state"], [run_id])
                if not rows or namespace not in (None, rows[0][1]):
                    return _NOWHERE
                [(state, _, incarnation, next_seq, now, overdue, timeout)] = rows
                if next_seq is None:
                    return PostOutcome(state=RunState(state), posted=None)
                if end is None and not overdue:
                    return _NOWHERE
                relatives = await session.rows(_SQL["relatives"], [run_id])
                if not family.issuperset(relative for relative, _ in relatives):
                    # One lock order (rule 11): all of them again, in one statement.
                    family.update(relative for relative, _ in relatives)
                    continue
                await record(session, act, "cancelled", run_id=run_id, force=True)
                chosen = end or RunEnd(RunState.FAILED, error=timed_out(timeout, forced=True))
                event = forced_entry(chosen, now)
                payload = self._codec.seal(event.payload())
                messages = news_of_end(run_id, chosen, relatives)
                await self._deliver(session, messages, range(len(messages)))
                error = chosen.error
                kind = None if error is None or chosen.state is RunState.CANCELLED else error.type
                await session.run(
                    _SQL["end_by_force"],
                    [
                        run_id, next_seq, incarnation, event.kind.value, payload,
                        chosen.state.value, kind, None if error is None else error.message,
                    ],
                )  # fmt: skip
            touched = tuple(message.run_id for message in messages)
            return PostOutcome(state=RunState(state), posted=None, touched=touched)

    async def _deliver(
        self, session: Session, messages: Sequence[NewMessage], accepted: Sequence[int]
    ) -> dict[int, int]:
        """Inbox ids by place in the batch; a delivery id seen before is left out."""
        seen: set[tuple[UUID, str, str]] = set()
        fresh: list[int] = []
        for n in accepted:
            message = messages[n]
            if message.delivery_id is not None:
                key = (message.run_id, message.name, message.delivery_id)
                if key in seen:
                    continue
                seen.add(key)
            fresh.append(n)
        if not fresh:
            return {}
        chosen = [messages[n] for n in fresh]
        rows = await session.rows(
            _SQL["deliver"],
            [
                pack(Element.INT4, [int4_item(n) for n in fresh]),
                uuids(m.run_id for m in chosen),
                texts(m.kind for m in chosen),
                texts(m.name for m in chosen),
                blobs(self._codec.seal(m.value) for m in chosen),
                texts(m.delivery_id for m in chosen),
            ],
        )
        return dict(rows)
