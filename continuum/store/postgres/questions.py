"""Questions to runs (`QuestionStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Final
from uuid import UUID

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import shown_payload
from continuum.journal.questions import QUESTION, encode_question
from continuum.model import RunState
from continuum.store.postgres.arrays import texts, uuids
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.recording import record
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.protocol import NewMessage
from continuum.store.questions import AskOutcome, NewQuestion, QuestionKey, Reply, reply_of

_SQL: Final = statements("questions")


class PostgresQuestions:
    """What askers need."""

    def __init__(self, sessions: Sessions, inbox: PostgresInbox, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._codec = codec

    async def ask(self, question: NewQuestion) -> AskOutcome:
        """See `QuestionStore`."""
        run_id, key = question.run_id, question.question_id
        async with self._sessions.transaction() as session:
            # The lease first: a run that ends waits for us, or has ended and is asked nothing.
            live = await self._inbox.lock_live(session, run_id)
            found = await self._inbox.find_run(session, run_id)
            if found is None or question.namespace not in (None, found[0]):
                return AskOutcome(None)
            state = found[1]
            added = live and await session.rows(_SQL["add"], [run_id, key, question.name])
            if not added:
                rows = await session.rows(_SQL["find"], [run_id, key])
                if not rows:
                    return AskOutcome(state)
                await record(session, question.act, "repeated", run_id=run_id, **question.detail)
                return AskOutcome(state, known=rows[0][0])
            payload = encode_question(key, question.value)
            message = NewMessage(run_id, QUESTION, question.name, payload)
            [posted] = await self._inbox.deliver_on(session, [message])
            await record(session, question.act, "asked", run_id=run_id, **question.detail)
        return AskOutcome(state, posted)

    async def replies(self, keys: Sequence[QuestionKey]) -> Mapping[QuestionKey, Reply | None]:
        """See `QuestionStore`."""
        wanted = [uuids(run_id for run_id, _ in keys), texts(key for _, key in keys)]
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["replies"], wanted)
        return {
            (run_id, question_id): reply_of(
                answered=answered,
                value=None if sealed is None else shown_payload(self._codec, sealed),
                refusal=refused,
                state=RunState(state),
            )
            for run_id, question_id, answered, sealed, refused, state in rows
        }


async def forget_lost_questions(session: Session, run_id: UUID, known: Set[str]) -> None:
    """The run is tried again, and has never read these: whoever asked may ask again."""
    await session.run(_SQL["forget_lost"], [run_id, texts(known)])
