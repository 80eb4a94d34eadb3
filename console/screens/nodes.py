"""Who works: workers, queues, and what was taken over too often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from console import actions
from console.present import nodes
from console.present.blocks import Block
from console.screens.reporting import ReportScreen
from console.source import Workforce
from console.themes import Palette


class NodesScreen(ReportScreen[Workforce]):
    """Workers first, then queues with the age of their head."""

    action_screen = actions.NODES
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.NODES)
    reading = "reading workers and queues…"
    interval = 5.0
    patience = 30.0

    async def load(self) -> Workforce:
        """Workers, and the parts of the health report that are about them."""
        await self.know_server()
        return await self.session.source.workforce()

    def show(self, loaded: Workforce) -> None:
        """Ages count from the moment of the database's clock."""
        self.session.saw_time(loaded.at)
        super().show(loaded)

    def heading(self, loaded: Workforce) -> str:
        """How many workers."""
        return nodes.title(loaded)

    def summary(self, loaded: Workforce, width: int, palette: Palette) -> Text:
        """Whether there are workers for everything."""
        return nodes.summary(loaded, width, palette)

    def blocks(self, loaded: Workforce, width: int, palette: Palette) -> Sequence[Block]:
        """The report."""
        return nodes.blocks(loaded, loaded.at, width, palette)
