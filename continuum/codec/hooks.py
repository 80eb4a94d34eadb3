"""The seam for encryption and compression of stored payloads."""

from __future__ import annotations

from typing import Final, Protocol


class PayloadCodec(Protocol):
    """Transforms payload bytes on their way into and out of the database.

    The store applies it to event payloads, inputs, results and messages; never to attributes,
    which are searched. `open(seal(data)) == data` must hold for every `data`, also across
    processes and releases.

    Example:
        class Compressed:
            def seal(self, data: bytes) -> bytes:
                return zlib.compress(data)

            def open(self, data: bytes) -> bytes:
                return zlib.decompress(data)
    """

    def seal(self, data: bytes) -> bytes:
        """The stored form of `data`."""
        ...

    def open(self, data: bytes) -> bytes:
        """What was sealed."""
        ...


class _Identity:
    def seal(self, data: bytes) -> bytes:
        return data

    def open(self, data: bytes) -> bytes:
        return data


IDENTITY: Final[PayloadCodec] = _Identity()
"""Stores payloads as they are: JSON that `psql` shows."""
