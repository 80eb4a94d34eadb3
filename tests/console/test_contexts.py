"""`:ctx`: another database takes the place of the one that is looked at, or nothing changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, OptionList

from console.connections import Connections, Opened
from console.screens.live import LiveScreen
from console.session import Session
from console.themes import DEFAULT_THEME
from continuum import Continuum, workflow
from continuum.errors import ConfigurationError
from continuum.profiles import Profile
from tests.console.driving import Driver, HeardConsole, wait_until


@workflow(name="ctx:first")
async def first() -> None:
    """A run of the one database."""


@workflow(name="ctx:second")
async def second() -> None:
    """A run of the other."""


@dataclass
class Desk:
    """Two databases with a run in each, and the file that names them."""

    one: str
    other: str
    file: Path

    def write(self, **profiles: str) -> None:
        """Profiles by name: their lines."""
        self.file.write_text("".join(f"[{name}]\n{text}\n" for name, text in profiles.items()))


@pytest.fixture
async def desk(new_dsn: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Databases as they are named `one` and `other`."""
    found = Desk(new_dsn(), new_dsn(), tmp_path / "profiles.toml")
    monkeypatch.setenv("CONTINUUM_PROFILES", str(found.file))
    async with Continuum(found.one) as ct:
        await ct.start(first, namespace="default")
    async with Continuum(found.other) as ct:
        await ct.start(second, namespace="billing")
    found.write(
        one=f'dsn = "{found.one}"',
        other=f'dsn = "{found.other}"\nnamespace = "billing"\ndanger = true\n'
        'read_only = true\ntheme = "continuum-light"',
    )
    return found


@asynccontextmanager
async def looking(
    connections: Connections, name: str = "one", size: tuple[int, int] = (140, 36)
) -> AsyncGenerator[Driver]:
    """A console that was started with a profile."""
    opened = await connections.open(connections.named(name))
    app = _Console(opened, connections)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            ui = Driver(app, pilot)
            await ui.settled()
            yield ui
            await ui.quiet("closing")
    finally:
        await app.session.close()


class _Console(HeardConsole):
    def __init__(self, opened: Opened, connections: Connections) -> None:
        super().__init__(opened.session, query=None, connections=connections)
        self.theme = opened.theme


async def command(ui: Driver, text: str) -> None:
    """Type a command and Enter."""
    await ui.press("colon")
    await ui.type(text)
    await ui.press("enter")


async def switched(ui: Driver, old: Session) -> None:
    """Another database is looked at, and its runs have been read."""
    await wait_until(lambda: ui.app.session is not old, "another session")
    await ui.on_screen("RunsScreen")
    await ui.settled()


async def closed(session: Session) -> bool:
    """Whether the connection of a session has been given back."""
    try:
        await session.source.namespaces()
    except ConfigurationError:
        return True
    return False


async def test_everything_of_the_old_database_is_left(desk: Desk) -> None:
    """Screens, loops, marks and pool are gone; namespace, theme and rights are the profile's."""
    async with looking(Connections()) as ui:
        await ui.shows("ctx:first")
        await ui.press("space")
        await ui.shows("1 marked")
        for key in ("2", "3", "4", "5", "1"):
            await ui.press(key)
            await wait_until(lambda: ui.answered, f"screen {key}")
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        stacks = ui.app._screen_stacks.values()
        screens: list[LiveScreen[Any]] = [
            each for stack in stacks for each in stack if isinstance(each, LiveScreen)
        ]
        loops = [each.live for each in screens]
        workers = [each for each in ui.app.workers if each.node is not ui.app]
        assert len(loops) == 6
        assert workers
        old = ui.app.session
        await command(ui, "ctx other")
        await switched(ui, old)
        await ui.shows("ctx:second")
        text = ui.text()
        assert "ctx:first" not in text
        assert "marked" not in text
        assert "ns billing" in text
        assert "READ-ONLY" in text
        assert desk.other.split("dbname=")[1].split()[0] in text
        session = ui.app.session
        assert (session.namespace, session.danger, session.read_only) == ("billing", True, True)
        assert session.profile == "other"
        assert ui.app.theme == "continuum-light"
        assert [len(stack) for stack in ui.app._screen_stacks.values() if stack][-1:] == [1]
        assert ui.app.screen not in screens
        assert not any(each.is_running for each in screens)
        await wait_until(lambda: all(each.is_finished for each in workers), "its workers end")
        loads = [each.loads for each in loops]
        await ui.quiet("closing")
        assert await closed(old)
        await ui.press("X")
        await ui.toasts("read-only session")
        for key in ("2", "3", "4", "5", "1"):
            await ui.press(key)
            await wait_until(lambda: ui.answered, f"screen {key}")
            assert "ctx:first" not in ui.text()
        assert loads == [each.loads for each in loops]


async def test_there_and_back(desk: Desk) -> None:
    """What one profile says does not stay for the next."""
    async with looking(Connections()) as ui:
        for name, workflow_name, danger in (
            ("other", "ctx:second", True),
            ("one", "ctx:first", False),
            ("other", "ctx:second", True),
        ):
            old = ui.app.session
            await command(ui, f"ctx {name}")
            await switched(ui, old)
            await ui.shows(workflow_name)
            session = ui.app.session
            assert (session.danger, session.read_only) == (danger, danger)
            assert ui.app.theme == ("continuum-light" if danger else DEFAULT_THEME)


