"""What a run waits for, with absolute times turned into time left."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from console.present.ages import rough
from console.present.plain import one_line

_TIME: Final = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
_UNTIL: Final = re.compile(rf"\s*\b(until|at)?\s*{_TIME}")
_MODULE: Final = re.compile(r"\b(activity|child) (?:[\w.]*\.)?(\w+:)")
_SIGNAL: Final = re.compile(r"\bsignal ([^\s,]+)")


def waiting(text: str, now: datetime) -> str:
    """`signal fraud_review until 2026-…Z` as `signal fraud_review, 23h left`."""

    def relative(match: re.Match[str]) -> str:
        left = (datetime.fromisoformat(match[2].replace("Z", "+00:00")) - now).total_seconds()
        if match[1] == "until":
            return f", {rough(left)} left" if left >= 0 else f", {rough(-left)} overdue"
        return f" in {rough(left)}" if left >= 0 else f" due {rough(-left)} ago"

    shortened = _MODULE.sub(lambda match: f"{match[1]} {match[2]}", one_line(text, 500))
    return _UNTIL.sub(relative, shortened).strip()


def awaited_signals(text: str | None) -> list[str]:
    """Names of the signals a run waits for, as its `waiting_on` lists them."""
    return list(dict.fromkeys(_SIGNAL.findall(text or "")))
