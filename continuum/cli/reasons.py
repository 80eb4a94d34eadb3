"""`continuum reasons`: where operators must say why they act."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Options, application
from continuum.cli.failures import UsageError
from continuum.cli.output import Rows
from continuum.cli.table import Column


async def reasons(
    options: Options,
    require: Annotated[
        bool | None,
        typer.Option("--require/--optional", help="Refuse acts without a reason there, or not."),
    ] = None,
) -> None:
    """List the namespaces in which operators must say why they act, or change one.

    With --require an act upon a run or schedule of the namespace is refused when it gives no
    reason, from any program; signals and attributes of applications need none. --optional ends
    that, with a --reason.
    """
    options.without_effect("reasons", namespace=require is None)
    async with connection.connect(options) as client:
        if require is not None:
            if options.namespace is None:
                raise UsageError("name the namespace", hint="continuum reasons --require -n NAME")
            await client.require_reasons(options.namespace, required=require)
        found = await client.reasons_required()
    rows = Rows(options.shape, [Column("namespace")], fields=("namespace",), key="namespace")
    for namespace in found:
        rows.add({"namespace": namespace})
    rows.close()


app = application(reasons, acts=True)
