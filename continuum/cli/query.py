"""`continuum query`: list the runs that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from continuum.cli import connection
from continuum.cli.columns import parse_columns
from continuum.cli.command import Format, Options, application, note
from continuum.cli.conditions import (
    check_query,
    group_names,
    read_expression,
    read_order,
    read_where,
)
from continuum.cli.explain import check_format, explain_count, explain_page
from continuum.cli.failures import UsageError
from continuum.cli.listing import print_all, print_page
from continuum.cli.output import Rows, write
from continuum.cli.records import to_json
from continuum.cli.run_printers import printer
from continuum.cli.stamps import count_text
from continuum.cli.table import Column
from continuum.cli.watching import Watch

if TYPE_CHECKING:
    from continuum.client import Continuum


async def query(
    options: Options,
    expression: Annotated[
        str | None,
        typer.Argument(metavar="EXPR", hidden=True, help="Conditions as text."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='Conditions, as [["eq",["attributes","plan"],"pro"]]; @FILE or - to read them.',
        ),
    ] = None,
    order_by: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD [asc|desc]",
            help="Order, by attributes.KEY too; default started_at desc.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=1000, metavar="N", show_default="50", help="Runs on a page."),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where a page ended.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Walk all pages.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Print how many match.")] = False,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="FIELDS", help="Count per value of these fields or attributes."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="FIELDS", help="Fields to print, as id,state,attributes.plan,output."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="SECONDS", help="Answer by then with what was found."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print how it was answered, not the answer.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on showing what changes, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            min=0.1, metavar="SECONDS", show_default="1.0", help="Between two looks of --watch."
        ),
    ] = None,
    read_dsn: Annotated[
        str | None, typer.Option(metavar="DSN", help="Ask this server, such as a replica.")
    ] = None,
) -> None:
    """List the runs that match EXPR, such as "state = 'failed' and started_at > -2h".

    Looks in the namespace "default" unless told otherwise (-n, -A). jsonl, csv and ids print only
    the runs; the cursor of the next page, whether the page is complete, and when and where it was
    read go to stderr, as does whether a count is exact. No match is not an error.
    """
    options.without_effect("query", namespace=False)
    if interval is not None and not watch:
        raise UsageError("--interval makes no sense without --watch")
    chosen = parse_columns(columns)
    spec: dict[str, Any] = {
        "expression": read_expression(expression),
        "namespace": options.searched,
        "where": read_where(where),
    }
    if explain:
        _exclude("--explain", {"--columns": columns, "--all": every, "--watch": watch})
        check_format(options)
    if count or group_by:
        _exclude("--count or --group-by", {
            "--order-by": order_by, "--limit": limit, "--cursor": cursor, "--columns": columns,
            "--all": every, "--watch": watch,
        })  # fmt: skip
        if options.shape is Format.IDS:
            raise UsageError("a count has no ids", hint="use --format table, json, jsonl or csv")
        asked = check_query(**spec, ordered=False)
        spec |= {"group_by": group_names(group_by) if group_by else (), "budget": budget}
        async with connection.connect(options, read_dsn) as client:
            if explain:
                await explain_count(client, options, asked, spec)
            else:
                await _count(client, options, spec)
        return
    spec["order_by"] = read_order(order_by)
    asked = check_query(**spec, cursor=cursor)
    spec |= {} if budget is None else {"budget": budget}
    if every:
        _exclude("--all", {"--limit": limit, "--budget": budget, "--watch": watch})
    if watch:
        _exclude("--watch", {"--cursor": cursor, "--format json": options.shape is Format.JSON})
    shown = printer(options.shape, chosen, namespaces=options.searched is None)
    size = 50 if limit is None else limit
    async with connection.connect(options, read_dsn) as client:
        if explain:
            await explain_page(client, options, asked, spec | {"limit": size, "cursor": cursor})
        elif every:
            await print_all(client, shown, spec, cursor)
        elif watch:
            await Watch(client, shown, spec, size).run(interval or 1.0)
        else:
            await print_page(client, shown, spec, size, cursor)


def _exclude(option: str, others: dict[str, Any]) -> None:
    wrong = [name for name, value in others.items() if value]
    if wrong:
        raise UsageError(f"{wrong[0]} makes no sense with {option}")


async def _count(client: Continuum, options: Options, spec: dict[str, Any]) -> None:
    counts = await client.counts(**spec)
    shape, names = options.shape, spec["group_by"]
    if not names and shape is not Format.CSV:
        write(to_json(sum(group.count for group in counts.groups)))
    else:
        fields = (*names, "count")
        rows = Rows(shape, [Column(name, None) for name in fields], fields=fields)
        for group in counts.groups:
            rows.add(dict(zip(fields, (*group.key, group.count), strict=True)))
        rows.close()
    note(count_text(counts.stamp))


app = application(query, usage="[OPTIONS] [EXPR]")
