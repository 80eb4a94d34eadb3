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
    ├── PayloadSealed             a stored value is sealed by another codec (also a ValueError)
    ├── AttributesError           attributes are not a storable JSON object
    ├── NamespaceError            a namespace name is empty, too long or not printable
    ├── QueryError                an expression, condition or cursor is wrong
    ├── RunNotFound
    │   ├── MalformedRunId        neither an id nor a key
    │   └── AmbiguousKey          several runs have that key
    ├── RunTerminal               the run has already ended
    ├── RepairRefused             an operator's repair does not fit the run
    ├── ReasonRequired            the namespace wants to know why
    ├── PlanError                 a plan cannot be made or applied as asked
    ├── DuplicateRun              same run id or idempotency key, different input
    │   └── KeyTaken              the key is that of another run
    ├── ScheduleError             a schedule makes no sense
    │   ├── ScheduleExists        there is one of that name
    │   └── ScheduleNotFound
    ├── WorkflowFailed            `result` of a failed run
    ├── WorkflowCancelled         `result` of a cancelled run
    ├── ExecutionTimeout          names the failure of a run that was out of time
    ├── ResultTimeout             `result` or `ask` waited long enough (also a TimeoutError)
    ├── QuestionRefused           `ask`: the run refused the question
    ├── QuestionUnanswered        `ask`: the run ended without an answer
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

from continuum.errors.base import (
    ContinuumError,
)
from continuum.errors.calls import (
    AmbiguousKey,
    DuplicateRun,
    KeyTaken,
    MalformedRunId,
    PlanError,
    ReasonRequired,
    RepairRefused,
    RunNotFound,
    RunTerminal,
    ScheduleError,
    ScheduleExists,
    ScheduleNotFound,
)
from continuum.errors.code import (
    ActivityCancelled,
    ActivityCrashed,
    ActivityFailed,
    ActivityTimeout,
    ChildCancelled,
    ChildDepthExceeded,
    ChildFailed,
    NonDeterminismError,
    NotInActivity,
    NotInWorkflow,
)
from continuum.errors.results import (
    ExecutionTimeout,
    QuestionRefused,
    QuestionUnanswered,
    ResultTimeout,
    WorkflowCancelled,
    WorkflowFailed,
)
from continuum.errors.setup import (
    ConfigurationError,
    DatabaseUnavailable,
    DefinitionError,
    DeterminismWarning,
    PatchNameReused,
    SchemaError,
    SchemaOutOfDate,
    SchemaTooNew,
    VersionNotFound,
    WorkflowNotFound,
)
from continuum.errors.values import (
    AttributesError,
    NamespaceError,
    PayloadError,
    PayloadSealed,
    QueryError,
)

__all__ = [
    "ActivityCancelled",
    "ActivityCrashed",
    "ActivityFailed",
    "ActivityTimeout",
    "AmbiguousKey",
    "AttributesError",
    "ChildCancelled",
    "ChildDepthExceeded",
    "ChildFailed",
    "ConfigurationError",
    "ContinuumError",
    "DatabaseUnavailable",
    "DefinitionError",
    "DeterminismWarning",
    "DuplicateRun",
    "ExecutionTimeout",
    "KeyTaken",
    "MalformedRunId",
    "NamespaceError",
    "NonDeterminismError",
    "NotInActivity",
    "NotInWorkflow",
    "PatchNameReused",
    "PayloadError",
    "PayloadSealed",
    "PlanError",
    "QueryError",
    "QuestionRefused",
    "QuestionUnanswered",
    "ReasonRequired",
    "RepairRefused",
    "ResultTimeout",
    "RunNotFound",
    "RunTerminal",
    "ScheduleError",
    "ScheduleExists",
    "ScheduleNotFound",
    "SchemaError",
    "SchemaOutOfDate",
    "SchemaTooNew",
    "VersionNotFound",
    "WorkflowCancelled",
    "WorkflowFailed",
    "WorkflowNotFound",
]

for _error in list(vars().values()):
    if isinstance(_error, type) and issubclass(_error, Exception):
        _error.__module__ = __name__  # what failures are stored as, and what tracebacks show
