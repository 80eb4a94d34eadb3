"""`continuum doctor`: is this database fit for Continuum?"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from continuum.cli.command import Format, Options, Outcome, application
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import Rows, write_lines
from continuum.cli.sanitize import one_line

_FIELDS: Final = ("result", "name", "message", "fix")


async def doctor(
    options: Options,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 for a warning, too.")
    ] = False,
) -> Outcome:
    """Check whether a database is fit for Continuum; nothing is changed.

    Looks at the server and its settings, at sessions, locks and notifications (and so for a
    pooler), at the schema, privileges, connections and clocks. Each check is ok, warn, fail or
    unknown, with what to do. Exits with 1 when one fails.
    """
    options.without_effect("doctor")
    if options.shape is Format.IDS:
        raise UsageError("checks have no run ids", hint="use --format table, json or jsonl")
    from continuum.client import Continuum
    from continuum.health.doctor import Result, worst

    checks = await Continuum.doctor(options.dsn, options.direct_dsn)
    if options.shape is Format.TABLE:
        for check in checks:
            write_lines([one_line(f"{check.result:<8}{check.name:<13}{check.message}")])
            if check.fix is not None:
                write_lines([one_line(f"{'':21}{check.fix}")])
    else:
        rows = Rows(options.shape, [], fields=_FIELDS)
        for check in checks:
            rows.add({name: getattr(check, name) for name in _FIELDS})
        rows.close()
    bad = (Result.FAIL, Result.WARN) if strict else (Result.FAIL,)
    return ExitCode.NO if worst(checks) in bad else ExitCode.OK


app = application(doctor)
