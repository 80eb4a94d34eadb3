"""What the console reads of the operator journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from console.acts_query import ActsQuery, begin_of
from continuum import Continuum
from continuum.operators.acts import OperatorAct
from continuum.query.times import parse_relative

ACTS: Final = 100
"""Entries asked for at once."""
MOST_ACTS: Final = 2_000
"""Entries held at most; beyond that the filter is to be narrowed."""


@dataclass(frozen=True, slots=True)
class ActsPage:
    """Entries, the newest first, read at `at` by the database's clock; `cursor` goes on."""

    entries: tuple[OperatorAct, ...]
    cursor: str | None
    at: datetime


class Acts(Protocol):
    """The operator journal."""

    async def page(self, query: ActsQuery, cursor: str | None = None) -> ActsPage:
        """The newest entries, or those behind a cursor.

        Raises:
            RunNotFound: the filter names a run by a key that none has.
        """
        ...


class ClientActs:
    """The real thing, over one `Continuum` client."""

    def __init__(self, client: Continuum) -> None:
        self._client = client

    async def page(self, query: ActsQuery, cursor: str | None = None) -> ActsPage:
        """The newest entries, or those behind a cursor."""
        page = await self._client.operator_journal(
            run_id=_run(query.run),
            operator=query.by,
            namespace=query.namespace,
            act=query.act,
            plan_id=query.plan,
            since=_since(query.since),
            limit=ACTS,
            cursor=cursor,
        )
        return ActsPage(page.entries, page.next_cursor, page.stamp.at)


def _since(text: str | None) -> datetime | timedelta | None:
    """How long ago by the database's clock, where that was typed; else a time."""
    relative = None if text is None else parse_relative(text)
    if relative is not None and relative.base == "now":
        return -relative.offset
    return None if text is None else begin_of(text, datetime.now(UTC))


def _run(text: str | None) -> UUID | str | None:
    """An id, or a key."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return text


def refreshed(query: ActsQuery, held: ActsPage | None, fresh: ActsPage) -> ActsPage:
    """What was held with the newest page read again.

    Entries never change, so what is held behind the fresh page stays, unless entries may be
    missing between the two.
    """
    if held is None or fresh.cursor is None:
        return fresh
    oldest = fresh.entries[-1].id
    if not any(entry.id >= oldest for entry in held.entries):
        return fresh
    begins = query.begins(fresh.at)
    kept = [
        entry
        for entry in held.entries
        if entry.id < oldest and (begins is None or entry.at >= begins)
    ]
    entries = (*fresh.entries, *kept)
    return ActsPage(entries, held.cursor if kept else fresh.cursor, fresh.at)


def extended(held: ActsPage, further: ActsPage) -> ActsPage:
    """What was held with the page behind it."""
    return ActsPage((*held.entries, *further.entries), further.cursor, further.at)


def known(entries: Sequence[OperatorAct]) -> dict[str, list[str]]:
    """Values of each word of a filter among these entries, the newest first."""
    found: dict[str, dict[str, None]] = {"by": {}, "act": {}, "run": {}, "plan": {}, "ns": {}}
    for entry in entries:
        told = (entry.operator, entry.act, entry.run_id, entry.plan_id, entry.namespace)
        for values, value in zip(found.values(), told, strict=True):
            if value is not None:
                values[str(value)] = None
    return {word: list(values) for word, values in found.items()}
