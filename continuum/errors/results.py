"""What `result` raises when a run has no value (yet)."""

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
    """The run had not ended when the time was over; it goes on."""