async def test_what_the_command_line_says_holds_everywhere(desk: Desk) -> None:
    """`--read-only` stays, and `--theme` where a profile names none."""
    given = Connections(read_only=True, theme="continuum-safe-dark")
    async with looking(given, "other") as ui:
        old = ui.app.session
        await command(ui, "ctx one")
        await switched(ui, old)
        await ui.shows("ctx:first")
        assert ui.app.session.read_only
        assert ui.app.theme == "continuum-safe-dark"


async def test_the_chooser(desk: Desk) -> None:
    """`:ctx` alone lists the profiles; the one that is looked at is marked, Esc stays."""
    async with looking(Connections()) as ui:
        old = ui.app.session
        await command(ui, "ctx")
        await ui.on_screen("ContextDialog")
        await ui.shows("▸ one")
        await ui.shows("other  ns billing  read-only  danger")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert ui.app.session is old
        await command(ui, "ctx")
        await ui.on_screen("ContextDialog")
        await ui.type("oth")
        assert ui.app.screen.query_one(OptionList).option_count == 1
        await ui.press("enter")
        await switched(ui, old)
        await ui.shows("ctx:second")


async def test_names_are_completed_and_the_nearest_is_suggested(desk: Desk) -> None:
    """A wrong name changes nothing."""
    async with looking(Connections()) as ui:
        old = ui.app.session
        await ui.press("colon")
        await ui.type("ctx ot")
        line = ui.app.screen.query_one("CommandLine Input", Input)
        await wait_until(lambda: line._suggestion == "ctx other")
        await ui.press("escape")
        await command(ui, "ctx othr")
        await ui.toasts("no profile othr: did you mean other?")
        await command(ui, "ctx zzz")
        await ui.toasts("no profile zzz: there are one, other")
        desk.file.write_text("[one]\n")
        await command(ui, "ctx")
        await ui.toasts("profile one has no dsn")
        desk.file.unlink()
        await command(ui, "ctx")
        await ui.toasts("there are no profiles in ")
        assert ui.app.session is old
        assert type(ui.app.screen).__name__ == "RunsScreen"
        assert not await closed(old)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_databases_that_cannot_be_gone_to(
    desk: Desk, empty_dsn: str, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one stays as it is, and the reason is told."""
    monkeypatch.setattr("console.dialogs.context.NO_ANSWER_AFTER", 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = unused.getsockname()[1]
        desk.write(
            one=f'dsn = "{desk.one}"',
            empty=f'dsn = "{empty_dsn}"',
            silent=f'dsn = "postgresql://x@127.0.0.1:{silent}/x"',
            refusing=f'dsn = "postgresql://x@127.0.0.1:{refusing}/x"',
            painted=f'dsn = "{desk.other}"\ntheme = "no-such"',
            coded=f'dsn = "{desk.other}"\ncodec = "no_such_module:codec"',
        )
        async with looking(Connections()) as ui:
            await ui.shows("ctx:first")
            await ui.press("space")
            await ui.shows("1 marked")
            old, screen = ui.app.session, ui.app.screen
            for name, words in (
                ("empty", "empty: "),
                ("silent", "silent: no answer within"),
                ("refusing", "refusing: "),
                ("painted", "painted: no theme no-such; there are: "),
                ("coded", "coded: "),
            ):
                await command(ui, f"ctx {name}")
                await ui.toasts(words)
                ui.app.clear_notifications()  # they stand above what is looked at here
                await ui.on_screen("RunsScreen")
                assert ui.app.session is old
                assert ui.app.screen is screen
                await ui.shows("1 marked")
                await ui.shows("ctx:first")
            loads = ui.runs.live.loads
            await ui.press("r")
            await wait_until(lambda: ui.runs.live.loads > loads, "it is read as before")


async def test_esc_gives_up_on_a_connection(desk: Desk, silent: int) -> None:
    """While it is waited for no act can begin, and Esc stays."""
    desk.write(one=f'dsn = "{desk.one}"', silent=f'dsn = "postgresql://x@127.0.0.1:{silent}/x"')
    async with looking(Connections()) as ui:
        old = ui.app.session
        await command(ui, "ctx silent")
        await ui.shows("connecting to silent…")
        await ui.press("X", "s", "enter")
        assert type(ui.app.screen).__name__ == "ContextDialog"
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        await ui.quiet("connect")
        assert ui.app.session is old
        assert ui.notified() == []


async def test_a_dialog_keeps_its_database(desk: Desk) -> None:
    """What is being done to a run is done where it began."""
    async with looking(Connections()) as ui:
        await ui.shows("ctx:first")
        old = ui.app.session
        await ui.press("s")
        await ui.on_screen("SignalDialog")
        ui.app._show_contexts("other")
        await ui.toasts("an act belongs to this database: close its dialog first")
        assert type(ui.app.screen).__name__ == "SignalDialog"
        assert ui.app.session is old


async def test_a_connection_that_fails_half_way_is_given_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool is closed when what is asked of it first cannot be answered."""
    left: list[Continuum] = []

    async def fail(self: Continuum) -> None:
        left.append(self)
        raise asyncio.CancelledError

    monkeypatch.setattr(Continuum, "check_codec", fail)
    with pytest.raises(asyncio.CancelledError):
        await Connections().open(Profile("one", desk.one))
    with pytest.raises(ConfigurationError):
        await left[0].namespaces()
