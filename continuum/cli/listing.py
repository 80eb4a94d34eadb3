"""Prints the runs that match: one page, or all of them as they come."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from continuum.cli.command import note
from continuum.cli.records import stamp_record
from continuum.cli.run_printers import Printer, RunDocument, Values, values_of
from continuum.cli.stamps import page_text
from continuum.model import PAYLOAD_FIELDS

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import Page, Stamp

_BATCH: Final = 100
"""Runs that are written with one call of the system."""


async def print_page(
    client: Continuum, printer: Printer, spec: dict[str, Any], limit: int, cursor: str | None
) -> None:
    """Print a page, and on stderr how to go on.

    Args:
        client: to ask.
        printer: writes the runs.
        spec: the query, as keyword arguments of `Continuum.query`.
        limit: runs of the page.
        cursor: of the page before.
    """
    payloads = not PAYLOAD_FIELDS.isdisjoint(printer.fields)
    page = await client.query(**spec, limit=limit, cursor=cursor, payloads=payloads)
    sys.stdout.write(printer.header + printer.text(values_of(page.entries, printer.fields)))
    _end(printer, page.stamp, page.next_cursor, complete=page.complete)


async def print_all(
    client: Continuum, printer: Printer, spec: dict[str, Any], cursor: str | None
) -> None:
    """Print every run that matches, as the pages come, and on stderr how to go on after Ctrl-C.

    Args:
        client: to ask.
        printer: writes the runs.
        spec: the query, as keyword arguments of `Continuum.records`.
        cursor: where to begin.
    """
    collecting = gc.isenabled()
    gc.disable()  # rows have no cycles; looking for some takes a fifth of the time
    try:
        await _print_all(client, printer, spec, cursor)
    finally:
        if collecting:
            gc.enable()


async def _print_all(
    client: Continuum, printer: Printer, spec: dict[str, Any], cursor: str | None
) -> None:
    began = monotonic()
    page: Page[Values] | None = None
    sys.stdout.write(printer.header)
    pages = client.records(printer.fields, **spec, cursor=cursor)
    try:
        async with aclosing(pages):
            async for page in pages:
                await _write(printer, page.entries)
    except BrokenPipeError:
        raise  # nobody reads, and what was read before is not known
    except BaseException:
        if page is not None and page.next_cursor is not None:
            sys.stdout.flush()
            _tell(page.stamp, page.next_cursor, complete=False)
        raise
    assert page is not None  # there is always one
    _end(printer, replace(page.stamp, elapsed=monotonic() - began), None, complete=True)


async def _write(printer: Printer, entries: Sequence[Values]) -> None:
    """The whole page, whatever happens: its cursor says that it was printed."""
    at = 0
    try:
        while at < len(entries):
            batch, at = entries[at : at + _BATCH], at + _BATCH
            sys.stdout.write(printer.text(batch))
            await asyncio.sleep(0)  # meanwhile the next page arrives
    except asyncio.CancelledError:
        sys.stdout.write(printer.text(entries[at:]))
        raise


def _end(printer: Printer, stamp: Stamp, cursor: str | None, *, complete: bool) -> None:
    rest = {"next_cursor": cursor, "complete": complete, "stamp": stamp_record(stamp)}
    sys.stdout.write(printer.footer(rest))
    if not isinstance(printer, RunDocument):
        sys.stdout.flush()
        _tell(stamp, cursor, complete=complete)


def _tell(stamp: Stamp, cursor: str | None, *, complete: bool) -> None:
    note(f"next_cursor: {cursor or 'null'}, {page_text(stamp, complete=complete)}")
