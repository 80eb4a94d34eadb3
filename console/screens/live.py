"""What every live screen shares: one loop, one dispatcher for actions, the bars around it."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from abc import abstractmethod
from inspect import isawaitable
from typing import Generic, Literal, TypeVar

from textual.screen import Screen

from console import actions
from console.dialogs.cancel import CancelDialog
from console.dialogs.keys import KeysDialog
from console.dialogs.signal import SignalDialog
from console.present.plain import one_line, short_id
from console.refresh import LiveLoop, Trouble
from console.session import Session
from console.widgets.bars import Banner, HeaderBar
from continuum.model import Run

T = TypeVar("T")


class LiveScreen(Screen[None], Generic[T]):
    """A screen whose data is read again and again."""

    action_screen: str

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.live: LiveLoop[T] = LiveLoop(self.load, self.show, self.fail)

    @abstractmethod
    async def load(self) -> T:
        """Read everything the screen shows; touches no widget."""

    @abstractmethod
    def show(self, loaded: T) -> None:
        """Put what was read on screen."""

    @abstractmethod
    def target(self) -> Run | None:
        """The run that an action means."""

    @abstractmethod
    def dim(self, stale: bool) -> None:
        """Draw old data as old."""

    # the loop

    def on_mount(self) -> None:
        """Start reading."""
        self.run_worker(self.live.run(), group="live", exclusive=True, exit_on_error=False)

    def on_screen_suspend(self) -> None:
        """A dialog or another screen is on top: nothing may move below it."""
        self.live.suspend()

    def on_screen_resume(self) -> None:
        """Back on top: read at once."""
        self.live.resume()

    def fail(self, trouble: Trouble) -> None:
        """Keep what is on screen, dimmed, and say why."""
        del trouble
        self.dim(True)
        self.update_bars()

    def recovered(self) -> None:
        """The data on screen is fresh."""
        self.dim(False)
        self.update_bars()

    def update_bars(self) -> None:
        """Redraw header and banner."""
        self.query_one(HeaderBar).refresh()
        self.query_one(Banner).update()

    # actions

    async def action_perform(self, name: str) -> None:
        """The one way to run an action; a read-only session refuses writes here."""
        action = actions.named(name)
        if refused := actions.refusal(action, read_only=self.session.read_only):
            self.toast(refused, "warning")
            return
        done = getattr(self, f"do_{name}")()
        if isawaitable(done):
            await done

    def toast(
        self, text: str, severity: Literal["information", "warning", "error"] = "information"
    ) -> None:
        """Say something for a few seconds; never read as markup, never more than a line."""
        self.app.notify(one_line(text), severity=severity, timeout=4, markup=False)

    def do_signal(self) -> None:
        """Open the signal dialog."""
        if run := self._live_target():
            self.app.push_screen(SignalDialog(self.session, run), self._acted)

    def do_cancel(self) -> None:
        """Open the cancel dialog."""
        if run := self._live_target():
            self.app.push_screen(CancelDialog(self.session, run), self._acted)

    def _live_target(self) -> Run | None:
        run = self.target()
        if run is None:
            self.toast("no run under the cursor", "warning")
        elif run.state.terminal:
            self.toast(f"run {short_id(run.id)} has already ended: {run.state}", "warning")
            return None
        return run

    def _acted(self, outcome: str | None) -> None:
        if outcome:
            self.toast(outcome)
            self.live.refresh()

    def do_help(self) -> None:
        """Show the keys of this screen."""
        dialog = KeysDialog(self.action_screen, read_only=self.session.read_only)
        self.app.push_screen(dialog, self._chosen_key)

    def _chosen_key(self, name: str | None) -> None:
        if name:
            self.call_later(self.action_perform, name)

    def do_refresh(self) -> None:
        """Read now."""
        self.live.refresh()

    def do_pause(self) -> None:
        """Stop reading, or go on."""
        self.toast("paused: p goes on" if self.live.toggle_pause() else "live again")
        self.update_bars()

    def do_slower(self) -> None:
        """Longer interval."""
        self._say_interval(self.live.change_interval(1))

    def do_faster(self) -> None:
        """Shorter interval."""
        self._say_interval(self.live.change_interval(-1))

    def _say_interval(self, seconds: float) -> None:
        self.toast(f"reading every {seconds:g} s")
        self.update_bars()

    def do_yank(self) -> None:
        """Copy the run id."""
        run = self.target()
        if run is None:
            self.toast("no run under the cursor", "warning")
            return
        self.app.copy_to_clipboard(str(run.id))
        self.toast(f"copied {run.id}")

    @abstractmethod
    def palette_changed(self) -> None:
        """Another theme is active: paint again."""
