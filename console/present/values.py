"""Payloads as text: a bounded one-line preview, and a bounded, coloured, indented form.

Both walk the value and stop at their budget, so a megabyte costs no more than what is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from console.present.plain import one_line
from console.present.shapes import is_array, is_object
from console.themes import Palette
from continuum.model import Omitted

MAX_STRING: Final = 2_000


def preview(value: object, limit: int = 120) -> str:
    """Compact JSON on one line, cut with `…` at `limit` characters."""
    parts: list[str] = []
    length = 0
    for part in _compact(value, limit):
        parts.append(part)
        length += len(part)
        if length > limit:
            break
    return one_line("".join(parts), limit)


def _compact(value: object, limit: int) -> Iterator[str]:
    if isinstance(value, str):
        yield _quoted(value[: limit + 1])
    elif is_object(value):
        yield "{"
        for index, (name, item) in enumerate(value.items()):
            yield f"{', ' if index else ''}{_quoted(str(name)[: limit + 1])}: "
            yield from _compact(item, limit)
        yield "}"
    elif is_array(value):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ", "
            yield from _compact(item, limit)
        yield "]"
    else:
        yield scalar(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def scalar(value: object) -> str:
    """A JSON scalar as JSON; anything else as its bounded repr."""
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if isinstance(value, Omitted):
        return f"({size(value.size)}, not loaded)"
    return one_line(repr(value), MAX_STRING)


def size(count: int) -> str:
    """Bytes as `312 B`, `4.0 KiB`, `1.2 MiB`."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024 / 1024:.1f} MiB"


def pretty(value: object, palette: Palette, *, max_lines: int = 500) -> list[Text]:
    """Indented JSON, one `Text` a line, keys and scalars coloured, cut after `max_lines`."""
    found: list[Text] = []
    for line in _pretty(value, palette, 0):
        if len(found) == max_lines:
            found.append(
                Text("… cut here; the whole value: continuum show --history", palette.warn)
            )
            break
        found.append(line)
    return found


def _pretty(
    value: object, palette: Palette, depth: int, lead: Text | None = None
) -> Iterator[Text]:
    head = lead if lead is not None else Text("  " * depth)
    if is_object(value) and value:
        yield head.append("{", palette.faint)
        for index, (name, item) in enumerate(value.items()):
            line = Text("  " * (depth + 1)).append(one_line(_quoted(str(name))), palette.info)
            yield from _comma(
                _pretty(item, palette, depth + 1, line.append(": ", palette.faint)),
                index < len(value) - 1,
                palette,
            )
        yield Text("  " * depth).append("}", palette.faint)
    elif is_array(value) and value:
        last = len(value) - 1
        yield head.append("[", palette.faint)
        for index, item in enumerate(value):
            yield from _comma(_pretty(item, palette, depth + 1), index < last, palette)
        yield Text("  " * depth).append("]", palette.faint)
    else:
        yield head.append(*_leaf(value, palette))


def _comma(inner: Iterator[Text], wanted: bool, palette: Palette) -> Iterator[Text]:
    """Append a comma to the last line of `inner`, without holding more than one line."""
    previous: Text | None = None
    for line in inner:
        if previous is not None:
            yield previous
        previous = line
    if previous is not None:
        yield previous.append(",", palette.faint) if wanted else previous


def _leaf(value: object, palette: Palette) -> tuple[str, Any]:
    if isinstance(value, str):
        cut = one_line(_quoted(value[:MAX_STRING]), MAX_STRING)
        more = f" … {len(value):,} characters" if len(value) > MAX_STRING else ""
        return cut + more, palette.good
    if is_object(value):
        return "{}", palette.faint
    if is_array(value):
        return "[]", palette.faint
    return scalar(value), palette.accent
