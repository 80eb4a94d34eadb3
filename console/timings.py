"""`--timings FILE`: the work between a key and its repaint, measured inside the program."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from time import thread_time
from typing import Any

from textual.app import App


class Timings:
    """Milliseconds of CPU from a key to the screen that shows what it did.

    Args:
        app: whose repaints end a key.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._keys: list[float] = []

    def handled(self, began: float) -> None:
        """All that came of the key whose turn began then has been done; the repaint follows."""
        self._app.call_after_refresh(self._painted, began)

    def _painted(self, began: float) -> None:
        self._keys.append(1000 * (thread_time() - began))

    def report(self) -> dict[str, float]:
        """How many keys, their times, and the most memory that the program had."""
        ranked = sorted(self._keys) or [0.0]
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "keys": len(self._keys),
            "p50_ms": round(ranked[len(ranked) // 2], 2),
            "p95_ms": round(ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))], 2),
            "max_ms": round(ranked[-1], 2),
            "most_mib": round(kibibytes / 1024, 1),
        }

    def write(self, path: Path) -> None:
        """The report as JSON.

        Raises:
            OSError: the file cannot be written.
        """
        path.write_text(json.dumps(self.report()) + "\n", encoding="utf-8")
