"""Log lines as JSON, each with the run that it is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from continuum.declare.attempt import current_attempt

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest is what the caller gave as `extra`."""


class JsonLines(logging.Formatter):
    """One JSON object a record: `time`, `level`, `logger`, `message`, what it is about, `extra`.

    `run_id` is that of the record (the logger of workflow code gives it), of the activity that
    logs, or of the run that a message of ours begins with; likewise `workflow`, `namespace`,
    `activity` and `attempt` where they are known. Trace and span id are there inside a recorded
    span.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _encoded(line)


def _encoded(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a number beyond 64 bits, or text that is not Unicode, as of a file name
        return json.dumps(line, default=str, skipkeys=True)


def _about(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {}
    attempt = current_attempt.get(None)
    if attempt is not None:
        info = attempt.info
        found = {
            "run_id": info.run_id,
            "namespace": info.namespace,
            "activity": info.activity,
            "attempt": info.attempt,
        }
    elif record.args and isinstance(record.args, tuple) and str(record.msg).startswith("run %s"):
        found = {"run_id": record.args[0]}
    return {**found, **_span()}


def _span() -> dict[str, str]:
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return {}
    context = api.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def log_as_json(level: int = logging.INFO) -> None:
    """Let every logger of the process write JSON lines on stderr, and nothing else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
