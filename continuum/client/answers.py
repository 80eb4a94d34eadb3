"""Waits for answers to questions, and what they mean to whoever asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from continuum.client.waiting import Waiter
from continuum.codec.annotations import DecodeFailure
from continuum.codec.payloads import payload_codec
from continuum.errors import PayloadError, QuestionRefused, QuestionUnanswered
from continuum.model import decoded
from continuum.store.questions import QuestionKey, Reply


class AnswerWaiter(Waiter[QuestionKey, Reply]):
    """Wakes whoever waits for an answer.

    It listens for what happened to the run: an answer, or the end without one.
    """

    async def wait(self, key: QuestionKey) -> Reply:
        """How the question was settled, as soon as that is committed.

        Raises:
            RunNotFound: there is no such run any more.
        """
        return await self._wait(key, look=True)

    def hint(self, run_ids: Sequence[UUID]) -> None:
        """These runs have answered or ended, or without ids: some have."""
        told = set(run_ids)
        self._hint_at([key for key in self._waiting if not told or key[0] in told])

    def _overlooked(self) -> Collection[QuestionKey]:
        return self._waiting

    def _run_of(self, key: QuestionKey) -> UUID:
        return key[0]


def check_expected(expected: Any, name: str) -> None:
    """Make sure, before anything is asked, that an answer could be restored.

    Raises:
        DefinitionError: plain JSON cannot restore the type.
    """
    if expected is not None:
        payload_codec(expected, f"answer to question {name}")


def answer_of(key: QuestionKey, name: str, reply: Reply, expected: Any) -> Any:
    """The answer, as the type that the asker expects.

    Raises:
        QuestionRefused, QuestionUnanswered: there is none.
        PayloadError: it does not fit the type.
        PayloadSealed: it is sealed by another codec.
    """
    if reply.ended is not None:
        raise QuestionUnanswered(*key, name, reply.ended)
    if reply.value is None:
        raise QuestionRefused(*key, name, reply.refusal or "")
    value = decoded(reply.value)
    if expected is None:
        return value
    try:
        return payload_codec(expected, f"answer to question {name}").decode(reply.value)
    except DecodeFailure as error:
        raise PayloadError(error.message, hint=error.hint) from error
