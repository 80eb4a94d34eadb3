"""Render screenshots/*.svg from the real program over the fixed sample world.

    python -m console.shots [FOLDER]

The clock, the ids and the answers stand still, so the same code gives the same files.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from console.app import ConsoleApp
from console.sample import SampleSource
from console.screens.live import LiveScreen
from console.screens.runs import RunsScreen
from console.session import Session
from console.source import PAGE, RunsPage, RunsQuery
from console.themes import DARK, LIGHT, SAFE_DARK
from continuum.errors import DatabaseUnavailable

FOLDER: Final = Path(__file__).parent.parent / "screenshots"
PATIENCE: Final = 30.0


@dataclass(slots=True)
class Failing(SampleSource):
    """Answers once, then is away."""

    answers: int = 1

    async def runs(
        self, query: RunsQuery, limit: int = PAGE, cursor: str | None = None
    ) -> RunsPage:
        """The first page, and no other."""
        if self.answers == 0:
            raise DatabaseUnavailable("connection to db1:5432 failed: Connection refused")
        self.answers -= 1
        return await SampleSource.runs(self, query, limit, cursor)


@dataclass(slots=True)
class StillClock:
    """Seconds, which go on only where a shot waits."""

    now: float = 0.0

    def __call__(self) -> float:
        """The same as before."""
        return self.now


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: what is pressed, and how large the terminal is.

    A string that starts with `=` is typed into what has the focus.
    """

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    namespace: str | None = None
    read_only: bool = False
    theme: str = DARK.name
    source: Callable[[], SampleSource] = field(default=SampleSource)
    query: RunsQuery | None = None


_NAMES: Final = {
    ">": "greater_than_sign", "/": "slash", "?": "question_mark", ":": "colon",
    "*": "asterisk", " ": "space", "[": "left_square_bracket", "]": "right_square_bracket",
}  # fmt: skip
PRO: Final = RunsQuery(None, "attributes.plan = 'pro'")
REVIEW: Final = (">", ">", "j", "k")
GOOD: Final = (">", ">", ">", "j", "k")
FAILED: Final = (">", ">", ">", ">", "j", "k")
PLANNED: Final = ("*", "X", "wait", "y", "wait")
BUILT: Final = RunsQuery(
    None,
    "state in ('failed', 'suspended') and attributes.plan = 'pro' and (duration > 60 or not "
    "(attributes.region in ('eu', 'us') or owner is null)) order by duration desc",
)
SHOTS: Final = (
    Shot("runs-80x24", (80, 24)),
    Shot("runs-100x30", (100, 30), ("j", "j", "j"), namespace="orders"),
    Shot("runs-140x40", (140, 40), ("j", "j")),
    Shot("runs-200x50", (200, 50), ("j", "j")),
    Shot("runs-light", (120, 32), theme=LIGHT.name),
    Shot("runs-filter", (100, 30), ("/",), query=PRO),
    Shot(
        "query-builder", (100, 30), ("f2", "down", "right", "right", "enter", "wait"), query=BUILT
    ),
    Shot("runs-empty", (80, 24), namespace="archive"),
    Shot("runs-read-only", (100, 30), ("X",), read_only=True),
    Shot("database-away", (100, 30), ("r",), source=Failing),
    Shot("run-80x24", (80, 24), (*REVIEW, "enter")),
    Shot("run-140x40", (140, 40), (*REVIEW, "enter")),
    Shot("run-200x50", (200, 50), (">", ">", ">", ">", "enter")),
    Shot("run-children", (140, 40), (">", ">", "j", "k", "enter"), namespace="reports"),
    Shot("run-payload", (100, 30), (*REVIEW, "enter", "g", "j", "j", "enter")),
    Shot("run-timeline-80x24", (80, 24), (*REVIEW, "enter", "]")),
    Shot("run-timeline-200x50", (200, 50), (*GOOD, "enter", "]")),
    Shot("run-values-100x30", (100, 30), (*FAILED, "enter", "]", "]")),
    Shot("run-family-80x24", (80, 24), (*REVIEW, "enter", "]", "]", "]")),
    Shot("run-waits-80x24", (80, 24), (*REVIEW, "enter", "w")),
    Shot("run-diff-80x24", (80, 24), (*FAILED, "enter", "[")),
    Shot("run-diff-200x50", (200, 50), (*FAILED, "enter", "[")),
    Shot("signal", (80, 24), (">", ">", "s", '={"verdict": "approved"}')),
    Shot("cancel", (80, 24), (*REVIEW, "X", "wait")),
    Shot("cancel-force", (80, 24), (*REVIEW, "X", "wait", "f")),
    Shot("views", (80, 24), ("B",)),
    Shot("copy", (100, 30), ("j", "y", "down")),
    Shot("marks", (100, 30), ("j", " ", " ", "j", " ")),
    Shot("plan-80x24", (80, 24), (*PLANNED, "=51")),
    Shot("plan-100x30", (100, 30), (*PLANNED, "=51"), theme=SAFE_DARK.name),
    Shot("plan-applied", (100, 30), (*PLANNED, "=51", "enter", "wait", "y")),
    Shot("attributes", (80, 24), ("j", "e")),
    Shot("namespaces", (80, 24), ("n",), namespace="billing"),
    Shot("keys", (80, 24), ("?",)),
    Shot("command", (80, 24), (":", "=ns bi", "wait")),
    Shot("audit-80x24", (80, 24), ("2",)),
    Shot("audit-100x30", (100, 30), ("2", "j")),
    Shot("audit-140x40", (140, 40), ("2", "j", "j", "j")),
    Shot("audit-light", (120, 36), ("2",), theme=LIGHT.name),
    Shot("nodes-80x24", (80, 24), ("3",)),
    Shot("nodes-140x40", (140, 40), ("3",)),
    Shot("health-80x24", (80, 24), ("4",)),
    Shot("health-140x40", (140, 40), ("4",)),
    Shot("journal-80x24", (80, 24), ("5",)),
    Shot("journal-140x40", (140, 40), ("5", "j", "j")),
    Shot("peek-100x30", (100, 30), ("j", "j", "d", "wait")),
    Shot("peek-140x40", (140, 40), ("j", "j", "d", "wait")),
    Shot("audit-runs", (100, 30), ("2", "enter"), theme=SAFE_DARK.name),
)


