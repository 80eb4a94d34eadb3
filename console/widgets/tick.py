"""A checkbox that can be told from its colour."""

from __future__ import annotations

from textual.widgets import Checkbox


class Tick(Checkbox):
    """A checkbox whose mark is there or not, instead of changing only its colour."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """Put or take the mark."""
        self.BUTTON_INNER = "✓" if self.value else " "  # pyright: ignore[reportConstantRedefinition]
        super().watch_value()
