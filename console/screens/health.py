"""Whether runs go on, what fails, and what will slow the database down or stop it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType

from console import actions
from console.present import health
from console.present.blocks import Block
from console.present.throughput import Throughput
from console.screens.reporting import ReportScreen
from console.session import Session
from console.themes import Palette
from continuum.health.report import HealthReport


class HealthScreen(ReportScreen[HealthReport]):
    """Findings with their fixes, failures by cause, throughput, and the database."""

    action_screen = actions.HEALTH
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings(actions.HEALTH)
    reading = "looking at runs, failures and the database…"
    interval = 10.0
    patience = 60.0

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.throughput = Throughput()

    async def load(self) -> HealthReport:
        """The one report there is; also its counts are over every namespace."""
        await self.know_server()
        return await self.session.source.health()

    def show(self, loaded: HealthReport) -> None:
        """Counts that follow each other give a rate."""
        if loaded.at is not None:
            self.session.saw_time(loaded.at)
        if loaded.facts.cluster is not None:
            self.throughput.learn(loaded.facts.cluster.now, loaded.facts.cluster.runs)
        super().show(loaded)

    def heading(self, loaded: HealthReport) -> str:
        """What it is about."""
        return health.title(loaded)

    def summary(self, loaded: HealthReport, width: int, palette: Palette) -> Text:
        """The worst of it."""
        return health.summary(loaded, width, palette)

    def blocks(self, loaded: HealthReport, width: int, palette: Palette) -> Sequence[Block]:
        """The report; ages count from its moment."""
        now = loaded.at or self.session.database_time() or datetime.now(UTC)
        return health.blocks(loaded, self.throughput, now, width, palette)
