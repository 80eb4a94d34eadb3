"""Durable execution for Python on PostgreSQL.

    from continuum import Continuum, Retry, activity, workflow

Names are loaded when first used, so `import continuum` costs almost nothing and a program pays
only for the parts it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from continuum.audit.report import AuditReport
    from continuum.check.pure import pure
    from continuum.client.client import Continuum
    from continuum.client.handle import RunHandle
    from continuum.codec.hooks import PayloadCodec
    from continuum.declare.activity import Activity, activity
    from continuum.declare.attempt import (
        ActivityInfo,
        activity_info,
        heartbeat,
        last_heartbeat,
        transaction,
    )
    from continuum.declare.queue import Queue
    from continuum.declare.retry import Retry
    from continuum.declare.workflow import Workflow, workflow
    from continuum.engine.api import (
        children,
        continue_as_new,
        info,
        logger,
        now,
        patched,
        random,
        rng,
        run_child,
        saga,
        set_attributes,
        side_effect,
        sleep,
        start_child,
        today,
        uuid4,
        wait_signal,
    )
    from continuum.engine.asking import wait_question
    from continuum.engine.children import ChildHandle
    from continuum.engine.publishing import publish
    from continuum.engine.questions import Question
    from continuum.engine.saga import Saga
    from continuum.errors import (
        ActivityCancelled,
        ActivityCrashed,
        ActivityFailed,
        ActivityTimeout,
        AmbiguousKey,
        AttributesError,
        ChildCancelled,
        ChildDepthExceeded,
        ChildFailed,
        ConfigurationError,
        ContinuumError,
        DatabaseUnavailable,
        DefinitionError,
        DeterminismWarning,
        DuplicateRun,
        ExecutionTimeout,
        KeyTaken,
        NamespaceError,
        NonDeterminismError,
        NotInActivity,
        NotInWorkflow,
        PayloadError,
        PayloadSealed,
        PlanError,
        QueryError,
        QuestionRefused,
        QuestionUnanswered,
        ReasonRequired,
        RepairRefused,
        ResultTimeout,
        RunNotFound,
        RunTerminal,
        ScheduleError,
        ScheduleExists,
        ScheduleNotFound,
        SchemaError,
        SchemaOutOfDate,
        SchemaTooNew,
        VersionNotFound,
        WorkflowCancelled,
        WorkflowFailed,
        WorkflowNotFound,
    )
    from continuum.model import HistoryEvent, NodeInfo, Page, Pause, Run
    from continuum.operators.acts import OperatorAct
    from continuum.operators.plans import BulkPlan, PlanRun
    from continuum.schedules.model import SCHEDULED_AT, Schedule, ScheduleFiring

__all__ = [
    # client
    "Continuum",
    "RunHandle",
    "PayloadCodec",
    # what it answers
    "AuditReport",
    "BulkPlan",
    "HistoryEvent",
    "NodeInfo",
    "OperatorAct",
    "Page",
    "Pause",
    "PlanRun",
    "Run",
    "SCHEDULED_AT",
    "Schedule",
    "ScheduleFiring",
    # declaring
    "Activity",
    "Queue",
    "Retry",
    "Workflow",
    "activity",
    "pure",
    "workflow",
    # inside an activity
    "ActivityInfo",
    "activity_info",
    "heartbeat",
    "last_heartbeat",
    "transaction",
    # inside a workflow
    "ChildHandle",
    "Question",
    "Saga",
    "children",
    "continue_as_new",
    "info",
    "logger",
    "now",
    "patched",
    "publish",
    "random",
    "rng",
    "run_child",
    "saga",
    "set_attributes",
    "side_effect",
    "sleep",
    "start_child",
    "today",
    "uuid4",
    "wait_question",
    "wait_signal",
    # errors
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
    "NamespaceError",
    "NonDeterminismError",
    "NotInActivity",
    "NotInWorkflow",
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

_HOMES = {
    "continuum.audit.report": ["AuditReport"],
    "continuum.check.pure": ["pure"],
    "continuum.client.client": ["Continuum"],
    "continuum.client.handle": ["RunHandle"],
    "continuum.codec.hooks": ["PayloadCodec"],
    "continuum.declare.activity": ["Activity", "activity"],
    "continuum.declare.attempt": [
        "ActivityInfo", "activity_info", "heartbeat", "last_heartbeat", "transaction",
    ],
    "continuum.declare.queue": ["Queue"],
    "continuum.declare.retry": ["Retry"],
    "continuum.declare.workflow": ["Workflow", "workflow"],
    "continuum.engine.api": [
        "children", "continue_as_new", "info", "logger", "now", "patched", "random", "rng",
        "run_child", "saga", "set_attributes", "side_effect", "sleep", "start_child", "today",
        "uuid4", "wait_signal",
    ],
    "continuum.engine.asking": ["wait_question"],
    "continuum.engine.children": ["ChildHandle"],
    "continuum.engine.publishing": ["publish"],
    "continuum.engine.questions": ["Question"],
    "continuum.engine.saga": ["Saga"],
    "continuum.model": ["HistoryEvent", "NodeInfo", "Page", "Pause", "Run"],
    "continuum.operators.acts": ["OperatorAct"],
    "continuum.operators.plans": ["BulkPlan", "PlanRun"],
    "continuum.schedules.model": ["SCHEDULED_AT", "Schedule", "ScheduleFiring"],
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF.get(name, "continuum.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
