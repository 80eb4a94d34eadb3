"""What one console session knows: the source, the namespace, whether it may write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from console.read_only import ReadOnlySource
from console.shelf import Shelf
from console.source import Pulse, Source
from continuum.model import ServerInfo


async def _nothing() -> None:
    """There is nothing to close."""


def _none() -> Sequence[str]:
    """There are no profiles."""
    return ()


@dataclass(slots=True)
class Session:
    """Shared by all screens. With `read_only` the source itself refuses every write.

    Attributes:
        danger: acts upon many runs ask for the namespace, too.
        server: who and where we are connected; None until the first answer.
        pulse: the numbers of the header; None while they are not known.
        commands: what was typed after `:`, the oldest first.
        shelf: the saved views.
        profile: the name under which its database was opened; None when it has none.
        profiles: names of the databases that can be gone to.
        close: gives the connection back.
    """

    source: Source
    namespace: str | None = "default"
    read_only: bool = False
    danger: bool = False
    server: ServerInfo | None = None
    pulse: Pulse | None = None
    clock: Callable[[], float] = monotonic
    commands: list[str] = field(default_factory=list[str])
    shelf: Shelf = field(default_factory=Shelf)
    profile: str | None = None
    profiles: Callable[[], Sequence[str]] = _none
    close: Callable[[], Awaitable[None]] = _nothing
    _seen: tuple[datetime, float] | None = None

    def __post_init__(self) -> None:
        if self.read_only:
            self.source = ReadOnlySource(self.source)

    def saw_time(self, at: datetime) -> None:
        """An answer was read at this time by the database's clock."""
        self._seen = (at, self.clock())

    def database_time(self) -> datetime | None:
        """The database's clock now, carried on from the last answer that told it."""
        if self._seen is None:
            return None
        at, seen = self._seen
        return at + timedelta(seconds=self.clock() - seen)
