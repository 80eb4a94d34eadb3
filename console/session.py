"""What one console session knows: the source, the namespace, whether it may write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from console.source import ReadOnlySource, Source
from continuum.model import ServerInfo


@dataclass(slots=True)
class Session:
    """Shared by all screens. With `read_only` the source itself refuses every write."""

    source: Source
    namespace: str | None = "default"
    read_only: bool = False
    server: ServerInfo | None = None
    live_nodes: int | None = None
    stuck: int = 0
    clock: Callable[[], float] = monotonic
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
