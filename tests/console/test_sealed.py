"""The console in a database whose payloads are sealed."""

from __future__ import annotations

import argparse

import pytest

from console.__main__ import _look_only_if_sealed
from continuum import Continuum, workflow


class Reversed:
    """Seals so that nobody takes it for JSON."""

    def seal(self, data: bytes) -> bytes:
        return b"R" + data[::-1]

    def open(self, data: bytes) -> bytes:
        return data[:0:-1]


@workflow
async def greet(name: str) -> str:
    return name


async def test_without_the_codec_the_session_only_looks(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so; with the codec, and in an empty database, nothing is held back."""
    for codec, expected in ((None, False), (Reversed(), False), (None, True)):
        async with Continuum(dsn, codec=codec) as client:
            options = argparse.Namespace(read_only=False)
            await _look_only_if_sealed(client, options)
            assert options.read_only is expected
            if codec is not None:
                await client.start(greet, "ann")
    assert "read-only: the payloads of this database are sealed by another codec" in (
        capsys.readouterr().err
    )
