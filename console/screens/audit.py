"""The audit: which live runs the code can run, and which of its patches can go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from console import actions
from console.present import audit
from console.present.blocks import Block
from console.screens.reporting import ReportScreen
from console.themes import Palette
from continuum.audit.report import AuditReport


class AuditScreen(ReportScreen[AuditReport]):
    """Findings first, then patches, versions, and runs that nothing can run."""

    action_screen = actions.AUDIT
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.AUDIT)
    reading = "comparing live runs with code…"
    interval = 30.0
    patience = 60.0

    async def load(self) -> AuditReport:
        """The one report there is; also its counts are over every namespace."""
        await self.know_server()
        return await self.session.source.audit()

    def show(self, loaded: AuditReport) -> None:
        """Its moment is by the clock of the database."""
        self.session.saw_time(loaded.generated_at)
        super().show(loaded)

    def heading(self, loaded: AuditReport) -> str:
        """What was compared."""
        return audit.title(loaded)

    def summary(self, loaded: AuditReport, width: int, palette: Palette) -> Text:
        """The verdict."""
        return audit.summary(loaded, width, palette)

    def blocks(self, loaded: AuditReport, width: int, palette: Palette) -> Sequence[Block]:
        """The report."""
        return audit.blocks(loaded, width, palette)
