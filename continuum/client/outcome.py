"""From how a run ended to what `result` returns or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from continuum.errors import WorkflowCancelled, WorkflowFailed
from continuum.journal.ends import RunEnd
from continuum.model import RunState, decoded

if TYPE_CHECKING:
    from continuum.declare.workflow import Workflow


def decode_end(run_id: UUID, end: RunEnd, workflow: Workflow[..., Any] | None) -> Any:
    """The run's value, with the workflow's types when it is known.

    Raises:
        WorkflowFailed, WorkflowCancelled: it ended so.
        PayloadSealed: its value is sealed by another codec.
    """
    if end.state is RunState.CANCELLED:
        raise WorkflowCancelled(run_id, end.error.message if end.error is not None else None)
    if end.state is RunState.FAILED:
        error = end.error
        if error is None:
            raise WorkflowFailed(run_id, "", "")
        raise WorkflowFailed(run_id, error.type, error.message, error.details)
    data = b"null" if end.result is None else end.result
    value = decoded(data)
    return value if workflow is None else workflow.returns.decode(data)
