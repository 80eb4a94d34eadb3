"""What a call about runs, plans and schedules cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from continuum.errors.base import ContinuumError


class RunNotFound(ContinuumError):
    """There is no such run."""

    def __init__(self, run_id: UUID | str) -> None:
        self.run_id = run_id
        known = f"run {run_id}" if isinstance(run_id, UUID) else f"run with the key {run_id!r}"
        super().__init__(f"{known} not found", hint="list runs with: continuum query -A")


class MalformedRunId(RunNotFound, ValueError):
    """A run is named by its id, a UUID, or by its key."""

    def __init__(self, run_id: object) -> None:
        super().__init__(str(run_id)[:80])
        self.message = f"{self.run_id!r} is neither a run id nor a key"
        self.hint = (
            "a run id is a UUID, as printed by: continuum start; a key has 1 to 255 characters"
        )


class AmbiguousKey(RunNotFound):
    """Runs of several workflows or namespaces have this key.

    Attributes:
        run_ids: of those runs.
    """

    def __init__(self, key: str, run_ids: Sequence[UUID], told: Sequence[str]) -> None:
        super().__init__(key)
        self.run_ids = tuple(run_ids)
        self.message = f"key {key!r} is that of several runs: {', '.join(told)}"
        self.hint = "name one by its id, as workflow/key, or with a namespace"


class RunTerminal(ContinuumError):
    """The run has already ended."""

    def __init__(self, run_id: UUID | str, state: str) -> None:
        self.run_id = run_id
        self.state = state
        super().__init__(f"run {run_id} has already ended: {state}")


class RepairRefused(ContinuumError):
    """This repair does not fit the run as it is; nothing was changed.

    Attributes:
        run_id: of the run.
        reason: why not.
    """

    def __init__(
        self, run_id: UUID | str, what: str, reason: str, *, hint: str | None = None
    ) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"run {run_id} cannot be {what}: {reason}", hint=hint)


class ReasonRequired(ContinuumError):
    """The namespace wants a reason for every act of an operator; nothing was changed."""

    default_hint = "say why: --reason on the command line, reason= in a program"


class PlanError(ContinuumError):
    """A plan cannot be made or applied as asked; nothing was changed."""


class DuplicateRun(ContinuumError):
    """A run with this id or idempotency key exists with another input."""

    default_hint = "use another key, or start with the same workflow and input"


class KeyTaken(DuplicateRun):
    """A run of the workflow has this key, and the start was not to find one.

    Attributes:
        key: of both.
        run_id: of the run that has it.
        state: of that run.
    """

    def __init__(self, key: str, workflow: str, run_id: UUID, state: str, hint: str) -> None:
        self.key = key
        self.run_id = run_id
        self.state = state
        super().__init__(f"key {key!r} of {workflow} is that of run {run_id}, {state}", hint=hint)


class ScheduleError(ContinuumError):
    """A schedule makes no sense."""


class ScheduleExists(ScheduleError):
    """There is a schedule of that name."""

    default_hint = "to change it: replace=True, --replace on the command line"


class ScheduleNotFound(ScheduleError):
    """There is no schedule of that name."""

    default_hint = "list them with: continuum schedules list -A"
