"""Failures of one cause: what they have in common, and a short name for it.

Ids, numbers, addresses and quoted values do not tell two failures apart; the type and the rest of
the message do. The function `continuum_error_family` of the database gives the same names.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

READ: Final = 400
"""Characters of a message that are looked at."""
KEPT: Final = 200
"""Characters of what is left of it that count."""

_TEXT: Final = """("[^"]*"|'[^']*'|`[^`]*`)"""
_QUOTED: Final = re.compile(f"(^|[^A-Za-z0-9_]){_TEXT}")
_QUOTED_LATER: Final = re.compile(f"([^A-Za-z0-9_]|^){_TEXT}")
"""The same, but for a message that begins with two quotation marks."""
_WITH_DIGITS: Final = re.compile(r"[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*")
_JOINED: Final = re.compile(r"#([,.:/+-]+#)+")
_SPACE: Final = re.compile("[ \t\n\r\f\v]+")


class ErrorFamily(NamedTuple):
    """A family of failures.

    Attributes:
        name: 12 hexadecimal digits, the same in every release: the query field `error_family`.
        message: type and message without what differs from failure to failure.
    """

    name: str
    message: str


def family_of(error_type: str | None, error_message: str | None) -> ErrorFamily:
    """The family of a failed run.

    Example:
        >>> family_of("ValueError", "order 17 of 'ann' at 10.0.0.1:5432").message
        'ValueError: order # of <text> at #'
    """
    said = (error_message or "")[:READ]
    said = _without_quoted(said)
    said = _WITH_DIGITS.sub("#", said)
    said = _JOINED.sub("#", said)
    said = _SPACE.sub(" ", said).strip(" ")
    message = f"{error_type or ''}: {said[:KEPT]}"
    digest = hashlib.sha256(message.encode("utf-8", "replace")).hexdigest()
    return ErrorFamily(digest[:12], message)


def _without_quoted(said: str) -> str:
    """Of two texts that may begin a message the longer one is meant, as POSIX has it."""
    first, second = _QUOTED.match(said), _QUOTED_LATER.match(said)
    longer = first and second and second.end() > first.end()
    return (_QUOTED_LATER if longer else _QUOTED).sub(r"\1<text>", said)
