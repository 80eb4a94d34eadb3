"""Screens with a run that can be acted on: signal, cancel, copy its id."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from typing import Final, TypeVar

from console.dialogs.cancel import CancelDialog
from console.dialogs.signal import SignalDialog
from console.present.plain import short_id
from console.screens.live import LiveScreen
from continuum.model import Run

T = TypeVar("T")

_ON_A_RUN: Final = frozenset({"open", "signal", "cancel", "yank"})
_ON_A_LIVE_RUN: Final = frozenset({"signal", "cancel"})


class ActingScreen(LiveScreen[T]):
    """A live screen on which one run is meant."""

    @abstractmethod
    def run_in_view(self) -> Run | None:
        """The run that an action would mean."""

    def target(self) -> Run | None:
        """The run that an action means, now that there is one."""
        return self.run_in_view()

    def unavailable(self, name: str) -> str | None:
        """There must be a run, and a live one to send it anything."""
        if name not in _ON_A_RUN:
            return super().unavailable(name)
        run = self.run_in_view()
        if run is None:
            return "no run under the cursor"
        if name in _ON_A_LIVE_RUN and run.state.terminal:
            return f"run {short_id(run.id)} has already ended: {run.state}"
        return None

    def do_signal(self) -> None:
        """Open the signal dialog."""
        if run := self.target():
            self.app.push_screen(SignalDialog(self.session, run), self._acted)

    def do_cancel(self) -> None:
        """Open the cancel dialog."""
        if run := self.target():
            self.app.push_screen(CancelDialog(self.session, run), self._acted)

    def _acted(self, outcome: str | None) -> None:
        if outcome:
            self.toast(outcome)
            self.live.refresh()

    def do_yank(self) -> None:
        """Copy the run id."""
        if run := self.target():
            self.app.copy_to_clipboard(str(run.id))
            self.toast(f"copied {run.id}")
