"""Text from users and databases, made safe and measurable for a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# C0, DEL, C1, line and paragraph separators, bidirectional overrides: everything that moves a
# cursor, changes colours or reorders what is on the line.
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# The same without C0, which JSON escapes by itself.
_UNSAFE_IN_JSON: Final = re.compile(
    r"[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def one_line(text: str) -> str:
    """The text without anything a terminal would act upon; control characters are escaped."""
    return _UNSAFE.sub(_escape, text)


def json_line(text: str) -> str:
    """JSON text with the remaining control characters as JSON escapes; the value is unchanged."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def cells(text: str) -> int:
    """How many terminal cells the text takes."""
    if text.isascii():
        return len(text)
    return sum(_char_cells(char) for char in text)


def _char_cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """The text cut to at most `width` cells, with an ellipsis when something is missing."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    kept: list[str] = []
    room = width - 1
    for char in text:
        room -= _char_cells(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"
