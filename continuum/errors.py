"""Every error that Continuum raises on purpose.

    ContinuumError
    ├── ConfigurationError        no database named, a bad option
    ├── DatabaseUnavailable       the database cannot be reached or refuses us
    ├── SchemaError
    │   ├── SchemaOutOfDate       run `continuum migrate`
    │   └── SchemaTooNew          the database was migrated by a newer release
    ├── DefinitionError           a workflow or activity is declared wrongly
    │   └── PatchNameReused       a patch has the name of one that was removed
    ├── WorkflowNotFound          no workflow of that name is loaded anywhere
    ├── VersionNotFound           no version has that hash
    ├── PayloadError              a value cannot cross the journal
    ├── AttributesError           attributes are not a storable JSON object
    ├── NamespaceError            a namespace name is empty, too long or not printable
    ├── QueryError                an expression, condition or cursor is wrong
    ├── RunNotFound
    │   ├── MalformedRunId        neither an id nor a key
    │   └── AmbiguousKey          several runs have that key (in key_errors)
    ├── RunTerminal               the run has already ended
    ├── RepairRefused             an operator's repair does not fit the run
    ├── ReasonRequired            the namespace wants to know why
    ├── PlanError                 a plan cannot be made or applied as asked
    ├── DuplicateRun              same run id or idempotency key, different input
    │   └── KeyTaken              the key is that of another run (in key_errors)
    ├── ScheduleError             a schedule makes no sense
    │   ├── ScheduleExists        there is one of that name
    │   └── ScheduleNotFound
    ├── WorkflowFailed            `result` of a failed run
    ├── WorkflowCancelled         `result` of a cancelled run
    ├── ExecutionTimeout          names the failure of a run that was out of time
    ├── ResultTimeout             `result` waited long enough (also a TimeoutError)
    ├── NonDeterminismError       workflow code tried real I/O
    ├── NotInWorkflow, NotInActivity  a call outside a workflow, or outside an activity
    ├── ActivityCancelled         raised by `heartbeat` inside an activity that should end
    ├── ChildDepthExceeded        children of children nest too deeply
    ├── ChildFailed, ChildCancelled  raised at the await of a child run inside a workflow
    └── ActivityFailed            raised at the await inside a workflow
        ├── ActivityTimeout       (also a TimeoutError)
        └── ActivityCrashed       its process died too often, or once with on_crash="fail"

The class docstring is the default message; `hint` says what to do next.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID


class ContinuumError(Exception):
    """Continuum could not do what was asked."""

    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        self.hint = hint if hint is not None else self.default_hint
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(ContinuumError):
    """An option or setting is wrong or missing."""


class DatabaseUnavailable(ContinuumError):
    """The database cannot be reached."""

    default_hint = "check the DSN, that the server runs and that it accepts your password"


class SchemaError(ContinuumError):
    """The database schema does not fit this release of Continuum."""


class SchemaOutOfDate(SchemaError):
    """The database schema is older than this release."""

    default_hint = "run: continuum migrate"


class SchemaTooNew(SchemaError):
    """The database was migrated by a newer release of Continuum."""

    default_hint = "upgrade continuum-engine on this machine"


class DefinitionError(ContinuumError):
    """A workflow or activity is declared wrongly."""


class PatchNameReused(DefinitionError):
    """A patch has the name of one that was removed."""

    default_hint = "runs may have decided the other one: give this patch a name that never was"


class WorkflowNotFound(ContinuumError):
    """No workflow of that name is loaded."""


class VersionNotFound(ContinuumError):
    """No version has that hash."""


class PayloadError(ContinuumError):
    """A value cannot be stored in the journal."""


class AttributesError(ContinuumError):
    """Attributes must be a JSON object that PostgreSQL can store."""


class NamespaceError(ContinuumError):
    """A namespace is 1 to 255 printable characters."""


class QueryError(ContinuumError):
    """A query expression, condition, order or cursor is wrong.

    Attributes:
        expression: the text that is wrong, if there is one.
        position: offset of the fault in it.
        suggestion: the nearest valid name, if there is one.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        position: int | None = None,
        suggestion: str | None = None,
        hint: str | None = None,
        expression: str | None = None,
    ) -> None:
        self.position = position
        self.suggestion = suggestion
        self.expression = expression
        if hint is None and suggestion is not None:
            hint = f"did you mean {suggestion}?"
        super().__init__(message or "The query is wrong.", hint=hint)

    def located(self, expression: str, position: int) -> QueryError:
        """The same error at that place of an expression, unless it has a place already."""
        if self.position is not None:
            return self
        return QueryError(self.message, position=position, suggestion=self.suggestion,
                          hint=self.hint, expression=expression)  # fmt: skip

    @property
    def line(self) -> int | None:
        """Line of the fault, from 1."""
        return None if self.expression is None else self._before().count("\n") + 1

    @property
    def column(self) -> int | None:
        """Character of that line at which the fault begins, from 1."""
        return None if self.expression is None else len(self._before().rpartition("\n")[2]) + 1

    @property
    def excerpt(self) -> str | None:
        """The faulty line with a caret below the fault, where that is known."""
        if self.expression is None or self.line is None or self.column is None:
            return None
        line = self.expression.split("\n")[self.line - 1]
        return f"{line}\n{' ' * (self.column - 1)}^"

    def _before(self) -> str:
        return (self.expression or "")[: self.position]

    def __str__(self) -> str:
        place = "" if self.line is None else f" at line {self.line}, column {self.column}"
        return f"{self.message}{place}" + (f" ({self.hint})" if self.hint else "")


class RunNotFound(ContinuumError):
    """There is no such run."""

    def __init__(self, run_id: UUID | str) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id} not found", hint="list runs with: continuum query -A")


class MalformedRunId(RunNotFound, ValueError):
    """A run is named by its id, a UUID, or by its key."""

    def __init__(self, run_id: object) -> None:
        super().__init__(str(run_id)[:80])
        self.message = f"{self.run_id!r} is neither a run id nor a key"
        self.hint = (
            "a run id is a UUID, as printed by: continuum start; a key has 1 to 255 characters"
        )


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


class ScheduleError(ContinuumError):
    """A schedule makes no sense."""


class ScheduleExists(ScheduleError):
    """There is a schedule of that name."""

    default_hint = "to change it: replace=True, --replace on the command line"


class ScheduleNotFound(ScheduleError):
    """There is no schedule of that name."""

    default_hint = "list them with: continuum schedules list -A"


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


class NotInWorkflow(ContinuumError):
    """This call works only inside a workflow."""


class DeterminismWarning(UserWarning):
    """Workflow code does what a replay could not repeat; `continuum check` tells more."""


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
        return self.type in (f"{error.__module__}.{error.__qualname__}", error.__qualname__)


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
        return self.type in (f"{error.__module__}.{error.__qualname__}", error.__qualname__)


class ActivityTimeout(ActivityFailed, TimeoutError):
    """An activity did not end within its timeout, in every attempt."""


class ActivityCrashed(ActivityFailed):
    """The process running an activity died too often, or once with on_crash="fail"."""


class NotInActivity(ContinuumError):
    """Only an activity that a worker runs can do this."""


class ActivityCancelled(ContinuumError):
    """This attempt should end: nobody waits for its outcome any more."""
