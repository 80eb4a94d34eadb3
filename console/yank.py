"""What can be copied of a run and of the query around it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from console import expressions
from console.present.plain import lines
from console.source import RunsQuery
from continuum.model import Omitted, Run, RunError
from continuum.operators.acts import ACT_FIELDS, OperatorAct

LARGEST: Final = 74_994
"""Bytes that a terminal takes through OSC 52, wherever it is; more goes to a file."""

FIELDS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "state", "attributes",
    "started_at", "updated_at", "completed_at", "duration", "waiting_on", "owner", "parent_id",
    "incarnation", "error", "key", "input", "output",
)  # fmt: skip
_UNSAFE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Copyable:
    """One thing to copy.

    Attributes:
        key: that copies it.
        name: what it is.
        text: what is copied; None when there is none.
        suffix: of the file that it goes to when it is too long.
    """

    key: str
    name: str
    text: str | None
    suffix: str = ".txt"


def copyables(run: Run | None, query: RunsQuery | None, shown: int) -> list[Copyable]:
    """Everything, in the order of the menu.

    Args:
        run: under the cursor.
        query: of the list; None on the screen of one run.
        shown: how many rows the list holds.
    """
    if query is not None:
        expression: str | None = query.expression or "order by started_at desc"
        command = expressions.command(query.expression, query.namespace, max(1, shown))
    else:
        expression = None if run is None else f"id = '{run.id}'"
        command = "" if run is None else f"continuum show {run.id}"
    error = None if run is None or run.error is None else error_text(run.error)
    return [
        Copyable("i", "id", None if run is None else str(run.id)),
        Copyable("j", "JSON", None if run is None else run_json(run), ".json"),
        Copyable("q", "query", expression),
        Copyable("u", "command", command or None),
        Copyable("e", "error", error),
    ]


def run_json(run: Run) -> str:
    """The run as `continuum show --format json` prints it, with what is too long left out."""
    record = {name: plain_value(getattr(run, name)) for name in FIELDS}
    text = json.dumps(record, ensure_ascii=False, indent=2)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def act_json(entry: OperatorAct) -> str:
    """The entry as `continuum journal --format json` prints it."""
    record = {name: plain_value(getattr(entry, name)) for name in ACT_FIELDS}
    text = json.dumps(record, ensure_ascii=False, indent=2)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def plain_value(value: Any) -> Any:
    """A field of a run as JSON has it."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case UUID() | Omitted():
            return str(value)
        case RunError():
            return {"type": value.type, "message": value.message}
        case Mapping():
            return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return value


def error_text(error: RunError) -> str:
    """Type, message and traceback; nothing in it can act upon a terminal it is pasted into."""
    told = [f"{error.type}: {error.message}", *([error.details] if error.details else [])]
    return "\n".join(lines("\n".join(told)))


def keep(item: Copyable) -> Path:
    """Write what is too long for a terminal to a new file that only this user can read."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="continuum-", suffix=item.suffix, delete=False
    ) as file:
        file.write(item.text or "")
    return Path(file.name)
