"""A bar on the terminal."""

from __future__ import annotations

import sys
from typing import Final


class Progress:
    """Shows how far a long command is; silent when stderr is not a terminal.

    Args:
        least: of fewer things nothing is shown.
    """

    _CELLS: Final = 30

    def __init__(self, least: int = 0) -> None:
        self._least = least
        self._shown = sys.stderr.isatty()

    def show(self, done: int, total: int) -> None:
        """So many of all are done."""
        if self._shown and total > self._least:
            full = self._CELLS * min(done, total) // total
            bar = "#" * full + "-" * (self._CELLS - full)
            sys.stderr.write(f"\r[{bar}] {done}/{max(done, total)}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Make room for the answer."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
