"""Opening a stored payload, and knowing whether that is what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from continuum.codec.failures import capture_failure
from continuum.codec.hooks import PayloadCodec
from continuum.errors import PayloadSealed

_JSON: Final = msgspec.json.Decoder(msgspec.Raw)

UNOPENED: Final = b"\x00"
"""Stands for a payload that the codec could not open: it is no JSON, so decoding it says so."""


def shown_payload(codec: PayloadCodec, data: bytes) -> bytes:
    """What was sealed, or `UNOPENED`: one payload must not cost the answer all others."""
    try:
        return codec.open(data)
    except Exception:
        return UNOPENED


def open_payload(codec: PayloadCodec, data: bytes) -> bytes:
    """The JSON bytes that were sealed.

    Whatever a codec raises for what it did not seal, and whatever it answers instead of raising,
    comes to the same: sealed payloads are not JSON, and all that we seal is.

    Raises:
        PayloadSealed: the codec cannot open it, or what it gives is not JSON.
    """
    try:
        opened = codec.open(data)
        _JSON.decode(opened)
    except Exception as error:
        said = f"a stored payload cannot be opened: {cause(error)}"
        raise PayloadSealed(said) from error
    return opened


def any_opens(codec: PayloadCodec, payloads: Sequence[bytes]) -> bool:
    """Whether one of them can be opened; also when there is none, which says nothing."""
    for data in payloads:
        try:
            open_payload(codec, data)
        except PayloadSealed:
            continue
        return True
    return not payloads


def cause(error: BaseException | None) -> str:
    """What a codec raised, on one bounded line that PostgreSQL can store."""
    if error is None:
        return ""
    said = " ".join(capture_failure(error).message.split())[:200]
    return type(error).__name__ + (f": {said}" if said else "")
