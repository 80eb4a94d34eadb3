"""From an error to one line on stderr and an exit code."""

from __future__ import annotations

import enum
import os
import sys

from continuum import errors
from continuum.cli.sanitize import cells, one_line


class ExitCode(enum.IntEnum):
    """What the exit codes mean; scripts rely on them."""

    OK = 0
    NO = 1
    """The answer is no: not found, already ended, failed, not in time."""
    USAGE = 2
    """Wrong usage, or an expression or value that cannot be right."""
    DATABASE = 3
    """The database cannot be reached, or has not the schema of this release."""
    BUG = 70
    """Continuum itself failed (EX_SOFTWARE)."""
    INTERRUPTED = 130


class UsageError(errors.ContinuumError):
    """The command line is wrong."""


class ReaderGone(Exception):
    """Whoever read our output stopped (`| head`): end quietly."""


_ANSWERS_NO = (
    errors.RunNotFound,
    errors.RunTerminal,
    errors.RepairRefused,
    errors.ReasonRequired,
    errors.PlanError,
    errors.WorkflowNotFound,
    errors.VersionNotFound,
    errors.WorkflowFailed,
    errors.WorkflowCancelled,
    errors.ResultTimeout,
    errors.QuestionRefused,
    errors.QuestionUnanswered,
    errors.DuplicateRun,
    errors.ScheduleExists,
    errors.ScheduleNotFound,
)
_DATABASE = (errors.DatabaseUnavailable, errors.SchemaError)


def exit_code(error: errors.ContinuumError) -> ExitCode:
    """The exit code that an error stands for."""
    if isinstance(error, errors.MalformedRunId):
        return ExitCode.USAGE
    if isinstance(error, _DATABASE):
        return ExitCode.DATABASE
    if isinstance(error, _ANSWERS_NO):
        return ExitCode.NO
    return ExitCode.USAGE


def report(error: errors.ContinuumError) -> ExitCode:
    """Print an expected error as one line; answers the exit code."""
    print(f"error: {one_line(str(error))}", file=sys.stderr)  # noqa: T201
    return exit_code(error)


def report_expression(error: errors.QueryError) -> ExitCode:
    """Print a wrong expression; on a terminal also its faulty line with a caret below."""
    code = report(error)
    if sys.stderr.isatty() and error.excerpt is not None:
        line, caret = error.excerpt.split("\n")
        before = cells(one_line(line[: len(caret) - 1]))
        print(f"  {one_line(line)}\n  {' ' * before}^", file=sys.stderr)  # noqa: T201
    return code


def report_bug(error: Exception) -> ExitCode:
    """Print an unexpected error as one line; CONTINUUM_DEBUG=1 gives the traceback."""
    if os.environ.get("CONTINUUM_DEBUG"):
        raise error
    text = one_line(f"{type(error).__name__}: {error}")
    print(  # noqa: T201
        f"error: internal error: {text} (set CONTINUUM_DEBUG=1 for the traceback)", file=sys.stderr
    )
    return ExitCode.BUG
