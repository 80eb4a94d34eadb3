"""Exceptions in a form that can always be stored, whatever they hold."""

from __future__ import annotations

import traceback
from typing import Final

from continuum.journal.events import Failure

MAX_TEXT: Final = 4 * 1024
MAX_FRAMES: Final = 20
MAX_TOTAL: Final = 64 * 1024
_TYPE_LIMIT: Final = 512
_MARK: Final = " ... (shortened)"
# Room for JSON escapes is part of the bound: a text of quotes or control characters grows.
_DETAILS_LIMIT: Final = (MAX_TOTAL - 2 * (MAX_TEXT + _TYPE_LIMIT)) // 2


def capture_failure(error: BaseException) -> Failure:
    """Type, text and traceback of an exception, at most 64 KiB in all.

    The text is cut at 4 KiB, the traceback at its last 20 frames; what PostgreSQL or UTF-8
    cannot hold is escaped. Never raises, even if the exception's own `__str__` does.
    """
    return Failure(
        type=storable_text(type_name(type(error)), _TYPE_LIMIT),
        message=storable_text(_message(error), MAX_TEXT),
        details=storable_text(_details(error), _DETAILS_LIMIT),
    )


def type_name(error: type[BaseException]) -> str:
    """Qualified name; builtin exceptions go without a module."""
    if error.__module__ == "builtins":
        return error.__qualname__
    return f"{error.__module__}.{error.__qualname__}"


def storable_text(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes of UTF-8, without NUL, other controls or surrogates."""
    data = text[:limit].encode("utf-8", "backslashreplace")
    clean = "".join(map(_visible, data.decode())) if _has_controls(data) else data.decode()
    data = clean.encode()
    if len(text) <= limit and len(data) <= limit:
        return clean
    return data[: limit - len(_MARK)].decode("utf-8", "ignore") + _MARK


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the text of a user's exception is the user's code
        return "<the exception's __str__ failed>"


def _details(error: BaseException) -> str:
    try:
        captured = traceback.TracebackException.from_exception(error, limit=-MAX_FRAMES)
        return "".join(captured.format())
    except Exception:  # rather no traceback than no failure
        return "<no traceback: formatting it failed>"


def _has_controls(data: bytes) -> bool:
    return any(byte < 32 and byte not in b"\n\t" for byte in data)


def _visible(character: str) -> str:
    if character >= " " or character in "\n\t":
        return character
    return f"\\x{ord(character):02x}"
