"""Who works: workers, queues, and what was taken over too often."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from console import actions
from console.dialogs.hold import HoldDialog
from console.hold_source import Held
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

    def unavailable(self, name: str) -> str | None:
        """Here queues can be paused."""
        if name == "hold" and self._queue() is None:
            return "here queues can be paused: go to one"
        return super().unavailable(name)

    def _queue(self) -> str | None:
        """The queue under the cursor."""
        block = self.view.cursor_block
        match None if block is None else block.key:
            case ("queue", str() as name):
                return name
            case _:
                return None

    def do_hold(self) -> None:
        """Pause the queue under the cursor, or let it go on."""
        if (queue := self._queue()) is not None:
            self.app.push_screen(HoldDialog(self.session, [Held(queue=queue)]), self._held)

    def _held(self, told: object) -> None:
        if told:
            self.toast(str(told))
            self.live.refresh()

    def heading(self, loaded: Workforce) -> str:
        """How many workers."""
        return nodes.title(loaded)

    def summary(self, loaded: Workforce, width: int, palette: Palette) -> Text:
        """Whether there are workers for everything."""
        return nodes.summary(loaded, width, palette)

    def blocks(self, loaded: Workforce, width: int, palette: Palette) -> Sequence[Block]:
        """The report."""
        return nodes.blocks(loaded, loaded.at, width, palette)
