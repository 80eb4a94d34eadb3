"""Ten tasks of somebody on call, with the real program on a real terminal and a real database.

The keys of a step arrive all at once; what is pressed is what docs/console.md says, key by key.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import conninfo

from console.dialogs.deliberate import IGNORED_FOR
from continuum import Continuum
from tests.console import oncall_shop as shop
from tests.console.oncall_tasks import Task, named
from tests.console.terminal import Terminal, console_command, on_pty, on_tmux, tmux_is_here
from tests.servers import TestServer

NARROW, LARGE = (80, 24), (200, 50)
ROOT = Path(__file__).parents[2]
SHORT_ID = re.compile(r"[0-9a-f]{4}…([0-9a-f]{4})")


@dataclass(slots=True)
class Desk:
    """A terminal of one kind and size, before a database with something of everything."""

    kind: str
    size: tuple[int, int]
    dsn: str
    directory: Path

    @asynccontextmanager
    async def console(self, *words: str, dsn: str | None = None) -> AsyncGenerator[Terminal]:
        """The console, as soon as it shows the runs."""
        command = console_command("--dsn", dsn or self.dsn, *words)
        given = {"CONTINUUM_VIEWS": str(self.directory / "views.toml")}
        if self.kind == "tmux":
            opened = on_tmux(command, self.size, given, self.directory)
        else:
            opened = on_pty(command, self.size, given)
        async with opened as terminal:
            await terminal.shows("runs(default) 6")
            yield terminal

    async def does(self, task: Task, terminal: Terminal) -> str:
        """All steps of a task, with the presses that the page states; the screen then."""
        before, screen = terminal.presses, ""
        for step in task.steps_at(self.size[0]):
            if step.answers:
                await asyncio.sleep(IGNORED_FOR + 0.1)
            await terminal.press(step.pressed)
            screen = await terminal.shows(step.shows)
        assert terminal.presses - before == task.presses(self.size[0])
        return screen

    def shell(self, *words: str) -> str:
        """What `continuum` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "continuum.cli", *words, "--dsn", self.dsn],
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=100,
        )  # fmt: skip
        return done.stdout


TERMINALS = [
    pytest.param(("pty", NARROW), id="80x24"),
    pytest.param(("pty", LARGE), id="200x50"),
]
IN_TMUX = pytest.param(
    ("tmux", NARROW), id="tmux",
    marks=pytest.mark.skipif(not tmux_is_here(), reason="no tmux on this machine"),
)  # fmt: skip


