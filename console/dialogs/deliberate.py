"""What is pressed in the first moment of a dialog is no answer to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import events
from textual.widgets import Input

IGNORED_FOR: Final = 0.4
"""Seconds in which nothing is taken as an answer: a key held down must not confirm."""


class Deliberation:
    """Knows whether a dialog has been open long enough.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()

    def again(self) -> None:
        """From now on it is another question."""
        self._since = self._clock()

    @property
    def too_early(self) -> bool:
        """Whether nothing counts yet."""
        return self._clock() - self._since < IGNORED_FOR


class LateInput(Input):
    """An input that takes nothing as long as it is too early."""

    deliberation: Deliberation | None = None

    def on_key(self, event: events.Key) -> None:
        """Drop what was pressed before the dialog could be read."""
        if self.deliberation is not None and self.deliberation.too_early:
            event.prevent_default()
            event.stop()
