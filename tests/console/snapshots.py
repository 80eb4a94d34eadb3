"""What the screens show, as text: `python -m tests.console.snapshots [NAME...]` writes it anew."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from unittest.mock import patch

from textual.screen import ModalScreen

from console.acts_query import ActsQuery
from console.acts_source import ActsPage
from console.app import ConsoleApp
from console.sample import SampleSource
from console.sample_holds import SampleHolds
from console.sample_reports import NOW, sample_audit
from console.screens.live import LiveScreen
from console.session import Session
from console.shots import Failing
from console.source import RunsQuery, Workforce
from continuum.audit.report import AuditReport
from continuum.errors import DatabaseUnavailable
from continuum.health.report import Facts, HealthReport
from continuum.model import Pause
from tests.console.driving import Driver, wait_until

FOLDER = Path(__file__).parent / "snapshots"
AWAY = DatabaseUnavailable("connection to db1:5432 failed: Connection refused")
SIZES = ((80, 24), (100, 30), (140, 40))


class AwayHolds(SampleHolds):
    """Pauses that cannot be read."""

    async def pauses(self) -> Sequence[Pause]:
        raise AWAY


class AwayActs:
    """A journal that cannot be read."""

    async def page(self, query: ActsQuery, cursor: str | None = None) -> ActsPage:
        raise AWAY


@dataclass(slots=True)
class Away(SampleSource):
    """Its reports, its journal and its pauses cannot be read."""

    def __post_init__(self) -> None:
        SampleSource.__post_init__(self)
        self.acts = AwayActs()
        self.holds = AwayHolds(self._hold, self.now)

    async def audit(self) -> AuditReport:
        raise AWAY

    async def workforce(self) -> Workforce:
        raise AWAY

    async def health(self) -> HealthReport:
        raise AWAY


def without_anything() -> SampleSource:
    """A database that nobody has used yet."""
    nothing = replace(
        sample_audit(), audited="nodes", live_runs=0, workflows=(), unknown_versions=(),
        expired_leases=0, abandoned_leases=0, findings=(), replay=None,
    )  # fmt: skip
    facts = Facts(queues=(), families=(), parked=())
    return SampleSource(
        all_runs=[],
        live_nodes=0,
        report=nothing,
        workers=Workforce((), facts, None, NOW),
        health_report=HealthReport(NOW, (), facts, None),
    )


STATES: dict[str, Callable[[], SampleSource]] = {
    "data": SampleSource,
    "empty": without_anything,
    "error": Away,
    "away": Failing,
}
RUN = ("greater_than_sign", "greater_than_sign", "enter")
"""The first run that is suspended."""
SCREENS = {
    "audit": ("2",), "nodes": ("3",), "health": ("4",), "journal": ("5",),
    "peek": ("d",), "form": ("f2",),
}  # fmt: skip
TABS = {
    "runs": ("r",),
    "run": RUN,
    "timeline": (*RUN, "right_square_bracket"),
    "values": (*RUN, *["right_square_bracket"] * 2),
    "family": (*RUN, *["right_square_bracket"] * 3),
    "waits": (*RUN, "w"),
    "diff": (*RUN, "left_square_bracket"),
}
DIALOGS = {
    "export": ("E",), "pause": ("P",), "signal": (*RUN, "s"), "cancel": (*RUN, "X"),
    "cancel-many": ("asterisk", "X"), "attributes": (*RUN, "e"), "namespaces": ("n",),
    "keys": ("question_mark",), "views": ("B",), "save-view": ("b",), "copy": ("y",),
    "compare-with": (*RUN, "D"), "database": ("colon", "c", "t", "x", "enter"),
}  # fmt: skip
KEYS = SCREENS | TABS | DIALOGS
QUERIES = {
    "form": "state = 'failed' and attributes.region in ('eu', 'us') and (duration > 60 or not "
    "(attributes.\"customer tier\" like 'gold%' or owner is null)) order by duration desc",
}
"""What the list answers, where that is not everything."""
PICTURES = [
    *((screen, state) for screen in SCREENS for state in ("data", "empty", "error")),
    *((tab, "data") for tab in TABS),
    *((dialog, "data") for dialog in DIALOGS),
    ("runs", "empty"),
    ("runs", "away"),
    ("export", "empty"),
    ("namespaces", "empty"),
    ("pause", "error"),
]
"""Every screen and dialog with the states that it can be in."""
PROFILES = """
[production]
dsn = "postgresql://db1/shop"
namespace = "orders"
danger = true
[replica]
dsn = "postgresql://db2/shop"
read_only = true
"""


@contextmanager
def in_utc() -> Iterator[None]:
    """Times are shown in the local zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@contextmanager
def profiles() -> Iterator[None]:
    """Databases to choose from; none of them is connected to."""
    with NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(PROFILES)
        file.flush()
        with patch.dict(os.environ, CONTINUUM_PROFILES=file.name):
            yield


async def picture(screen: str, size: tuple[int, int], state: str) -> str:
    """The text of a screen once it has its answer."""
    query = RunsQuery(None, QUERIES.get(screen, ""))
    app = ConsoleApp(Session(STATES[state](), None, clock=lambda: 0.0), query=query)
    app.animation_level = "none"
    with in_utc(), chdir("/"), profiles():
        async with app.run_test(size=size, notifications=True) as pilot:
            ui = Driver(app, pilot)
            await ui.settled()
            for key in KEYS[screen]:
                await ui.press(key)
                await wait_until(lambda: not isinstance(app.screen, LiveScreen) or ui.answered,
                                 "an answer")  # fmt: skip
            if screen in DIALOGS:
                await wait_until(lambda: isinstance(app.screen, ModalScreen), "the dialog")
                await ui.quiet("pauses", "namespaces", "learn")
            await wait_until(lambda: app.pulse.idle, "the numbers of the header")
            await wait_until(lambda: ui.runs.peek_pane.feed.idle, "the events beside the list")
            before = None
            while before != (before := ui.text()):
                await pilot.pause()
            return "\n".join(line.rstrip() for line in before.splitlines()) + "\n"


def path(screen: str, size: tuple[int, int], state: str) -> Path:
    """Where it is kept."""
    return FOLDER / f"{screen}-{size[0]}x{size[1]}-{state}.txt"


def main() -> None:
    """Write all of them, or those named so."""
    FOLDER.mkdir(exist_ok=True)
    wanted = sys.argv[1:]
    for screen, state in PICTURES:
        if wanted and screen not in wanted:
            continue
        for size in SIZES:
            text = asyncio.run(picture(screen, size, state))
            path(screen, size, state).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
