"""What a run waits for, with absolute times turned into time left."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from console.present.ages import rough
from console.present.plain import one_line, short_id

_TIME: Final = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
_UNTIL: Final = re.compile(rf"\s*\b(until|at)?\s*{_TIME}")
_MODULE: Final = re.compile(r"\b(activity|child) (?:[\w.]*\.)?(\w+:)")
_RUN: Final = re.compile(r"(?<=\bchild )[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_SIGNAL: Final = re.compile(r"\bsignal ([^\s,]+)")


def waiting(text: str, now: datetime) -> str:
    """`signal fraud_review until 2026-…Z` as `signal fraud_review, 23h left`."""

    def relative(match: re.Match[str]) -> str:
        left = (datetime.fromisoformat(match[2].replace("Z", "+00:00")) - now).total_seconds()
        if match[1] == "until":
            return f", {rough(left)} left" if left >= 0 else f", {rough(-left)} overdue"
        return f" in {rough(left)}" if left >= 0 else f" due {rough(-left)} ago"

    shortened = _MODULE.sub(lambda match: f"{match[1]} {match[2]}", one_line(text, 500))
    shortened = _RUN.sub(lambda match: short_id(UUID(match[0])), shortened)
    return _UNTIL.sub(relative, shortened).strip()


def cancelling(since: datetime, now: datetime) -> str:
    """`cancelling 12s`: a cancellation was asked for then, and the run has not ended yet."""
    return f"cancelling {rough((now - since).total_seconds())}"


def awaited_signals(text: str | None) -> list[str]:
    """Names of the signals a run waits for, as its `waiting_on` lists them."""
    return list(dict.fromkeys(_SIGNAL.findall(text or "")))
