"""What workflow and activity code meets."""

from __future__ import annotations

from uuid import UUID

from continuum.errors.base import ContinuumError


class NotInWorkflow(ContinuumError):
    """This call works only inside a workflow."""


class NonDeterminismError(ContinuumError):
    """Workflow code must not do I/O; move it into an activity."""


class ChildDepthExceeded(ContinuumError):
    """Children nest at most ten deep."""

    default_hint = "let one run start its grandchildren itself, or use continue_as_new"


class ChildFailed(ContinuumError):
    """A child run failed; raised where its parent awaits it.

    Attributes:
        run_id: the child.
        workflow: its registered name.
        type: qualified name of the exception that ended it.
        error_message: its text.
        details: traceback text, bounded.
    """

    def __init__(
        self,
        run_id: UUID,
        workflow: str,
        type: str,  # noqa: A002
        message: str,
        details: str | None = None,
    ) -> None:
        self.run_id = run_id
        self.workflow = workflow
        self.type = type
        self.error_message = message
        self.details = details
        super().__init__(f"child {run_id} ({workflow}) failed: {type}: {message}")

    def is_type(self, error: type[BaseException]) -> bool:
        """Whether exactly this exception class ended it."""
        return _is_named(self.type, error)


class ChildCancelled(ContinuumError):
    """A child run was cancelled; raised where its parent awaits it.

    Attributes:
        run_id: the child.
        workflow: its registered name.
        reason: what the request or the clean-up said.
    """

    def __init__(self, run_id: UUID, workflow: str, reason: str | None = None) -> None:
        self.run_id = run_id
        self.workflow = workflow
        self.reason = reason
        text = f"child {run_id} ({workflow}) was cancelled"
        super().__init__(text + (f": {reason}" if reason else ""))


class ActivityFailed(ContinuumError):
    """An activity failed for good; raised at its await inside the workflow.

    Attributes:
        activity: registered name of the activity.
        type: qualified name of the exception of the last attempt.
        error_message: its text.
        details: traceback text, bounded.
        attempts: how many attempts were made.
    """

    def __init__(
        self,
        activity: str,
        type: str,  # noqa: A002
        message: str,
        *,
        details: str | None = None,
        attempts: int = 1,
    ) -> None:
        self.activity = activity
        self.type = type
        self.error_message = message
        self.details = details
        self.attempts = attempts
        super().__init__(f"activity {activity} failed: {type}: {message}")

    def is_type(self, error: type[BaseException]) -> bool:
        """Whether the last attempt raised exactly this exception class."""
        return _is_named(self.type, error)


class ActivityTimeout(ActivityFailed, TimeoutError):
    """An activity did not end within its timeout, in every attempt."""


class ActivityCrashed(ActivityFailed):
    """The process running an activity died too often, or once with on_crash="fail"."""


class NotInActivity(ContinuumError):
    """Only an activity that a worker runs can do this."""


class ActivityCancelled(ContinuumError):
    """This attempt should end: nobody waits for its outcome any more."""


def _is_named(name: str, error: type[BaseException]) -> bool:
    return name in (f"{error.__module__}.{error.__qualname__}", error.__qualname__)
