"""The Textual app: themes, screens, palette. No business logic."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES

from console import actions
from console.messages import OpenRun
from console.screens.live import LiveScreen
from console.screens.run import RunScreen
from console.screens.runs import RunsScreen
from console.session import Session
from console.source import RunsQuery
from console.themes import DARK, DEFAULT_THEME, LIGHT


def theme_names() -> list[str]:
    """Every theme there is, the console's own first."""
    return [DARK.name, LIGHT.name, *sorted(BUILTIN_THEMES)]


class ConsoleApp(App[None]):
    """The operations console over one session."""

    TITLE = "continuum"
    CSS_PATH = str(Path(__file__).parent / "styles" / "console.tcss")
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self, session: Session, *, theme: str = DEFAULT_THEME, query: RunsQuery | None = None
    ) -> None:
        super().__init__()
        self._first_query = query
        self.session = session
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = theme

    def on_mount(self) -> None:
        """Open on the list of runs."""
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.push_screen(RunsScreen(self.session, self._first_query))

    def on_open_run(self, message: OpenRun) -> None:
        """One run on top of the list."""
        self.push_screen(RunScreen(self.session, message.run_id))

    def demo_ended(self, said: str) -> None:
        """The demo workload stopped by itself: say why, the console goes on."""
        self.notify(said, title="the demo ended", severity="error", timeout=30, markup=False)

    def _theme_changed(self, _: object) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, LiveScreen):
                screen.palette_changed()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette holds what the registry holds, the theme and the way out."""
        if isinstance(screen, LiveScreen):
            for action in actions.of_screen(screen.action_screen):
                if actions.refusal(action, read_only=self.session.read_only) is None:
                    run = partial(screen.call_later, screen.action_perform, action.name)
                    yield SystemCommand(action.title, f"{action.help} ({action.shown_key})", run)
        yield SystemCommand("Theme", "Choose the colours.", self.action_change_theme)
        yield SystemCommand("Exit", "Leave the console.", self.exit)
