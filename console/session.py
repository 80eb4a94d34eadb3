"""What one console session knows: the source, the namespace, whether it may write."""

from __future__ import annotations

from dataclasses import dataclass

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

    def __post_init__(self) -> None:
        if self.read_only:
            self.source = ReadOnlySource(self.source)
