"""Screens with a run that can be acted on: signal, cancel, copy its id."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from typing import Final, TypeVar

from console.dialogs.cancel import CancelDialog
from console.dialogs.signal import SignalDialog
from console.dialogs.yank import YankDialog
from console.present.plain import short_id
from console.screens.live import LiveScreen
from console.yank import LARGEST, Copyable, copyables, keep
from continuum.model import Run

T = TypeVar("T")

_ON_A_RUN: Final = frozenset({"open", "signal", "cancel"})
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
        """The menu, for what is under the cursor now."""
        self.app.push_screen(YankDialog(self.copyables()), self._copy)

    def copyables(self) -> list[Copyable]:
        """What can be copied here."""
        return copyables(self.target(), None, 1)

    def _copy(self, item: Copyable | None) -> None:
        """Through the terminal, or to a file when it is too long for one."""
        if item is None or item.text is None:
            return
        text = item.text.encode("utf-8", "replace")
        if len(text) > LARGEST:
            try:
                self.toast(f"too long for a terminal, it is in {keep(item)}")
            except OSError as error:
                self.toast(f"too long for a terminal, and no file: {error.strerror}", "warning")
            return
        self.app.copy_to_clipboard(text.decode())
        size = len(item.text)
        what = item.text if size <= 40 else f"{size:,} characters"
        self.toast(f"copied {item.name}: {what}")
