"""What screens ask of the app, so that they need not know each other."""

from __future__ import annotations

from uuid import UUID

from textual.message import Message


class OpenRun(Message):
    """Show this run."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        super().__init__()
