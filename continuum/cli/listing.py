"""Prints pages of runs in the asked format: one, all of them, or one over and over."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from continuum.cli.columns import table_columns
from continuum.cli.command import Format, Options, note
from continuum.cli.output import Rows, colour, table_width, write_json
from continuum.cli.records import LIST_FIELDS, page_record, run_record
from continuum.cli.stamps import read_text
from continuum.cli.table import render_table

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import Page, Run

_BATCH: Final = 100
"""Runs that are written with one call of the system."""
_TOP_LEFT: Final = "\x1b[H\x1b[J"
"""Clears the terminal from its first cell on."""


class Listing:
    """Runs in one format.

    Args:
        options: of the command.
        chosen: from `--columns`; None for the usual ones.
        spec: the query, as keyword arguments of `Continuum.query`.
    """

    def __init__(
        self, options: Options, chosen: Sequence[str] | None, spec: dict[str, Any]
    ) -> None:
        self._shape = options.shape
        self._fields = tuple(chosen) if chosen is not None else LIST_FIELDS
        self._columns = table_columns(chosen, namespaces=options.searched is None)
        self._spec = spec

    async def one_page(self, client: Continuum, limit: int, cursor: str | None) -> None:
        """Print a page, and on stderr how to go on."""
        page = await client.query(**self._spec, limit=limit, cursor=cursor)
        if self._shape is Format.JSON:
            write_json(page_record(page, self._fields))
            return
        rows = self._rows()
        rows.add(*map(self._record, page.entries))
        rows.close()
        _tell_rest(page, page.next_cursor)

    async def all_pages(self, client: Continuum) -> None:
        """Print every run that matches, as the pages come."""
        collecting = gc.isenabled()
        gc.disable()  # rows have no cycles; looking for some takes a fifth of the time
        try:
            await self._all_pages(client)
        finally:
            if collecting:
                gc.enable()

    async def _all_pages(self, client: Continuum) -> None:
        pages = client.pages(**self._spec)
        page = await anext(pages)  # there is always one
        if self._shape is Format.JSON:
            await self._one_document(page, pages)
            return
        rows = self._rows()
        await self._add(rows, page)
        async for page in pages:
            await self._add(rows, page)
        rows.close()
        _tell_rest(page, None)

    async def _add(self, rows: Rows, page: Page[Run]) -> None:
        for at in range(0, len(page.entries), _BATCH):
            rows.add(*map(self._record, page.entries[at : at + _BATCH]))
            await asyncio.sleep(0)  # meanwhile the next page arrives

    async def watch(self, client: Continuum, limit: int, interval: float) -> None:
        """Until Ctrl-C: redraw the table when it changed, or append the runs that changed.

        Args:
            client: to ask.
            limit: runs that are looked at.
            interval: seconds between two looks.
        """
        drawn: list[str] = []
        known: dict[Any, Any] = {}
        rows = None if self._shape is Format.TABLE else self._rows()
        while True:
            page = await client.query(**self._spec, limit=limit)
            if rows is None:
                drawn = self._draw(page, drawn)
            else:
                known = self._append(rows, page, known)
            sys.stdout.flush()
            await asyncio.sleep(interval)

    def _draw(self, page: Page[Run], drawn: list[str]) -> list[str]:
        records = [self._record(run) for run in page.entries]
        lines = render_table(records, self._columns, width=table_width(), colour=colour())
        if lines != drawn:
            sys.stdout.write(_TOP_LEFT + "".join(f"{line}\n" for line in lines))
        return lines

    def _append(self, rows: Rows, page: Page[Run], known: dict[Any, Any]) -> dict[Any, Any]:
        """Write the runs that are new or differ; that time passes for a live run is no change."""
        seen: dict[Any, Any] = {}
        for run in page.entries:
            record = self._record(run)
            seen[run.id] = {**record, "duration": None}
            if known.get(run.id) != seen[run.id]:
                rows.add(record)
        return seen

    async def _one_document(self, first: Page[Run], pages: AsyncIterator[Page[Run]]) -> None:
        document = page_record(first, self._fields)
        async for page in pages:
            document["entries"] += page_record(page, self._fields)["entries"]
        write_json(document | {"next_cursor": None, "complete": True})

    def _rows(self) -> Rows:
        return Rows(self._shape, self._columns, fields=self._fields)

    def _record(self, run: Run) -> dict[str, Any]:
        if self._shape is Format.IDS:
            return {"id": run.id}
        if self._shape is not Format.TABLE:
            return run_record(run, self._fields)
        record = run_record(run, [column.name for column in self._columns])
        if run.waiting_on is None and run.error is not None and "waiting_on" in record:
            kind = run.error.type.rpartition(".")[2]
            record["waiting_on"] = f"{kind}: {run.error.message}"
        return record


def _tell_rest(page: Page[Run], next_cursor: str | None) -> None:
    complete = next_cursor is None or page.complete
    text = f"next_cursor: {next_cursor or 'null'}, complete: {'true' if complete else 'false'}"
    note(f"{text}, {read_text(page.stamp)}")
