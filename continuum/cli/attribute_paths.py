"""Paths of attributes as people write them: `plan`, `device.os`, `"a.b"."odd key"`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from continuum.cli.failures import UsageError

_STEP: Final = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')
_PLAIN: Final = re.compile(r"[^\W\d]\w*(-\w+)*")


def parse_path(text: str) -> tuple[str, ...]:
    """The keys of a path; a key with a dot, a quote or a space at an end stands in quotes.

    Raises:
        UsageError: it is no path.

    Example:
        >>> parse_path('device."a.b"')
        ('device', 'a.b')
    """
    keys: list[str] = []
    at = 0
    while True:
        step = _STEP.match(text, at)
        if step is None:
            break
        keys.append(step[2] if step[1] is None else step[1].replace('""', '"'))
        at = step.end()
        if at == len(text):
            return tuple(keys)
        if text[at] != ".":
            break
        at += 1
    hint = """write plan, device.os for a nested key, '"a.b"' for a key with a dot in it"""
    raise UsageError(f"no path of an attribute: {text!r}", hint=hint)


@lru_cache(maxsize=256)
def column_path(column: str) -> tuple[str, ...]:
    """The keys of a column such as `attributes.plan` or `attributes."a.b"`.

    Without quotes every character but the dot is taken as it is.

    Raises:
        UsageError: it is no path.

    Example:
        >>> column_path("attributes.odd key.os")
        ('odd key', 'os')
    """
    text = column.partition(".")[2]
    return parse_path(text) if '"' in text else tuple(text.split("."))


def format_path(path: Sequence[str]) -> str:
    """The text that `parse_path` reads as this path.

    Example:
        >>> format_path(('device', 'a.b'))
        'device."a.b"'
    """
    return ".".join(
        key if _PLAIN.fullmatch(key) else '"' + key.replace('"', '""') + '"' for key in path
    )
