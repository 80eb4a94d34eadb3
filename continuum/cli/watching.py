"""`continuum query --watch`: the same page over and over, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

from continuum.cli.command import note
from continuum.cli.run_printers import Printer, RunTable, Values, values_of
from continuum.cli.sanitize import fit, one_line
from continuum.cli.stamps import page_text
from continuum.errors import DatabaseUnavailable
from continuum.model import PAYLOAD_FIELDS

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import Page, Run

_TOP_LEFT: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"


class Watch:
    """Looks at a page again and again.

    Args:
        client: to ask.
        printer: writes the runs; a table is drawn anew each time, for a terminal.
        spec: the query, as keyword arguments of `Continuum.query`.
        limit: runs that are looked at.
    """

    def __init__(
        self, client: Continuum, printer: Printer, spec: dict[str, Any], limit: int
    ) -> None:
        payloads = not PAYLOAD_FIELDS.isdisjoint(printer.fields)
        self._client = client
        self._spec: dict[str, Any] = {**spec, "limit": limit, "payloads": payloads}
        self._view = Screen(printer) if isinstance(printer, RunTable) else Lines(printer)

    async def run(self, interval: float) -> None:
        """Until Ctrl-C; a server that does not answer is asked again.

        Args:
            interval: seconds between two looks.

        Raises:
            ContinuumError: the first look failed, or the query cannot be answered.
        """
        seen = False
        while True:
            try:
                page = await self._client.query(**self._spec)
            except DatabaseUnavailable as error:
                if not seen:
                    raise
                self._view.failed(error)
            else:
                seen = True
                self._view.show(page)
            sys.stdout.flush()
            await asyncio.sleep(interval)


class Lines:
    """Appends the runs that are new or differ; that time passes for a live run is no change."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._compared = [name for name in printer.fields if name != "duration"] or ["id"]
        self._known: dict[Any, Values] | None = None
        self._failing = False
        sys.stdout.write(printer.header)

    def show(self, page: Page[Run]) -> None:
        """Write what has changed, and then on stderr when it was read."""
        known, values = self._known or {}, values_of(page.entries, self._compared)
        seen = dict(zip([run.id for run in page.entries], values, strict=True))
        changed = [run for run in page.entries if known.get(run.id) != seen[run.id]]
        sys.stdout.write(self._printer.text(values_of(changed, self._printer.fields)))
        if changed or self._failing or self._known is None:
            sys.stdout.flush()
            note(page_text(page.stamp, complete=page.complete))
        self._known, self._failing = seen, False

    def failed(self, error: DatabaseUnavailable) -> None:
        """Say so, once."""
        if not self._failing:
            note(f"{error.message}; trying again")
        self._failing = True


class Screen:
    """Draws a table over the one before, as much of it as fits, and below it when it was read."""

    def __init__(self, table: RunTable) -> None:
        self._table = table
        self._drawn: list[str] = []
        self._stamp = ""

    def show(self, page: Page[Run]) -> None:
        """Draw the page."""
        self._drawn = self._table.lines(values_of(page.entries, self._table.fields))
        self._stamp = page_text(page.stamp, complete=page.complete)
        self._draw(self._stamp)

    def failed(self, error: DatabaseUnavailable) -> None:
        """Keep the table, and say below it that it is old."""
        self._draw(f"{error.message}; trying again; {self._stamp}")

    def _draw(self, footer: str) -> None:
        width, height = shutil.get_terminal_size((80, 24))
        room = max(height - 2, 2)  # the footer, and the line on which the cursor stays
        shown = self._drawn[:room]
        if len(shown) < len(self._drawn):
            footer = f"{len(shown) - 1} of {len(self._drawn) - 1} runs, {footer}"
        lines = [*shown, fit(one_line(footer), width)]
        sys.stdout.write(
            _TOP_LEFT + "".join([f"{line}{_REST_OF_LINE}\n" for line in lines]) + _REST_OF_SCREEN
        )