@pytest.fixture
def desk(pg_server: TestServer, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A copy of the database that was filled once."""
    kind, size = request.param
    with pg_server.database(pg_server.filled_template(shop.fill)) as dsn:
        yield Desk(kind, size, dsn, tmp_path)


every = pytest.mark.parametrize("desk", TERMINALS, indirect=True)
every_and_tmux = pytest.mark.parametrize("desk", [*TERMINALS, IN_TMUX], indirect=True)


@every_and_tmux
async def test_find_why_an_order_is_stuck(desk: Desk) -> None:
    """The chain goes from the order over its payment to the activity that is tried again."""
    async with desk.console() as terminal:
        await desk.does(named("stuck"), terminal)
        await terminal.until(
            lambda screen: (
                "shop:order" in screen
                and "shop:payment" in screen
                and re.search(r"charge.*attempt \d of 9", screen) is not None
            )
        )


GROUPED = (
    ["LookupError"] * 2 + ["TimeoutError"] * 4,
    ["TimeoutError"] * 4 + ["LookupError"] * 2,
)
"""Those of the new version, one cause after the other."""


def causes_of(screen: str) -> list[str]:
    """What the failed runs on screen failed of, from top to bottom."""
    return re.findall(r"✗ failed .*((?:Lookup|Timeout)Error): ", screen)


@every
async def test_failures_in_billing_since_the_deploy_by_cause(desk: Desk) -> None:
    """Only those of the new version, with one cause after the other."""
    async with desk.console() as terminal:
        await desk.does(named("families"), terminal)
        await terminal.until(lambda screen: causes_of(screen) in GROUPED)


@every
async def test_signal_one_run(desk: Desk) -> None:
    """The run has it, and no other has."""
    async with Continuum(desk.dsn) as ct, desk.console() as terminal:
        await desk.does(named("signal"), terminal)
        async with ct.worker(shop.ALL):
            for _ in range(1000):
                page = await ct.query("attributes.at = 'Oslo'", namespace=None)
                if page.entries:
                    break
                await asyncio.sleep(0.02)
        assert [run.workflow for run in page.entries] == ["shop:delivery"]


@every_and_tmux
async def test_cancel_by_query_with_the_count_typed(desk: Desk) -> None:
    """All four hundred end as cancelled, and nothing else does."""
    async with Continuum(desk.dsn) as ct, desk.console() as terminal:
        await desk.does(named("cancel"), terminal)
        async with ct.worker(shop.ALL):
            for _ in range(1000):
                done = await ct.count("state = 'cancelled'", namespace=None)
                if done == shop.TO_CANCEL:
                    break
                await asyncio.sleep(0.05)
        groups = await ct.count("state = 'cancelled'", namespace=None, group_by="workflow")
        assert [(group.key, group.count) for group in groups] == [
            (("shop:import",), shop.TO_CANCEL)
        ]


@every
async def test_what_blocks_the_removal_of_a_patch(desk: Desk) -> None:
    """The two runs of the code before it, with what they wait for."""
    task = named("patch")
    async with desk.console(*task.words) as terminal:
        await desk.does(task, terminal)
        screen = await terminal.until(lambda text: text.count("signal approval") == 2)
        rows = [line for line in screen.splitlines() if "◌ suspended " in line]
        assert len(rows) == 2
        assert all("shop:refund" in row and "signal approval" in row for row in rows)


@every
async def test_compare_a_failed_run_with_a_good_one(desk: Desk) -> None:
    """The good one is found by itself; the line where they part is under the cursor."""
    async with desk.console() as terminal:
        await desk.does(named("compare"), terminal)
        screen = await terminal.shows("▸", "! failed, not comp")
        [parted] = [line for line in screen.splitlines() if "▸" in line]
        assert "charge" in parted
        assert "card d" in parted
        assert "! failed, not comp" in parted
        assert "reserve" in screen


@every
async def test_follow_a_run_live(desk: Desk) -> None:
    """What happens comes into view with no further key."""
    async with Continuum(desk.dsn) as ct, ct.worker(shop.ALL), desk.console() as terminal:
        await desk.does(named("follow"), terminal)
        [run] = (await ct.query("workflow = 'shop:delivery'", namespace=None)).entries
        for place in ("Bergen", "Narvik"):
            await ct.signal(run.id, "arrived", place)
            await terminal.shows(f'arrived "{place}"')
        await ct.signal(run.id, "arrived", "Kirkenes")
        await terminal.shows("run completed")


@every
async def test_save_a_view_and_open_it_again(desk: Desk) -> None:
    """In another session, too."""
    async with desk.console() as terminal:
        await desk.does(named("view"), terminal)
    async with desk.console() as terminal:
        await desk.does(named("reopen"), terminal)
        await terminal.shows("/ state = 'failed'", "Broken")


@every_and_tmux
async def test_the_copied_command_prints_the_same_rows(desk: Desk) -> None:
    """What is on the clipboard, pasted into a shell, finds the runs on screen."""
    async with desk.console() as terminal:
        screen = await desk.does(named("copy"), terminal)
        program, *words = shlex.split(await terminal.copied())
    assert program == "continuum"
    printed = await asyncio.to_thread(desk.shell, *words, "--format", "ids")
    shown = [tail for line in screen.splitlines() if "failed  " in line
             for tail in SHORT_ID.findall(line)]  # fmt: skip
    assert shown
    assert [run_id[-4:] for run_id in printed.split()] == shown


@every
async def test_read_only_as_the_reader(desk: Desk) -> None:
    """The role alone makes the session read-only: it says so, looks, and changes nothing."""
    await asyncio.to_thread(desk.shell, "migrate", "--roles")
    reader = conninfo.make_conninfo(desk.dsn, user="continuum_reader")
    async with desk.console(dsn=reader) as terminal:
        await terminal.shows("READ-ONLY")
        await desk.does(named("reader"), terminal)
