"""Calls that only look: snapshots, journals, queries, counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar, overload
from uuid import UUID

import msgspec

from continuum.client.calls import Calls
from continuum.client.identifiers import (
    check_fields,
    check_limit,
    check_payload_size,
    check_timeout,
    find_run_id,
    optional_namespace,
)
from continuum.errors import RunNotFound
from continuum.model import MAX_SHOWN_PAYLOAD, HistoryEvent, Page, Run, ServerInfo
from continuum.query.building import OrderBy, build_query, read_operands
from continuum.store.reading import CountGroup, Counts, Stretch

T = TypeVar("T")

MAX_PAGE = 1000
MAX_EVENTS = 5000
STREAM_PAGE = 2000
"""Runs on a page of an answer that is read to its end."""
BREATH = 100
"""After so many runs of a stream the event loop gets a turn, in which the next page arrives."""


class Looking(Calls):
    """The reading half of `Continuum`."""

    async def get_run(
        self,
        run_id: UUID | str,
        *,
        max_payload: int = MAX_SHOWN_PAYLOAD,
        namespace: str | None = None,
    ) -> Run:
        """A snapshot of one run.

        Args:
            run_id: of any run.
            max_payload: bytes; a larger input or output is `Omitted`.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound.

        Example:
            print((await ct.get_run(run_id)).waiting_on)
        """
        within = optional_namespace(namespace)
        parsed = await find_run_id(self._reads, run_id, within)
        run = await self._reads.get_run(parsed, within, check_payload_size(max_payload))
        if run is None:
            raise RunNotFound(parsed)
        return run

    async def published(
        self, run_id: UUID | str, *, namespace: str | None = None
    ) -> dict[str, Any]:
        """What a run shows with `continuum.publish`: the last value of each name, as plain JSON.

        Args:
            run_id: of any run; one that has ended shows what it showed last.
            namespace: only a run of this namespace.

        Raises:
            RunNotFound.

        Example:
            print((await ct.published(run_id)).get("progress"))
        """
        within = optional_namespace(namespace)
        found = await find_run_id(self._reads, run_id, within)
        values = await self._reads.published(found, within)
        if values is None:
            raise RunNotFound(found)
        return {name: msgspec.json.decode(value) for name, value in values.items()}

    async def history(
        self,
        run_id: UUID | str,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 500,
        newest: bool = False,
        max_payload: int = MAX_SHOWN_PAYLOAD,
        namespace: str | None = None,
        operators: bool = True,
    ) -> list[HistoryEvent]:
        """A page of a run's journal, oldest first, with what operators did to it in between.

        Events are numbered 1, 2, 3 by `seq`. An entry of an operator has the seq of the event
        behind which it stands, a type such as "operator_cancel", and in `operator` who it was; for
        events of the journal that is None.

        Args:
            run_id: of any run.
            after: only events with a greater seq: the last seq of the previous page.
            before: only events with a smaller seq: to page backwards, the first seq of the
                previous page.
            limit: events on a page, at most 5,000; fewer came when nothing is left. Entries of
                operators come besides.
            newest: the last events instead of the first ones.
            max_payload: bytes; the data of an event that takes more is `Omitted`.
            namespace: only a run of this namespace.
            operators: False leaves out what operators did.

        Raises:
            RunNotFound.

        Example:
            for event in await ct.history(run_id):
                print(event.seq, event.type, event.data)
            page = await ct.history(run_id, newest=True, limit=50)
            older = await ct.history(run_id, before=page[0].seq, newest=True, limit=50)
        """
        within = optional_namespace(namespace)
        stretch = Stretch(
            after or 0,
            before,
            check_limit(limit, MAX_EVENTS),
            newest,
            check_payload_size(max_payload),
            operators,
        )
        parsed = await find_run_id(self._reads, run_id, within)
        events = await self._reads.history(parsed, within, stretch)
        if events is None:
            raise RunNotFound(parsed)
        return list(events)

    async def query(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        limit: int = 50,
        cursor: str | None = None,
        payloads: bool = False,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of the runs that match.

        Args:
            expression: conditions as text, with or without an `order by`.
            namespace: where to look; None is everywhere.
            where: conditions as data, as `("eq", ["attributes", "plan"], "pro")`; all must hold,
                besides those of the expression.
            order_by: `("asc" or "desc", field)`, or text as `attributes.tier desc`; default:
                newest first.
            limit: runs on a page, at most 1,000.
            cursor: `next_cursor` of the previous page of the same query.
            payloads: fetch `input` and `output`, too; they are `Omitted` otherwise.
            budget: seconds this may take; None: as long as a read may. When they are over, the
                page holds what was found, perhaps nothing, `complete` is False, and its cursor
                goes on. A page that has found nothing at all gives the next one twice the time.

        Raises:
            QueryError: a bad condition, order or cursor; or as long as a read may take was not
                enough to sort, and then the hint says which index would help.

        Example:
            page = await ct.query("state = 'failed' and started_at > -2h", namespace="billing")
            page = await ct.query(where=[("eq", "state", "failed")], budget=0.25)
        """
        query = build_query(expression, namespace, where, order_by)
        check_limit(limit, MAX_PAGE)
        return await self._reads.search(
            query, limit, cursor, payloads=payloads, budget=check_timeout(budget, "budget")
        )

    async def stream(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        payloads: bool = False,
    ) -> AsyncGenerator[Run]:
        """All runs that match; arguments as those of `query`.

        Example:
            async for run in ct.stream("state = 'failed'"):
                print(run.id)
        """
        pages = self.pages(
            expression, namespace=namespace, where=where, order_by=order_by, payloads=payloads
        )
        async with aclosing(pages):
            async for page in pages:
                for at, run in enumerate(page.entries):
                    if at % BREATH == 0:
                        await asyncio.sleep(0)
                    yield run

    async def pages(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        payloads: bool = False,
    ) -> AsyncGenerator[Page[Run]]:
        """All runs that match, in pages of the store's choice; arguments as those of `query`.

        While a page is in use the next one is fetched, as often as the caller lets the event loop
        run. A page that is not complete may be short or empty; the next one goes on.

        Example:
            async for page in ct.pages("state = 'failed'"):
                print(len(page.entries), page.stamp.at)
        """
        query = build_query(expression, namespace, where, order_by)
        pages = _walk(partial(self._reads.search, query, STREAM_PAGE, payloads=payloads), None)
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def records(
        self,
        fields: Sequence[str],
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[Page[tuple[Any, ...]]]:
        """Some fields of all runs that match, as tuples in pages like those of `pages`.

        Three times as fast as making a `Run` of each, and only these fields are fetched: for
        exports and statistics of many runs.

        Args:
            fields: names of what a `Run` has, in the order of the tuples; states are text.
            expression: as in `query`.
            namespace: where to look; None is everywhere.
            where: as in `query`.
            order_by: as in `query`.
            cursor: `next_cursor` of the last page that was used, to go on there.

        Raises:
            QueryError: as `query`, and when a run has no such field.

        Example:
            async for page in ct.records(["id", "attributes"], "state = 'failed'"):
                for run_id, attributes in page.entries:
                    print(run_id, attributes.get("plan"))
        """
        query, names = build_query(expression, namespace, where, order_by), check_fields(fields)
        pages = _walk(partial(self._reads.records, query, names, STREAM_PAGE), cursor)
        async with aclosing(pages):
            async for page in pages:
                yield page

    @overload
    async def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: None = None,
    ) -> int: ...

    @overload
    async def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]],
    ) -> list[CountGroup]: ...

    async def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]] | None = None,
    ) -> int | list[CountGroup]:
        """How many runs match, exactly.

        Args:
            expression: as in `query`, without an order.
            namespace: where to look; None is everywhere.
            where: as in `query`.
            group_by: run fields or attributes; the answer is then one `CountGroup` per
                combination that occurs. A string names one or several with commas between them.

        Raises:
            QueryError: a bad condition, a group of its own for nearly every run, or it took longer
                than a read may: `counts` gives what can be counted in less.

        Example:
            for group in await ct.count(namespace=None, group_by=["state", "attributes.plan"]):
                print(group.key, group.count)
        """
        counts = await self.counts(expression, namespace=namespace, where=where, group_by=group_by)
        return counts.groups[0].count if group_by is None else list(counts.groups)

    async def counts(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]] | None = None,
        budget: float | None = None,
    ) -> Counts:
        """How many runs match, with when and how they were counted.

        Args:
            expression: as in `query`, without an order.
            namespace: where to look; None is everywhere.
            where: as in `query`.
            group_by: as in `count`; without it there is one group, whose key is empty.
            budget: seconds this may take. When they are not enough, the newest runs were counted:
                there are at least so many, and `stamp.exact` is False.

        Raises:
            QueryError: as `count`; with a budget none for the time it took.

        Example:
            counts = await ct.counts("attributes.plan = 'pro'", group_by="state", budget=0.25)
            print("exactly" if counts.stamp.exact else "at least", counts.groups)
        """
        query = build_query(expression, namespace, where, None, ordered=False)
        listed = [group_by] if isinstance(group_by, str) else list(group_by or ())
        operands = [operand for item in listed for operand in read_operands(item)]
        return await self._reads.count(query, operands, budget=check_timeout(budget, "budget"))

    async def namespaces(self) -> list[str]:
        """Every namespace that holds a run."""
        return list(await self._reads.namespaces())

    async def server(self) -> ServerInfo:
        """Which server, database and user the connection in use has.

        Example:
            print((await ct.server()).database)
        """
        return await self._reads.server()


async def _walk(
    search: Callable[[str | None], Coroutine[Any, Any, Page[T]]], cursor: str | None
) -> AsyncGenerator[Page[T]]:
    """Page after page; while one is in use, the next is fetched."""
    coming: asyncio.Task[Page[T]] | None = asyncio.create_task(search(cursor))
    try:
        while coming is not None:
            page = await coming
            more = page.next_cursor
            coming = None if more is None else asyncio.create_task(search(more))
            yield page
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait([coming])
