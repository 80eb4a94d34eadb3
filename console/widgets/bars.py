"""The one-line parts around a screen: header, modes and crumbs, state tabs, banner, keys."""

# pyright: reportUnknownMemberType=false
# Textual leaves the type of `Widget.app` open.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from console import actions
from console.messages import ShowMode
from console.present import notices
from console.present.ages import zone
from console.present.header import HeaderFacts, address, header
from console.present.modes import Place, modes
from console.present.tabs import CHOICES, Tab, tabs
from console.refresh import LiveLoop
from console.session import Session
from console.source import Counts
from console.themes import Palette


def palette_of(widget: Widget) -> Palette:
    """The palette of the active theme."""
    return Palette.from_variables(widget.app.theme_variables)


class HeaderBar(Widget):
    """Connection, namespace, rights, numbers and the age of the data; ticks once a second."""

    def __init__(
        self, session: Session, live: LiveLoop[Any], scope: Callable[[], str | None]
    ) -> None:
        super().__init__()
        self._scope = scope
        self._session = session
        self._live = live

    def on_mount(self) -> None:
        """Tick, so that the age is never older than a second."""
        self.set_interval(1.0, self.refresh)

    def render(self) -> Text:
        """The header for the width there is."""
        session, live, scope = self._session, self._live, self._scope()
        pulse = session.pulse
        server = session.server
        facts = HeaderFacts(
            server=address(server) if server else "connecting",
            database=server.database if server else "…",
            user=server.user if server else "",
            namespace=scope,
            read_only=session.read_only,
            pulse=pulse if pulse is not None and pulse.namespace == scope else None,
            zone=zone(),
            age=live.age,
            interval=live.interval,
            paused=live.paused,
            failing=live.trouble is not None,
            danger=session.danger,
        )
        return header(facts, self.size.width, palette_of(self))


class ModeBar(Widget):
    """The modes, and the crumbs below the one on screen; a click goes there.

    Args:
        crumbs: from below the mode to the screen on top.
        mode: the one whose stack the screen is on.
    """

    def __init__(self, crumbs: Callable[[], Sequence[str]], mode: Callable[[], str]) -> None:
        super().__init__()
        self._crumbs = crumbs
        self._mode = mode
        self._places: list[Place] = []

    def render(self) -> Text:
        """All modes, and as much of the crumbs as there is room for."""
        line, self._places = modes(self._mode(), self._crumbs(), self.size.width, palette_of(self))
        return line

    def on_click(self, event: events.Click) -> None:
        """Go to the mode under the pointer."""
        for place in self._places:
            if place.start <= event.x < place.end:
                self.post_message(ShowMode(place.mode))


class StateTabs(Widget):
    """The state filter; a click chooses."""

    chosen: reactive[str | None] = reactive(None)
    counts: reactive[Counts | None] = reactive(None)

    class Chosen(Message):
        """The operator chose a state."""

        def __init__(self, state: str | None) -> None:
            self.state = state
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._places: list[Tab] = []

    def step(self, by: int) -> str | None:
        """The state `by` tabs further on, round the end."""
        return CHOICES[(CHOICES.index(self.chosen) + by) % len(CHOICES)]

    def render(self) -> Text:
        """The tabs for the width there is."""
        line, self._places = tabs(self.chosen, self.counts, self.size.width, palette_of(self))
        return line

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the pointer."""
        for place in self._places:
            if place.start <= event.x < place.end:
                self.post_message(self.Chosen(place.state))


class Banner(Widget):
    """Shown while reading fails; the old rows stay below it."""

    def __init__(self, live: LiveLoop[Any]) -> None:
        super().__init__()
        self._live = live
        self.display = False

    def on_mount(self) -> None:
        """Tick, for the count-down."""
        self.set_interval(1.0, self.update)

    def update(self) -> None:
        """Show or hide by the loop's trouble."""
        self.display = self._live.trouble is not None
        self.refresh()

    def render(self) -> Text:
        """What is wrong, since when, and when it is tried again."""
        trouble = self._live.trouble
        if trouble is None:
            return Text("")
        line = notices.banner(
            trouble.error,
            self._live.trouble_for,
            self._live.retry_in,
            unreachable=trouble.unreachable,
            palette=palette_of(self),
        )
        line.truncate(self.size.width, overflow="ellipsis")
        return line


class KeyBar(Widget):
    """The keys for the screen, from the registry; drops from the right when narrow.

    Args:
        screen_name: in the registry.
        refusal: why an action would not run now.
    """

    def __init__(self, screen_name: str, refusal: Callable[[actions.Action], str | None]) -> None:
        super().__init__()
        self._screen_name = screen_name
        self._refusal = refusal
        self._places: list[tuple[int, int, str]] = []

    def render(self) -> Text:
        """As many keys as fit, the last one always."""
        palette = palette_of(self)
        *shown, last = actions.in_footer(self._screen_name)
        ending = self._entry(last, palette)
        line, self._places = Text(" "), []
        for action in shown:
            entry = self._entry(action, palette)
            if line.cell_len + entry.cell_len + ending.cell_len + 4 > self.size.width:
                break
            self._append(line, action, entry)
        self._append(line, last, ending)
        return line

    def _append(self, line: Text, action: actions.Action, entry: Text) -> None:
        self._places.append((line.cell_len, line.cell_len + entry.cell_len, action.name))
        line.append_text(entry).append("  ")

    def _entry(self, action: actions.Action, palette: Palette) -> Text:
        shown = action.shown_key(self._screen_name)
        if self._refusal(action):
            return Text(f"{shown} {action.title}", palette.faint + Style(strike=True))
        key = Text().append(shown, palette.key)
        return key.append(f" {action.title}", palette.muted)

    async def on_click(self, event: events.Click) -> None:
        """Run the action under the pointer."""
        for start, end, name in self._places:
            if start <= event.x < end:
                await self.screen.run_action(f"perform('{name}')")
