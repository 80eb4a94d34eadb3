"""Snapshots as plain records: the JSON shapes of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from continuum.cli.attribute_paths import column_path
from continuum.cli.sanitize import json_line
from continuum.model import PAYLOAD_FIELDS, HistoryEvent, NodeInfo, Omitted, Run, RunError, Stamp

RUN_FIELDS: Final = (
    "id", "namespace", "workflow", "version", "version_hash", "state", "attributes",
    "started_at", "updated_at", "completed_at", "duration", "waiting_on", "owner", "parent_id",
    "incarnation", "error", "input", "output",
)  # fmt: skip
LIST_FIELDS: Final = tuple(name for name in RUN_FIELDS if name not in PAYLOAD_FIELDS)
NODE_FIELDS: Final = (
    "id", "host", "pid", "version", "state", "owned_runs", "capacity", "queues", "workflows",
    "started_at", "heartbeat_at", "expires_at", "dead_at", "build",
)  # fmt: skip
STAMP_FIELDS: Final = ("at", "elapsed", "source", "lag", "complete", "exact")
EVENT_FIELDS: Final = ("seq", "incarnation", "type", "command", "at", "data")

_COMPACT: Final = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS
_INDENTED: Final = _COMPACT | orjson.OPT_INDENT_2
_LINE: Final = _COMPACT | orjson.OPT_APPEND_NEWLINE


def format_time(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`.

    Example:
        >>> format_time(datetime(2026, 11, 23, 10, tzinfo=UTC))
        '2026-11-23T10:00:00Z'
    """
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return orjson.dumps(moment, None, _COMPACT).decode()[1:-1]


def jsonable(value: Any) -> Any:
    """What `json` cannot write itself: times, durations (seconds), ids, left-out payloads."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, RunError):
        return {"type": value.type, "message": value.message}
    if isinstance(value, Omitted):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise TypeError(f"cannot print a {type(value).__name__}")


def to_json(value: Any, *, indent: bool = False) -> str:
    """JSON text in which nothing can act upon a terminal."""
    try:
        text = orjson.dumps(value, jsonable, _INDENTED if indent else _COMPACT).decode()
    except orjson.JSONEncodeError:
        text = _any_json(value, indent=indent)
    return json_line(text)


def json_lines(values: Iterable[Any]) -> str:
    """Each value as one line of JSON, as `to_json` writes it."""
    # Not joined at the end: to keep the lines apart takes twice as long as to write them.
    lines = bytearray()
    for value in values:
        try:
            line = orjson.dumps(value, jsonable, _LINE)
        except orjson.JSONEncodeError:
            line = f"{_any_json(value, indent=False)}\n".encode(errors="surrogatepass")
        if not line.isascii() or b"\x7f" in line:
            line = json_line(line.decode(errors="surrogatepass")).encode()
        lines += line
    return lines.decode()


def _any_json(value: Any, *, indent: bool) -> str:
    """What orjson refuses: whole numbers beyond 64 bits, lone surrogates, tuples with names."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(
        value, ensure_ascii=False, default=jsonable, indent=2 if indent else None,
        separators=separators,
    )  # fmt: skip


def run_record(run: Run, columns: Sequence[str] = RUN_FIELDS) -> dict[str, Any]:
    """The named fields of a run; `attributes.a.b` looks inside the attributes."""
    return {
        column: attribute_at(run.attributes, column_path(column))
        if "." in column
        else getattr(run, column)
        for column in columns
    }


def attribute_at(attributes: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The attribute of that path, or of the key that reads like it; None when it is missing."""
    if len(path) > 1 and (whole := ".".join(path)) in attributes:
        return attributes[whole]
    value: Any = attributes
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return value  # pyright: ignore[reportUnknownVariableType]


def stamp_record(stamp: Stamp) -> dict[str, Any]:
    """When, where and how an answer was read."""
    return {name: getattr(stamp, name) for name in STAMP_FIELDS}


def event_record(event: HistoryEvent) -> dict[str, Any]:
    """One journal event."""
    return {name: getattr(event, name) for name in EVENT_FIELDS}


def node_record(node: NodeInfo) -> dict[str, Any]:
    """One worker process; `state` is live, draining or dead."""
    state = "dead" if not node.alive else "draining" if node.draining else "live"
    return {name: state if name == "state" else getattr(node, name) for name in NODE_FIELDS}
