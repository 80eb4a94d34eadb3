"""Entry point: finds the command, loads only its module, turns errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from continuum.cli.catalogue import COMMANDS, FLAG_OPTIONS, VALUE_OPTIONS, overview


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: the words after `continuum`.

    Returns:
        The exit code: 0 ok, 1 the answer is no, 2 wrong usage, 3 database not reachable.
    """
    leading, rest = _split_leading(list(arguments))
    first = rest[0] if rest else None
    if first in ("-h", "--help"):
        return _print(overview())
    if first == "--version":
        return _print_version()
    if first is None:
        sys.stderr.write(overview())
        return 2
    name = _command_name(rest)
    if name is None:
        return _no_command(rest)
    words = name.count(" ") + 1
    return _execute(name, [*leading, *rest[words:]])


def _split_leading(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Common options may stand before the command, too."""
    at = 0
    while at < len(arguments):
        word = arguments[at]
        if word in VALUE_OPTIONS:
            at += 2
        elif word in FLAG_OPTIONS or word.partition("=")[0] in VALUE_OPTIONS:
            at += 1
        else:
            break
    return arguments[:at], arguments[at:]


def _command_name(words: Sequence[str]) -> str | None:
    pair = " ".join(words[:2])
    if pair in COMMANDS:
        return pair
    return words[0] if words[0] in COMMANDS else None


def _no_command(words: Sequence[str]) -> int:
    groups = {name.split(" ")[0] for name in COMMANDS if " " in name}
    if words[0] in groups:
        if len(words) == 1 or words[1] in ("-h", "--help"):
            sys.stdout.write(overview(words[0]))
            return 0 if len(words) > 1 else 2
        given = " ".join(words[:2])
    else:
        given = words[0]
    from difflib import get_close_matches

    from continuum.cli.failures import UsageError, report

    near = get_close_matches(given, COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "see: continuum --help"
    kind = "option" if given.startswith("-") else "command"
    return report(UsageError(f"no such {kind}: {given}", hint=hint))


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    return 0


def _print_version() -> int:
    from importlib.metadata import version

    return _print(f"continuum {version('continuum-engine')}\n")


def _silence_stdout() -> None:
    """Nobody reads any more: let the interpreter flush what is left into the void."""
    import os

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _execute(name: str, arguments: list[str]) -> int:
    from importlib import import_module

    from typer import TyperException
    from typer.main import get_command

    from continuum.cli.failures import (
        ExitCode,
        ReaderGone,
        UsageError,
        report,
        report_bug,
        report_expression,
    )
    from continuum.errors import ContinuumError, QueryError

    try:
        entry = COMMANDS[name]
        module = import_module(f"continuum.cli.{entry.module}")
        command: Any = get_command(getattr(module, entry.app))
        result = command.main(args=arguments, prog_name=f"continuum {name}", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        hint = f"see: continuum {name} --help"
        return report(UsageError(error.format_message().rstrip("."), hint=hint))
    except QueryError as error:
        return report_expression(error)
    except ContinuumError as error:
        return report(error)
    except (ReaderGone, BrokenPipeError):
        _silence_stdout()
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return report_bug(error)
    return int(result or 0)
