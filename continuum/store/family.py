"""What the relatives of a run are told when it is ended by force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Raw

from continuum.journal.ends import Failure, RunEnd
from continuum.journal.events import (
    NULL,
    ChildEnded,
    Entry,
    EventKind,
    RunCancelled,
    RunFailed,
)
from continuum.model import RunState
from continuum.store.protocol import NewMessage


def cancelled_by_force(reason: str | None) -> RunEnd:
    """The end of a run that a client cancels by force."""
    return RunEnd(
        RunState.CANCELLED, error=None if reason is None else Failure("cancelled", reason)
    )


def forced_entry(end: RunEnd, at: datetime) -> Entry:
    """The last event of a run that is ended by force."""
    if end.state is RunState.FAILED and end.error is not None:
        return Entry(EventKind.RUN_FAILED, None, RunFailed(end.error), at)
    reason = None if end.error is None else end.error.message
    return Entry(EventKind.RUN_CANCELLED, None, RunCancelled(reason, forced=True), at)


def news_of_end(
    run_id: UUID, end: RunEnd, relatives: Iterable[tuple[UUID, str]]
) -> list[NewMessage]:
    """One message for each relative.

    Args:
        run_id: the run that is ended.
        end: how.
        relatives: run ids, with "child_result" for the parent and "cancel" for children that end
            with their parent.
    """
    ended = ChildEnded(run_id, end.state.value, Raw(NULL), end.error)
    how = "was cancelled by force" if end.state is RunState.CANCELLED else "was out of time"
    values = {
        "child_result": msgspec.json.encode(ended),
        "cancel": msgspec.json.encode(f"its parent ended: run {run_id} {how}"),
    }
    return [NewMessage(relative, kind, "", values[kind]) for relative, kind in relatives]
