"""How tests drive the console: wait for what they assert, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar, cast

from rich.text import Text
from textual import events
from textual.app import App
from textual.notifications import SeverityLevel
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from console.app import ConsoleApp
from console.screens.live import LiveScreen
from console.screens.run import RunScreen
from console.screens.runs import RunsScreen
from console.session import Session
from console.shelf import Shelf
from console.source import RunsQuery, Source

W = TypeVar("W", bound=Widget)
PATIENCE = 20.0


async def wait_until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Let the app run until `condition` holds; fails after `PATIENCE` seconds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, f"waited {PATIENCE:g} s for {what}"
        await asyncio.sleep(0.01)


class HeardConsole(ConsoleApp):
    """A console whose toasts are known also after they have gone: a machine can stall that long."""

    def __init__(self, session: Session, **options: Any) -> None:
        super().__init__(session, **options)
        self.heard: list[str] = []

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a toast, and note it."""
        self.heard.append(message)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)


class Driver:
    """One running console."""

    def __init__(self, app: HeardConsole, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def runs(self) -> RunsScreen:
        """The list at the bottom of the stack."""
        stack = self.app._screen_stacks["runs"]
        found = next(screen for screen in stack if isinstance(screen, RunsScreen))
        assert isinstance(found, RunsScreen)
        return found

    @property
    def run(self) -> RunScreen:
        """The run screen on top."""
        assert isinstance(self.app.screen, RunScreen)
        return self.app.screen

    @property
    def answered(self) -> bool:
        """Whether the screen on top has been read, or could not be."""
        screen = self.app.screen
        assert isinstance(screen, LiveScreen)
        live = cast("LiveScreen[object]", screen).live
        return live.idle and (live.loads > 0 or live.trouble is not None)

    async def press(self, *keys: str) -> None:
        """Press keys and let them be handled."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def burst(self, *keys: str) -> None:
        """Keys that arrive together, before anything could be done about the first of them."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            name = _KEY_NAMES.get(key, key)
            character = next((c for c, n in _KEY_NAMES.items() if n == name), None)
            driver.send_message(events.Key(name, character or (key if len(key) == 1 else None)))

    async def type(self, text: str) -> None:
        """Type text into what has the focus."""
        for character in text:
            await self.pilot.press(_KEY_NAMES.get(character, character))
        await self.pilot.pause()

    async def settled(self) -> None:
        """The list has been read once."""
        await wait_until(lambda: self.runs.page is not None, "the first page")
        await self.pilot.pause()

    async def on_screen(self, name: str) -> None:
        """A screen or dialog of this class is on top."""
        await wait_until(lambda: type(self.app.screen).__name__ == name, name)
        await self.pilot.pause()

    async def quiet(self, *groups: str) -> None:
        """No worker of these groups is at it any more."""
        workers = self.app.workers
        await wait_until(
            lambda: all(each.is_finished for each in workers if each.group in groups), str(groups)
        )
        await self.pilot.pause()

    def text(self) -> str:
        """Everything visible, as text."""
        return screen_text(self.app)

    async def shows(self, words: str) -> None:
        """The words are on screen."""
        await wait_until(lambda: words in self.text(), f"{words!r} on screen")

    def notified(self) -> list[str]:
        """The texts of all toasts that nobody has waited for."""
        return list(self.app.heard)

    async def toasts(self, words: str) -> None:
        """A toast with these words appears, or has since one was last waited for."""
        await wait_until(lambda: any(words in text for text in self.app.heard), f"toast {words!r}")
        self.app.heard.remove(next(text for text in self.app.heard if words in text))


_KEY_NAMES = {
    "/": "slash", "?": "question_mark", "<": "less_than_sign",
    " ": "space", "'": "apostrophe", "=": "equals_sign", '"': "quotation_mark", ".": "full_stop",
    "{": "left_curly_bracket", "}": "right_curly_bracket", ":": "colon", "[": "left_square_bracket",
    "]": "right_square_bracket", ",": "comma", "_": "underscore", "!": "exclamation_mark",
    "-": "minus", "(": "left_parenthesis", ")": "right_parenthesis", ">": "greater_than_sign",
}  # fmt: skip


@dataclass(slots=True)
class Clock:
    """Seconds that go on only when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def console(
    source: Source,
    *,
    namespace: str | None = None,
    read_only: bool = False,
    size: tuple[int, int] = (120, 36),
    query: RunsQuery | None = None,
    shelf: Shelf | None = None,
    clock: Callable[[], float] = monotonic,
    danger: bool = False,
    toasts: bool = True,
) -> AsyncGenerator[Driver]:
    """A console over a source, with its list read."""
    session = Session(
        source,
        namespace,
        read_only=read_only,
        danger=danger,
        shelf=shelf or Shelf(),
        clock=clock,
    )
    app = HeardConsole(session, query=query)
    async with app.run_test(size=size, notifications=toasts) as pilot:
        yield Driver(app, pilot)


def screen_text(app: App[None]) -> str:
    """What the terminal would show, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips(app.size) if width and height else []
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def static_text(widget: Static) -> str:
    """The text of a Static."""
    visual = widget.render()
    return visual.plain if isinstance(visual, Text) else str(visual)
