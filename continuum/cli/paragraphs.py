"""Sentences as lines of a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Final

from continuum.cli.sanitize import one_line
from continuum.cli.table import terminal_width

_PIPED_WIDTH: Final = 80


def text_width() -> int:
    """Cells of a line: the terminal's; when nobody's terminal decides, 80."""
    return terminal_width() if sys.stdout.isatty() else _PIPED_WIDTH


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> Sequence[str]:
    """A sentence in lines of at most `width` cells; words such as ids are never cut.

    Args:
        text: of one paragraph; control characters are shown as escapes.
        width: cells of a line.
        first, rest: put before the first line and before all others.
    """
    return textwrap.wrap(
        one_line(text), width, initial_indent=first, subsequent_indent=rest,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
