"""Questions that a run was asked: refused for their payload, or taken and answered by its code."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from msgspec import Raw
from msgspec.structs import replace

from continuum.codec.annotations import DecodeFailure, ValueCodec
from continuum.codec.attributes import check_json, check_reason
from continuum.codec.failures import MAX_TEXT, capture_failure, storable_text
from continuum.declare.functions import misplaced
from continuum.engine.commands import CommandLog
from continuum.engine.loop import DeterministicLoop
from continuum.engine.mailbox import REFUSED, Mailbox
from continuum.errors import NonDeterminismError, PayloadError
from continuum.journal.events import (
    EventKind,
    QuestionAnswered,
    QuestionAwaited,
    QuestionReceived,
    QuestionRefused,
)
from continuum.journal.turn import Answer

T_co = TypeVar("T_co", covariant=True)

Check = Callable[[Any], object]
"""Raises `ValueError` for a payload that is refused."""

Close = Callable[["Question[Any]", Answer], None]


class Question(Generic[T_co]):
    """A question that the code has taken: it is answered or refused once.

    One that never is stays open: the next incarnation gets it again, and when the run has ended,
    whoever asked is told that it ended without an answer.

    Attributes:
        id: as whoever asked gave it, or one that was made.
        name: by which it was waited for.
        value: its payload.
    """

    __slots__ = ("_close", "id", "message", "name", "value")

    def __init__(self, body: QuestionReceived, value: T_co, close: Close) -> None:
        self.id = body.question
        self.name = body.name
        self.value = value
        self.message = body.message
        self._close = close

    def __repr__(self) -> str:
        return f"<question {self.name} {self.id}>"

    def answer(self, value: Any = None) -> None:
        """Give whoever asked an answer, with everything that this turn does.

        Args:
            value: JSON types, dataclasses, datetimes and the like.

        Raises:
            PayloadError: not storable; the question is still open.
            DefinitionError: it was answered or refused before.
            NotInWorkflow: outside the run that was asked.

        Example:
            question.answer({"accepted": True})
        """
        data = check_json(value, f"answer to question {self.name}")
        self._close(self, Answer(self.id, value=data))

    def refuse(self, reason: str) -> None:
        """Tell whoever asked why there is no answer: `Continuum.ask` raises `QuestionRefused`.

        Args:
            reason: storable text of 1 to 4,096 characters.

        Raises:
            PayloadError, DefinitionError, NotInWorkflow: as of `answer`.

        Example:
            question.refuse("the order has left the house")
        """
        if not check_reason(reason).strip():
            raise PayloadError("a refusal says why: its reason cannot be empty")
        self._close(self, Answer(self.id, refusal=reason))


class Questions(Mailbox[QuestionReceived]):
    """The questions of one run.

    Attributes:
        open: those that were neither answered nor refused, by message, as they arrived.
        answers: given since the last collect, to those who asked this run.
    """

    __slots__ = ("answers", "open")

    what = "question"
    kind = EventKind.QUESTION_AWAITED
    awaited = QuestionAwaited

    def __init__(self, log: CommandLog, loop: DeterministicLoop) -> None:
        super().__init__(log, loop)
        self.open: dict[int, QuestionReceived] = {}
        self.answers: list[Answer] = []

    def deliver(self, body: QuestionReceived) -> None:
        """A question arrived."""
        self.open[body.message] = body
        super().deliver(body)

    def disown(self) -> None:
        """Those that are open now were asked of another run, which this one is a fork of."""
        for message, body in self.open.items():
            self.open[message] = replace(body, copied=True)

    def wait(
        self,
        name: str,
        timeout: float | None,
        codec: ValueCodec,
        check: Check | None,
        close: Close,
    ) -> Coroutine[Any, Any, Question[Any]]:
        """The next question of this name whose payload is as expected; others are refused.

        Args:
            name, timeout: as of a signal.
            codec: restores the payload.
            check: says what is wrong with a payload.
            close: what answers the question.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """

        def accept(body: QuestionReceived) -> Any:
            try:
                value = codec.decode(bytes(body.value))
            except DecodeFailure as error:
                why = error.message
            else:
                why = None if check is None else self._objection(name, check, value)
                if why is None:
                    return Question(body, value, close)
            answer = Answer(body.question, refusal=storable_text(why, MAX_TEXT))
            self.close(body.message, answer, unfit=True)
            return REFUSED

        return self.receive(name, timeout, accept)

    def close(self, message: int, answer: Answer, *, unfit: bool = False) -> bool:
        """Answer or refuse an open question; whether the run is not latched.

        Raises:
            DefinitionError: the question is not open.
        """
        body = self.open.get(message)
        if body is None:
            raise misplaced(
                f"question {answer.question} is not open: it was answered or refused before, or is "
                "another run's",
                "each question is answered or refused once",
            )
        if answer.value is not None:
            kind = EventKind.QUESTION_ANSWERED
            said = QuestionAnswered(body.name, body.question, Raw(answer.value))
        else:
            kind = EventKind.QUESTION_REFUSED
            said = QuestionRefused(body.name, body.question, answer.refusal or "", unfit)
        if self._log.issue(kind, said) is None:
            return False
        del self.open[message]
        if not (body.copied or self._log.replaying):
            self.answers.append(answer)
        return True

    def _objection(self, name: str, check: Check, value: Any) -> str | None:
        """What the check has against a payload.

        A check that breaks refuses, too: what somebody sends must not fail the run.

        Raises:
            NonDeterminismError: the check did what only other code may do.
        """
        self._log.checking = f"the check of question {name}"
        try:
            check(value)
        except NonDeterminismError:
            raise
        except Exception as error:
            failure = capture_failure(error)
            if isinstance(error, ValueError):
                return failure.message or "its check refuses it"
            return f"its check raised {failure.type}: {failure.message}"
        finally:
            self._log.checking = None
        return None
