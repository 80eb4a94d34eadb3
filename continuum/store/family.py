"""What the relatives of a run are told when it is ended by force."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec
from msgspec import Raw

from continuum.journal.events import NULL, ChildEnded, Failure
from continuum.journal.turn import RunState
from continuum.store.protocol import NewMessage


def news_of_end(
    run_id: UUID, reason: str | None, relatives: Iterable[tuple[UUID, str]]
) -> list[NewMessage]:
    """One message for each relative.

    Args:
        run_id: the run that is ended.
        reason: why, as the client said.
        relatives: run ids, with "child_result" for the parent and "cancel" for children that end
            with their parent.
    """
    error = None if reason is None else Failure("cancelled", reason)
    ended = ChildEnded(run_id, RunState.CANCELLED.value, Raw(NULL), error)
    values = {
        "child_result": msgspec.json.encode(ended),
        "cancel": msgspec.json.encode(f"its parent ended: run {run_id} was cancelled by force"),
    }
    return [NewMessage(relative, kind, "", values[kind]) for relative, kind in relatives]
