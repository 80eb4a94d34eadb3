"""The console in a database whose payloads are sealed."""

from __future__ import annotations

from console.connections import Connections
from continuum import Continuum, workflow
from continuum.profiles import Profile


class Reversed:
    """Seals so that nobody takes it for JSON."""

    def seal(self, data: bytes) -> bytes:
        return b"R" + data[::-1]

    def open(self, data: bytes) -> bytes:
        return data[:0:-1]


REVERSED = Reversed()


@workflow
async def greet(name: str) -> str:
    return name


async def test_without_the_codec_the_session_only_looks(dsn: str) -> None:
    """It says so; with the codec, and in an empty database, nothing is held back."""
    with_codec = Profile("sealed", dsn, codec=f"{__name__}:REVERSED")
    for profile, held_back in ((None, False), (with_codec, False), (None, True)):
        opened = await Connections().open(profile, dsn)
        await opened.session.close()
        assert opened.session.read_only is held_back
        words = "the payloads of this database are sealed by another codec"
        assert (words in (opened.sealed or "")) is held_back
        if profile is not None:
            async with Continuum(dsn, codec=REVERSED) as client:
                await client.start(greet, "ann")
