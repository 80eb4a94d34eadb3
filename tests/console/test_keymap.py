"""Keys of one's own: what a file says is what the keys do, and what `?` and the last line show."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console import actions
from console.__main__ import WRONG_USAGE, main
from console.keymap import keys_file, read_keymap, textual_key
from console.sample import SampleSource
from console.session import Session
from continuum.errors import ConfigurationError
from tests.console.driving import Driver, HeardConsole


@pytest.fixture(autouse=True)
def _usual_keys_afterwards() -> Iterator[None]:
    yield
    actions.use({})


def written(path: Path, text: str) -> Path:
    """A file of keys."""
    file = path / "keys.toml"
    file.write_text(text, encoding="utf-8")
    return file


@asynccontextmanager
async def with_keys(file: Path) -> AsyncGenerator[Driver]:
    """A console with the keys of a file."""
    session = Session(SampleSource(), None, clock=lambda: 0.0)
    app = HeardConsole(session, keymap=read_keymap(file))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        ui = Driver(app, pilot)
        await ui.settled()
        yield ui


async def test_a_key_does_what_the_file_says(tmp_path: Path) -> None:
    """The new key acts, the old one does not; another screen keeps its own."""
    file = written(tmp_path, '[runs]\nsignal = "F9"\n\n[everywhere]\npause = ["F5", "W"]\n')
    async with with_keys(file) as ui:
        await ui.press("s")
        assert ui.app.screen is ui.runs
        await ui.press("f9")
        await ui.on_screen("SignalDialog")
        await ui.press("escape")
        for key in ("f5", "W"):
            before = ui.runs.live.paused
            await ui.press(key)
            assert ui.runs.live.paused is not before
        await ui.press("p")
        assert not ui.runs.live.paused
        await ui.press("enter")
        await ui.on_screen("RunScreen")
        await ui.press("f5")
        assert ui.run.live.paused


async def test_two_keys_can_change_places(tmp_path: Path) -> None:
    """Neither is lost."""
    file = written(tmp_path, '[runs]\nquery = "b"\nsave-view = "/"\n')
    async with with_keys(file) as ui:
        await ui.press("slash")
        await ui.on_screen("SaveViewDialog")
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        await ui.press("b")
        await ui.type("stuck")
        await ui.press("enter")
        assert ui.runs.runs_query.expression == "stuck"


async def test_the_keys_in_force_are_those_that_are_shown(tmp_path: Path) -> None:
    """In the last line, in `?`, and in the sentences that name one."""
    file = written(
        tmp_path, '[runs]\nsignal = "F9"\nfollow = "F6"\n[everywhere]\npause = ["F5", "W"]\n'
    )
    async with with_keys(file) as ui:
        text = ui.text()
        assert "F9 Signal" in text
        assert "following the newest · F6 holds" in text
        await ui.press("f5")
        await ui.toasts("paused: F5 goes on")
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await ui.type("pause")
        await ui.press("backspace", "backspace", "backspace", "backspace", "backspace")
        await ui.type("Stop reading")
        await ui.shows("F5 W")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[runs]\ncancle = "F9"\n', 2, "no action cancle (did you mean cancel?)"),
        ('[run]\n\nmark = "F9"\n', 3, "the screen run has no action mark"),
        ('# mine\n[rums]\nmark = "F9"\n', 2, "no screen rums; there are: everywhere, runs"),
        ('mark = "F9"\n', 1, "mark stands in no table"),
        ('[runs]\nmark = "F99"\n', 2, "mark: no key 'F99'"),
        ("[runs]\nmark = 7\n", 2, "mark takes a key, or a list of keys"),
        ("[runs]\nmark = []\n", 2, "mark takes a key, or a list of keys"),
        ('[runs]\nmark = "j"\n', 2, "mark: 'j' moves the cursor"),
        ('[runs]\nmark = "Ctrl+P"\n', 2, "mark: 'Ctrl+P' opens the palette"),
        ('[runs]\nmark = "X"\n', 2, "mark: 'X' is the key of cancel on runs"),
        ('[runs]\nmark = "F3"\nviews = "F3"\n', 3, "'F3' is the key of mark on runs"),
        ('[everywhere]\nrefresh = "n"\n', 2, "refresh: 'n' is the key of namespace on runs"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    """What, where, and which key."""
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as raised:
        read_keymap(file)
    assert str(raised.value).startswith(f"{file}, line {line}: ")
    assert words in str(raised.value)


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    """By the parser."""
    file = written(tmp_path, "[runs]\nmark = \n")
    with pytest.raises(ConfigurationError, match=r"cannot read .*keys\.toml.*line 2"):
        read_keymap(file)


def test_the_console_refuses_to_start_with_a_wrong_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it connects."""
    monkeypatch.setenv("CONTINUUM_KEYS", str(written(tmp_path, '[runs]\nmark = "X"\n')))
    with pytest.raises(SystemExit) as left:
        main(["--dsn", "postgresql://nobody@127.0.0.1:1/none"])
    assert left.value.code == WRONG_USAGE
    assert "line 2: mark: 'X' is the key of cancel on runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("printed", "key"),
    [("F9", "f9"), ("Enter", "enter"), ("Esc", "escape"), ("Ctrl+R", "ctrl+r"), ("x", "x"),
     ("X", "X"), ("/", "slash"), ("*", "asterisk"), ("Space", "space"), ("#", "number_sign"),
     ("Shift+Tab", "shift+tab"), ("!", "exclamation_mark"), ("Alt+Q", None), ("", None),
     ("F99", None)],
)  # fmt: skip
def test_keys_are_written_as_they_are_printed(printed: str, key: str | None) -> None:
    """And are called by Textual what they are called here."""
    assert textual_key(printed) == key


def test_the_file_is_where_the_others_are() -> None:
    """Named, in the directory of configuration, or in the home directory."""
    assert keys_file({"CONTINUUM_KEYS": "/k.toml"}) == Path("/k.toml")
    assert keys_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/continuum/keys.toml")
    assert keys_file({}) == Path("~/.config/continuum/keys.toml").expanduser()
    assert read_keymap(Path("/nowhere/keys.toml")) == {}
