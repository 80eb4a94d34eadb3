"""`continuum query`: list the runs that match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from continuum.cli import connection
from continuum.cli.columns import parse_columns, table_columns
from continuum.cli.command import Format, Options, application, note
from continuum.cli.conditions import check_cursor, check_group_by, read_order, read_where
from continuum.cli.failures import UsageError
from continuum.cli.output import Rows, write, write_json
from continuum.cli.records import LIST_FIELDS, PAYLOAD_FIELDS, page_record, run_record, to_json
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import Page, Run

_PAGE = 500


async def query(
    options: Options,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='Conditions, as [["eq",["attributes","plan"],"pro"]]; @FILE or - to read them.',
        ),
    ] = None,
    order_by: Annotated[
        str | None,
        typer.Option(metavar="FIELD [asc|desc]", help="Order; started_at desc unless told."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Runs on a page.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where a page ended.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Walk all pages.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print how many match.")] = False,
    group_by: Annotated[
        str | None, typer.Option(metavar="FIELDS", help="Count per value of these fields.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="FIELDS", help="Fields to print, as id,state,attributes.plan,output."),
    ] = None,
) -> None:
    """List the runs that match conditions.

    Looks in the namespace "default" unless told otherwise (-n, -A). jsonl, csv and ids print only
    the runs; the cursor of the next page and whether the page is complete go to stderr. No match
    is not an error.
    """
    options.without_effect("query", namespace=False)
    chosen = parse_columns(columns)
    spec: dict[str, Any] = {"namespace": options.searched, "where": read_where(where)}
    if count or group_by:
        _check_count(order_by=order_by, cursor=cursor, columns=columns, every=every)
        await _count(options, spec, _fields(group_by))
        return
    spec["order_by"] = read_order(order_by)
    check_cursor(cursor, namespace=spec["namespace"], where=spec["where"], order=spec["order_by"])
    spec["payloads"] = bool(PAYLOAD_FIELDS.intersection(chosen or ()))
    if every and cursor:
        raise UsageError("--all and --cursor exclude each other")
    listing = _Listing(options, chosen)
    async with connection.connect(options) as client:
        if every:
            await listing.all_pages(client, spec)
        else:
            listing.one_page(await client.query(**spec, limit=limit, cursor=cursor))


class _Listing:
    """Prints runs in the asked format."""

    def __init__(self, options: Options, chosen: Sequence[str] | None) -> None:
        self._shape = options.shape
        self._fields = tuple(chosen) if chosen is not None else LIST_FIELDS
        self._columns = table_columns(chosen, namespaces=options.searched is None)

    def one_page(self, page: Page[Run]) -> None:
        if self._shape is Format.JSON:
            write_json(page_record(page, self._fields))
            return
        rows = self._rows()
        for run in page.entries:
            rows.add(self._record(run))
        rows.close()
        self._tell_rest(page.next_cursor, complete=page.complete)

    async def all_pages(self, client: Continuum, spec: dict[str, Any]) -> None:
        page = await client.query(**spec, limit=_PAGE)
        if self._shape is Format.JSON:
            await self._one_document(client, spec, page)
            return
        rows = self._rows()
        while True:
            for run in page.entries:
                rows.add(self._record(run))
            if page.next_cursor is None:
                break
            page = await client.query(**spec, limit=_PAGE, cursor=page.next_cursor)
        rows.close()
        self._tell_rest(None, complete=True)

    async def _one_document(self, client: Continuum, spec: dict[str, Any], page: Page[Run]) -> None:
        document = page_record(page, self._fields)
        while page.next_cursor is not None:
            page = await client.query(**spec, limit=_PAGE, cursor=page.next_cursor)
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

    def _tell_rest(self, next_cursor: str | None, *, complete: bool) -> None:
        note(f"next_cursor: {next_cursor or 'null'}, complete: {'true' if complete else 'false'}")


def _check_count(*, order_by: object, cursor: object, columns: object, every: bool) -> None:
    given = {"--order-by": order_by, "--cursor": cursor, "--columns": columns, "--all": every}
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UsageError(f"{wrong[0]} makes no sense with --count or --group-by")


def _fields(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()


async def _count(options: Options, spec: dict[str, Any], group_by: tuple[str, ...]) -> None:
    shape = options.shape
    if shape is Format.IDS:
        raise UsageError("a count has no ids", hint="use --format table, json, jsonl or csv")
    check_group_by(group_by)
    async with connection.connect(options) as client:
        groups = await client.count(**spec, group_by=group_by)
    if not group_by and shape is not Format.CSV:
        write(to_json(sum(group.count for group in groups)))
        return
    fields = (*group_by, "count")
    rows = Rows(shape, [Column(name, None) for name in fields], fields=fields)
    for group in groups:
        rows.add(dict(zip(fields, (*group.key, group.count), strict=True)))
    rows.close()


app = application(query)
