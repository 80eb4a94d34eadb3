"""Values given on the command line: JSON, files, standard input, `key=value`, run ids."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

from continuum.cli.failures import UsageError


def parse_json(text: str, where: str) -> Any:
    """A JSON value, strictly (no NaN).

    Args:
        text: the JSON text.
        where: for messages, such as `--input 1`.

    Raises:
        UsageError: it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise UsageError(f"{where} is nested too deeply") from None
    except ValueError as error:
        hint = None
        if text.strip() and text.strip()[0] not in '{["-0123456789':
            hint = f"a string needs its own quotes: '{json.dumps(text, ensure_ascii=False)}'"
        raise UsageError(f"{where} is not valid JSON: {_reason(error)}", hint=hint) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return str(error)


def read_text(argument: str, where: str) -> str:
    """The argument itself, the text of `@file`, or standard input for `-`."""
    if argument == "-":
        data = sys.stdin.buffer.read()
    elif argument.startswith("@"):
        try:
            data = Path(argument[1:]).read_bytes()
        except OSError as error:
            raise UsageError(f"{where}: cannot read {argument[1:]}: {error.strerror}") from None
    else:
        return argument
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: {argument} is not UTF-8 text: {error.reason}") from None


def read_inputs(arguments: Iterable[str]) -> list[Any]:
    """The positional arguments of a workflow, one JSON value per `--input`."""
    given = list(arguments)
    if given.count("-") > 1:
        raise UsageError("only one --input can be - (standard input)")
    return [
        parse_json(read_text(text, f"--input {number}"), f"--input {number}")
        for number, text in enumerate(given, start=1)
    ]


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Attributes from `key=value`: a value that is JSON is taken as such, other text as a string.

    Text that starts like a JSON object, array or string must be one, so that a typing error does
    not become a string.

    Example:
        >>> parse_pairs(["plan=pro", "tier=4", 'zip="0123"'])
        {'plan': 'pro', 'tier': 4, 'zip': '0123'}
    """
    attributes: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{pair!r} is not key=value")
        if key in attributes:
            raise UsageError(f"attribute {key} is given twice")
        attributes[key] = _pair_value(key, text)
    return attributes


def _pair_value(key: str, text: str) -> Any:
    if text.lstrip()[:1] in ("{", "[", '"'):
        return parse_json(text, f"attribute {key}")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def parse_time(text: str, where: str, *, hint: str) -> datetime:
    """A time in ISO 8601, in UTC unless it says otherwise.

    Args:
        text: what was given.
        where: the name of the option.
        hint: what would have been right.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{where} {text[:60]!r} is not a time", hint=hint) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def parse_run(text: str) -> UUID | str:
    """What names a run: its id, or else its key.

    Raises:
        MalformedRunId: it is neither.
    """
    from continuum.client.identifiers import parse_run as parse

    return parse(text)


def parse_run_id(text: str) -> UUID:
    """A run id.

    Raises:
        UsageError: it is not a UUID.
    """
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a run id", hint="a run id is a UUID") from None
