"""Codecs of what is sent to runs and back: types that are named where it is taken."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from continuum.codec.annotations import ValueCodec


def payload_codec(expected: Any, where: str) -> ValueCodec:
    """The codec of a payload's type.

    Args:
        expected: the type.
        where: what errors call it: "signal payload".

    Raises:
        DefinitionError: plain JSON cannot restore it.
    """
    try:
        return _cached_codec(expected, where)
    except TypeError:  # unhashable annotation
        return ValueCodec(expected, where)


@lru_cache(maxsize=256)
def _cached_codec(expected: Any, where: str) -> ValueCodec:
    return ValueCodec(expected, where)