async def render(shot: Shot) -> str:
    """The SVG of one shot."""
    source = shot.source()
    clock = StillClock()
    session = Session(source, shot.namespace, read_only=shot.read_only, clock=clock)
    query = shot.query or RunsQuery(shot.namespace)
    app = ConsoleApp(session, theme=shot.theme, query=query)
    app.animation_level = "none"
    async with app.run_test(size=shot.size) as pilot:
        await _settle(app, pilot)
        for key in shot.keys:
            await _do(key, app, pilot, clock)
            await _settle(app, pilot)
        for blinking in app.screen.query("Input, TextArea"):
            blinking.cursor_blink = False  # pyright: ignore[reportAttributeAccessIssue]
        await pilot.pause()
        return _stable(app.export_screenshot(title="continuum-console"), shot.name)


async def _do(key: str, app: ConsoleApp, pilot: Pilot[None], clock: StillClock) -> None:
    if key == "wait":  # a dialog ignores its first moment
        clock.now += 0.5
        await pilot.pause(0.1)
    elif key.startswith("=") and len(key) > 1:
        focused = app.screen.focused
        if isinstance(focused, TextArea):
            focused.insert(key[1:])
        elif isinstance(focused, Input):
            focused.insert_text_at_cursor(key[1:])
    else:
        await pilot.press(_NAMES.get(key, key))


async def _settle(app: ConsoleApp, pilot: Pilot[None]) -> None:
    """Until the screen on top has been read (or could not be)."""
    deadline = time.monotonic() + PATIENCE
    await pilot.pause()
    while not _settled(app):
        if time.monotonic() > deadline:
            raise TimeoutError("the screen was not read")
        await asyncio.sleep(0.01)
    await pilot.pause()


def _settled(app: ConsoleApp) -> bool:
    if not isinstance(app.screen, LiveScreen):
        at_it = {each.group for each in app.workers if not each.is_finished}
        return at_it.isdisjoint({"describe", "apply", "send"})
    live = cast("LiveScreen[Any]", app.screen).live
    screen = app.screen
    # The focus comes back from the line a moment after what was typed there is obeyed.
    if isinstance(screen, RunsScreen) and not (
        screen.peek_pane.feed.idle and (not screen.top or (screen.focused and screen.counted))
    ):
        return False
    known = app.pulse.idle and (app.pulse.loads > 0 or app.pulse.trouble is not None)
    return known and live.idle and (live.loads > 0 or live.trouble is not None)


def _stable(svg: str, name: str) -> str:
    """Without the random id that Rich puts into every SVG."""
    return re.sub(r"terminal-\d+", f"terminal-{name}", svg)


def main() -> None:
    """Write all files, or those named so; say which."""
    os.environ["TZ"] = "UTC"  # times are shown in the local zone
    time.tzset()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:]
    for shot in SHOTS:
        if wanted and not any(shot.name.startswith(name) for name in wanted):
            continue
        path = folder / f"{shot.name}.svg"
        path.write_text(asyncio.run(render(shot)), encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
