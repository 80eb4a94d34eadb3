"""A part of a run's journal, read page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import HistoryEvent

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Part:
    """The events with `after` < seq < `before`; of them the last `newest` (None: all)."""

    after: int = 0
    before: int | None = None
    newest: int | None = None


WHOLE: Final = Part()


async def events_of(
    client: Continuum, run_id: UUID, part: Part = WHOLE, *, operators: bool = True
) -> AsyncGenerator[HistoryEvent]:
    """The events of a part, oldest first, with what `operators` did. Raises `RunNotFound`."""
    after = part.after
    if part.newest is not None:
        after = max(after, await _last_but(client, run_id, part, part.newest))
    while True:
        events = await client.history(
            run_id, after=after, before=part.before, limit=_PAGE, operators=operators
        )
        for event in events:
            yield event
            after = event.seq
        if sum(event.operator is None for event in events) < _PAGE:
            return


async def _last_but(client: Continuum, run_id: UUID, part: Part, newest: int) -> int:
    """After which seq the last `newest` events of the part stand."""
    end = await client.history(
        run_id,
        after=part.after,
        before=part.before,
        limit=1,
        newest=True,
        max_payload=0,
        operators=False,
    )
    return end[0].seq - newest if end else part.after
