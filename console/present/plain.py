"""Make text from outside safe to draw: no control characters, no markup, bounded.

Payloads, names, errors and attributes belong to users. Written to a terminal as they are, an
escape code could recolour the screen or retitle the window, and a right-to-left override could
reorder what the operator reads before acting.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 300) -> str:
    """The text on one line: control and invisible characters as escapes, cut with `…`.

    Args:
        text: anything, of any length.
        limit: longest result, in characters.
    """
    cut = len(text) > limit
    escaped = _UNSAFE.sub(_escape, text[:limit] if cut else text)
    if cut or len(escaped) > limit:
        return escaped[: limit - 1] + "…"
    return escaped


def stand_ins(text: str) -> str:
    """The text with one visible character for each that is none, so that all keep their places.

    Example:
        >>> stand_ins("a\\x1bb\\u202ec")
        'a\u241bb\ufffdc'
    """
    return _UNSAFE.sub(_stand_in, text)


def _stand_in(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def lines(text: str, limit: int = 400) -> list[str]:
    """The text line by line, each made safe, at most `limit` of them; tabs become four spaces."""
    found = text[: limit * 1000].replace("\r\n", "\n").replace("\t", "    ").split("\n")
    shown = [one_line(line, 1000) for line in found[:limit]]
    if len(found) > limit or len(text) > limit * 1000:
        shown.append("…")
    return shown


def short_id(run_id: UUID) -> str:
    """First and last four digits; ids ordered by time differ at the end."""
    text = str(run_id)
    return f"{text[:4]}…{text[-4:]}"


def short_name(name: str) -> str:
    """`shop.orders:order_flow` as `orders:order_flow`: the last part of the module is enough."""
    module, colon, qualname = one_line(name, 200).rpartition(":")
    return f"{module.rpartition('.')[2]}{colon}{qualname}"
