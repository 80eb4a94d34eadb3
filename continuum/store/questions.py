"""Questions to runs, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from continuum.model import RunState
from continuum.operators.acts import Act
from continuum.store.mail import InboxMessage

QuestionKey = tuple[UUID, str]
"""Run and id of a question, which is unique within the run."""


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question to be asked, unless there is one of this id.

    Attributes:
        value: the payload as JSON.
        namespace: only when the run is in this namespace.
        act: what is recorded of it, when an operator asks.
    """

    run_id: UUID
    question_id: str
    name: str
    value: bytes
    namespace: str | None = None
    act: Act | None = None

    @property
    def detail(self) -> dict[str, str]:
        """What the operator journal says of it."""
        return {"name": self.name, "question_id": self.question_id}


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """What became of a question.

    Attributes:
        state: of the run; None: no such run, or another namespace.
        posted: the message that brings it, if it was asked now.
        known: the name of the question that had its id before.
    """

    state: RunState | None
    posted: InboxMessage | None = None
    known: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """How a question was settled.

    Attributes:
        value: the answer as JSON; None when there is none.
        refusal: why it was refused; None when it was not.
        ended: how the run ended that neither answered nor refused it.
    """

    value: bytes | None = None
    refusal: str | None = None
    ended: RunState | None = None


class QuestionStore(Protocol):
    """What askers need; answers are written by turns."""

    async def ask(self, question: NewQuestion) -> AskOutcome:
        """Ask a live run, once: row and message are one commit.

        An id that the run has seen asks nothing, also after the answer and after the run's end.

        Raises:
            ReasonRequired: nothing was asked.
        """
        ...

    async def replies(self, keys: Sequence[QuestionKey]) -> Mapping[QuestionKey, Reply | None]:
        """How these questions were settled; None: not yet. Those that are not there are absent."""
        ...


def reply_of(
    *, answered: bool, value: bytes | None, refusal: str | None, state: RunState
) -> Reply | None:
    """From what a store knows of a question and its run, read at one moment."""
    if answered:
        return Reply(value, refusal)
    return Reply(ended=state) if state.terminal else None
