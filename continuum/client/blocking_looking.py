"""The calls that only look, for synchronous code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, overload
from uuid import UUID

from continuum.client.blocking_calls import BlockingCalls
from continuum.client.looking import MAX_PAGE
from continuum.model import MAX_SHOWN_PAYLOAD, HistoryEvent, Page, Run, ServerInfo
from continuum.query.building import OrderBy
from continuum.store.reading import CountGroup, Counts


class BlockingLooking(BlockingCalls):
    """The reading half of `BlockingContinuum`."""

    def get_run(
        self,
        run_id: UUID | str,
        *,
        max_payload: int = MAX_SHOWN_PAYLOAD,
        namespace: str | None = None,
    ) -> Run:
        """A snapshot of one run; see `Continuum.get_run`."""
        return self.call(self._client.get_run(run_id, max_payload=max_payload, namespace=namespace))

    def published(self, run_id: UUID | str, *, namespace: str | None = None) -> dict[str, Any]:
        """What a run shows; see `Continuum.published`."""
        return self.call(self._client.published(run_id, namespace=namespace))

    def history(
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
        """A page of a run's journal; see `Continuum.history`."""
        return self.call(
            self._client.history(
                run_id,
                after=after,
                before=before,
                limit=limit,
                newest=newest,
                max_payload=max_payload,
                namespace=namespace,
                operators=operators,
            )
        )

    def query(
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
        """One page of the runs that match; see `Continuum.query`."""
        return self.call(
            self._client.query(
                expression,
                namespace=namespace,
                where=where,
                order_by=order_by,
                limit=limit,
                cursor=cursor,
                payloads=payloads,
                budget=budget,
            )
        )

    def stream(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        payloads: bool = False,
    ) -> Iterator[Run]:
        """All runs that match; see `Continuum.stream`."""
        for page in self.pages(
            expression, namespace=namespace, where=where, order_by=order_by, payloads=payloads
        ):
            yield from page.entries

    def pages(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        payloads: bool = False,
    ) -> Iterator[Page[Run]]:
        """All runs that match, page by page; see `Continuum.pages`."""
        page = partial(
            self.query,
            expression,
            namespace=namespace,
            where=where,
            order_by=order_by,
            limit=MAX_PAGE,
            payloads=payloads,
        )
        answer = page()
        yield answer
        while answer.next_cursor is not None:
            answer = page(cursor=answer.next_cursor)
            yield answer

    def records(
        self,
        fields: Sequence[str],
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        order_by: OrderBy | None = None,
        cursor: str | None = None,
    ) -> Iterator[Page[tuple[Any, ...]]]:
        """Some fields of all runs that match, as tuples in pages; see `Continuum.records`."""
        pages = self._client.records(
            fields,
            expression,
            namespace=namespace,
            where=where,
            order_by=order_by,
            cursor=cursor,
        )

        async def following() -> Page[tuple[Any, ...]] | None:
            return await anext(pages, None)

        try:
            while (page := self.call(following())) is not None:
                yield page
        finally:
            self.call(pages.aclose())

    @overload
    def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: None = None,
    ) -> int: ...

    @overload
    def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]],
    ) -> list[CountGroup]: ...

    def count(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]] | None = None,
    ) -> int | list[CountGroup]:
        """How many runs match; see `Continuum.count`."""
        if group_by is None:
            return self.call(self._client.count(expression, namespace=namespace, where=where))
        return self.call(
            self._client.count(expression, namespace=namespace, where=where, group_by=group_by)
        )

    def counts(
        self,
        expression: str | None = None,
        *,
        namespace: str | None = "default",
        where: Sequence[Any] | None = None,
        group_by: str | Sequence[str | Sequence[str]] | None = None,
        budget: float | None = None,
    ) -> Counts:
        """How many runs match, with when and how they were counted; see `Continuum.counts`."""
        return self.call(
            self._client.counts(
                expression, namespace=namespace, where=where, group_by=group_by, budget=budget
            )
        )

    def namespaces(self) -> list[str]:
        """Every namespace that holds a run."""
        return self.call(self._client.namespaces())

    def server(self) -> ServerInfo:
        """Who and where the database is; see `Continuum.server`."""
        return self.call(self._client.server())
