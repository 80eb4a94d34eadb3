"""What `result` and `ask` raise when there is no value (yet)."""

from __future__ import annotations

from uuid import UUID

from continuum.errors.base import ContinuumError


class WorkflowFailed(ContinuumError):
    """The run failed.

    Attributes:
        run_id: the failed run.
        type: qualified name of the exception that ended it.
        details: traceback text, bounded.
    """

    def __init__(self, run_id: UUID, type: str, message: str, details: str | None = None) -> None:  # noqa: A002
        self.run_id = run_id
        self.type = type
        self.details = details
        self.error_message = message
        super().__init__(f"run {run_id} failed: {type}: {message}")


class ExecutionTimeout(ContinuumError):
    """The run did not end within its execution timeout; the `type` of such a `WorkflowFailed`."""


class WorkflowCancelled(ContinuumError):
    """The run was cancelled."""

    def __init__(self, run_id: UUID, reason: str | None = None) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"run {run_id} was cancelled" + (f": {reason}" if reason else ""))


class ResultTimeout(ContinuumError, TimeoutError):
    """There was no result, or no answer, when the time was over; the run goes on."""


class QuestionRefused(ContinuumError):
    """The run refused the question.

    Attributes:
        run_id: the run that was asked.
        question_id: of the question.
        reason: what its code, or the type or check of its wait, has against it.
    """

    def __init__(self, run_id: UUID, question_id: str, name: str, reason: str) -> None:
        self.run_id = run_id
        self.question_id = question_id
        self.reason = reason
        super().__init__(f"run {run_id} refused question {name}: {reason}")


class QuestionUnanswered(ContinuumError):
    """The run ended without an answer.

    Attributes:
        run_id: the run that was asked.
        question_id: of the question.
        state: in which it ended.
    """

    def __init__(self, run_id: UUID, question_id: str, name: str, state: str) -> None:
        self.run_id = run_id
        self.question_id = question_id
        self.state = state
        super().__init__(
            f"run {run_id} is {state}: it ended without an answer to question {name}",
            hint=f"see: continuum show {run_id} --history",
        )
