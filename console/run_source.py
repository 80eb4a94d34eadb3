"""What the console reads of one run in depth: its journal, its family, what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from continuum import Continuum
from continuum.client.expecting import ExpectedPayload, ExpectedSignals
from continuum.declare.registry import AnyWorkflow
from continuum.model import HistoryEvent, Run, RunState, WaitNode

SHOWN_PAYLOAD: Final = 64 * 1024
"""Bytes of a payload that come with an event unasked."""
LARGEST_PAYLOAD: Final = 8 * 1024 * 1024
"""Bytes of a payload that are fetched when an operator asks for it."""
CHILDREN: Final = 200
"""Children on a page."""
PARTNER_BUDGET: Final = 1.0
"""Seconds to look for a run to compare with."""


@dataclass(frozen=True, slots=True)
class Span:
    """Up to `limit` events with `after` < seq < `before`; the last of them with `newest`."""

    after: int = 0
    before: int | None = None
    limit: int = 250
    newest: bool = False
    max_payload: int = SHOWN_PAYLOAD


@dataclass(frozen=True, slots=True)
class ChildPage:
    """Some children of a run, the oldest first; `cursor` goes on, None at the end."""

    runs: tuple[Run, ...]
    cursor: str | None


class RunReads(Protocol):
    """What the Run screen asks, besides the run itself. All raise `RunNotFound`."""

    async def events(self, run_id: UUID, span: Span) -> Sequence[HistoryEvent]:
        """A part of the journal, oldest first."""
        ...

    async def whole(self, run_id: UUID) -> Run:
        """The run with payloads up to `LARGEST_PAYLOAD`."""
        ...

    async def published(self, run_id: UUID) -> Mapping[str, Any]:
        """The last value of each name that it published."""
        ...

    async def children(self, run_id: UUID, *, failed: bool, cursor: str | None) -> ChildPage:
        """A page of its children, or only of those that failed."""
        ...

    async def child_counts(self, run_id: UUID) -> Mapping[str, int]:
        """How many children it has in each state that occurs."""
        ...

    async def wait_chain(self, run_id: UUID) -> WaitNode:
        """What it waits for, followed through children and queues."""
        ...

    async def partner(self, run: Run) -> Run | None:
        """The latest run of the same workflow and version that completed, except itself."""
        ...

    async def expected(self, run: Run) -> Mapping[str, ExpectedPayload | None]:
        """The signals that its code waits for, with their payloads as far as the code is loaded.

        None of any type, or of one that is not sure; nothing when the code is not loaded.
        """
        ...


class ClientRunReads:
    """The real thing, over one `Continuum` client.

    Args:
        client: open.
        flows: the code that is loaded.
    """

    def __init__(self, client: Continuum, flows: Sequence[AnyWorkflow] = ()) -> None:
        self._client = client
        self._signals = ExpectedSignals(flows)

    async def events(self, run_id: UUID, span: Span) -> Sequence[HistoryEvent]:
        """A part of the journal."""
        return await self._client.history(
            run_id,
            after=span.after,
            before=span.before,
            limit=span.limit,
            newest=span.newest,
            max_payload=span.max_payload,
        )

    async def whole(self, run_id: UUID) -> Run:
        """The run with its payloads."""
        return await self._client.get_run(run_id, max_payload=LARGEST_PAYLOAD)

    async def published(self, run_id: UUID) -> Mapping[str, Any]:
        """The last value of each name."""
        return await self._client.published(run_id)

    async def children(self, run_id: UUID, *, failed: bool, cursor: str | None) -> ChildPage:
        """A page of its children."""
        where: list[tuple[object, ...]] = [("eq", "parent_id", run_id)]
        if failed:
            where.append(("eq", "state", RunState.FAILED.value))
        page = await self._client.query(
            namespace=None,
            where=where,
            order_by=("asc", "started_at"),
            limit=CHILDREN,
            cursor=cursor,
        )
        return ChildPage(page.entries, page.next_cursor)

    async def child_counts(self, run_id: UUID) -> Mapping[str, int]:
        """By state."""
        groups = await self._client.count(
            namespace=None, where=[("eq", "parent_id", run_id)], group_by="state"
        )
        return {str(group.key[0]): group.count for group in groups}

    async def wait_chain(self, run_id: UUID) -> WaitNode:
        """What it waits for."""
        return await self._client.wait_chain(run_id)

    async def partner(self, run: Run) -> Run | None:
        """The latest that completed."""
        page = await self._client.query(
            namespace=run.namespace,
            where=[
                ("eq", "workflow", run.workflow),
                ("eq", "version_hash", run.version_hash),
                ("eq", "state", RunState.COMPLETED.value),
            ],
            order_by=("desc", "started_at"),
            limit=2,
            budget=PARTNER_BUDGET,
        )
        return next((found for found in page.entries if found.id != run.id), None)

    async def expected(self, run: Run) -> Mapping[str, ExpectedPayload | None]:
        """What its code waits for; source files are read, so not on the loop that draws."""
        return await asyncio.to_thread(self._signals.of, run)
