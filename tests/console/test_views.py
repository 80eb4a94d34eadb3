"""Saved views: a file that is never lost, and tabs that ask what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import views
from console.present.views import Chosen, view_tabs
from console.sample import SampleSource
from console.scope import Scope
from console.shelf import Shelf, views_file
from console.source import Counts, RunsQuery
from console.themes import Palette
from console.views import BUILT_IN, View, ViewsError, Written
from console.widgets.view_tabs import ViewTabs
from tests.console.driving import Driver, console, wait_until

MINE = """\
# my views, kept in the dotfiles

[[view]]
name = "Region eu"          # the one I look at
expression = "attributes.region = 'eu'"
namespace = "billing"

# what the sales people ask for
[[view]]
name = "Pro"
expression = "attributes.plan = 'pro'"
all_namespaces = true
"""
EU = View("Region eu", "attributes.region = 'eu'", Scope("billing"), own=True)
WIDE = 106
"""From here on there is room for the counts."""
PRO = View("Pro", "attributes.plan = 'pro'", Scope(None), own=True)


# the text


def test_a_file_is_read() -> None:
    """Names, expressions and where to look, in their order."""
    assert views.read(MINE) == Written((EU, PRO))
    assert views.read("") == Written()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (MINE + "\n[[view]\n", 14, "expected"),
        (MINE.replace('name = "Pro"', 'nome = "Pro"'), 10, "unknown key 'nome'"),
        (MINE.replace('name = "Pro"', 'name = "Running"'), 10, "a view 'Running' already"),
        (MINE.replace('name = "Pro"\n', ""), 9, "the view has no name"),
        (
            MINE.replace("plan = 'pro'", "plan ="),
            11,
            "ends wrongly at '=' (something is",
        ),
        (MINE.replace("= true", "= 'yes'"), 12, "all_namespaces is true or false"),
        (MINE.replace('"billing"', '"billing"\nall_namespaces = true'), 7, "exclude each other"),
        ("view = 3\n", 1, "in double brackets"),
        ("# x\n[[views]]\nname = 'a'\n", 2, "unknown key 'views'"),
        ('[[view]]\nname = """a', 2, ""),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: int, words: str) -> None:
    """Whatever is wrong has a line; what can be understood of the rest is there."""
    written = views.read(text)
    assert written.fault is not None
    assert written.fault[0] == line
    assert words in written.fault[1]


_NAMES = st.text("abcdef é\"'#[]=\\", min_size=1, max_size=12).map(str.strip).filter(bool)
_VIEWS = st.lists(
    st.builds(
        View,
        _NAMES,
        st.sampled_from(
            ["", "stuck", "error like '%\"\\\\[[view]]\"%'", "attributes.\"a#b\" = '\t'"]
        ),
        st.sampled_from([None, Scope(None), Scope("b'i\"l")]),
        st.just(value=True),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda view: view.name.casefold(),
)


@given(_VIEWS, st.data())
def test_every_edit_says_exactly_what_was_meant(held: list[View], data: st.DataObject) -> None:
    """Add, rename, change and remove leave the other views and every comment as they were."""
    text = "# the first line\n"
    for view in held:
        text = views.added(text, view) + f"# behind {len(text)}\n"
    assert views.read(text) == Written(tuple(held))
    comments = {line for line in text.splitlines() if line.startswith("#")}
    index = data.draw(st.integers(0, len(held) - 1))
    new = View("entirely new", "state = 'failed'", Scope("x"), own=True)
    rest = [*held[:index], *held[index + 1 :]]
    edits = {
        views.removed(text, index): rest,
        views.changed(text, index, new): [*held[:index], new, *held[index + 1 :]],
    }
    for made, meant in edits.items():
        assert views.checked(made, meant) == made
        assert comments <= set(made.splitlines())
    renamed = views.renamed(text, index, "entirely new")
    assert views.read(renamed).views[index].name == "entirely new"
    assert comments <= set(renamed.splitlines())


# the shelf


def test_the_file_is_where_configuration_is() -> None:
    """Below XDG_CONFIG_HOME, or where the variable says."""
    assert views_file({"CONTINUUM_VIEWS": "/x/v.toml"}) == Path("/x/v.toml")
    assert views_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/continuum/views.toml")
    assert views_file({}) == Path("~/.config/continuum/views.toml").expanduser()


def test_views_are_saved_renamed_and_deleted(tmp_path: Path) -> None:
    """The file is made when it is needed; what stood in it stays, and its rights too."""
    path = tmp_path / "new" / "views.toml"
    shelf = Shelf(path)
    assert shelf.views == BUILT_IN
    assert shelf.fault is None
    shelf.save(EU)
    assert path.read_text() == views.block(EU)
    path.write_text(MINE)
    path.chmod(0o640)
    shelf.rename("region EU", "Europe")
    shelf.save(View("new", "stuck"))
    shelf.delete("Pro")
    assert path.stat().st_mode & 0o777 == 0o640
    europe = MINE.replace('"Region eu"          # the one I look at', '"Europe"')
    rest = europe.partition('[[view]]\nname = "Pro"')[0]
    assert path.read_text() == rest + '\n[[view]]\nname = "new"\nexpression = "stuck"\n'
    assert [view.name for view in Shelf(path).views[4:]] == ["Europe", "new"]
    assert list(path.parent.iterdir()) == [path]


def test_a_view_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    """Saving under a name again changes that view, in its place."""
    path = tmp_path / "views.toml"
    path.write_text(MINE)
    shelf = Shelf(path)
    shelf.save(View("region eu", "stuck"))
    assert [view.name for view in Shelf(path).views[4:]] == ["region eu", "Pro"]
    for name in ("", "  x ", "a\nb", "All", "x" * 41):
        with pytest.raises(ViewsError):
            shelf.save(View(name, "stuck"))
        with pytest.raises(ViewsError):
            shelf.rename("Pro", name)
    with pytest.raises(ViewsError, match="no view 'gone'"):
        shelf.delete("gone")


def test_a_broken_file_is_told_and_never_written(tmp_path: Path) -> None:
    """Its path and line are named, good views of it are there, and every change is refused."""
    path = tmp_path / "views.toml"
    broken = MINE.replace('name = "Pro"', "name = 3")
    path.write_text(broken)
    shelf = Shelf(path)
    assert shelf.fault == f"{path}, line 10: name is text"
    assert shelf.views == (*BUILT_IN, EU)
    for change in (
        lambda: shelf.save(View("x", "stuck")),
        lambda: shelf.rename("Region eu", "x"),
        lambda: shelf.delete("Region eu"),
    ):
        with pytest.raises(ViewsError, match="line 10: name is text; nothing was written"):
            change()
    path.write_bytes(b"# caf\xe9\n")
    shelf.load()
    assert shelf.fault == f"{path}, line 1: not UTF-8"
    assert path.read_bytes() == b"# caf\xe9\n"


def test_a_layout_that_is_not_understood_is_left_alone(tmp_path: Path) -> None:
    """Views written as one inline array can be read, but not changed line by line."""
    path = tmp_path / "views.toml"
    inline = "view = [{name = 'a', expression = 'stuck'}]\n"
    path.write_text(inline)
    shelf = Shelf(path)
    assert [view.name for view in shelf.views[4:]] == ["a"]
    with pytest.raises(ViewsError, match="only an editor"):
        shelf.rename("a", "b")
    assert path.read_text() == inline


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Dotfiles are links into a repository."""
    real = tmp_path / "dotfiles.toml"
    real.write_text(MINE)
    path = tmp_path / "views.toml"
    path.symlink_to(real)
    Shelf(path).delete("Pro")
    assert path.is_symlink()
    assert views.read(real.read_text()) == Written((EU,))


def test_a_failed_write_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the new file is written costs nothing of the old one."""
    path = tmp_path / "views.toml"
    path.write_text(MINE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ViewsError, match=f"cannot write {path}: No space left"):
        Shelf(path).delete("Pro")
    assert path.read_text() == MINE
    assert list(tmp_path.iterdir()) == [path]


def test_a_query_is_a_view_however_it_is_spelled() -> None:
    """Blanks and order of typing do not matter; the namespace does, when the view names one."""
    assert EU.shows(RunsQuery("billing", "attributes.region='eu'"))
    assert not EU.shows(RunsQuery("orders", "attributes.region = 'eu'"))
    assert BUILT_IN[2].shows(RunsQuery("orders", "state='running'"))


@pytest.mark.parametrize("width", range(20, 130, 7))
def test_tabs_fit_and_the_chosen_one_is_among_them(width: int) -> None:
    """Counts go first, then the tabs far from the chosen one."""
    held = [*BUILT_IN, EU, PRO]
    counts = {view.name: Counts({None: 1204}, exact=view.own) for view in held}
    for view in held:
        line, places = view_tabs(
            held, Chosen(view.name, changed=True), counts, width, Palette.from_variables({})
        )
        assert line.cell_len <= max(width, len(view.name) + 6)
        shown = next(place for place in places if place.name == view.name)
        assert f"{view.name}*" in line.plain[shown.start : shown.end]
        assert ("1,204+" in line.plain) == (width >= WIDE)


# on screen


async def counted(ui: Driver) -> None:
    """The numbers of the tabs are there."""
    await ui.settled()
    await wait_until(lambda: ui.runs.counted, "the counts")
    await ui.pilot.pause()


async def test_views_are_tabs_that_ask_their_question() -> None:
    """Tab walks them, `:view` and a number go to one, each with its count; a change is marked."""
    source = SampleSource()
    failed = (await source.total(BUILT_IN[3].query(None))).total
    assert failed
    async with console(source) as ui:
        await counted(ui)
        assert f" All   Needs attention {failed}   Running" in ui.text()
        await ui.press("tab", "tab")
        await wait_until(lambda: ui.runs.page and ui.runs.runs_query.state == "running")
        assert {run.state for run in ui.runs.list.rows} == {"running"}
        await ui.press("shift+tab", "shift+tab")
        assert ui.runs.runs_query.expression == ""
        await ui.press("B", "4")
        await ui.on_screen("RunsScreen")
        await wait_until(lambda: ui.runs.page and ui.runs.runs_query.state == "failed")
        assert len(ui.runs.list.rows) == failed
        await ui.press("backspace")
        await ui.shows("Failed 24h*")
        await ui.press("colon")
        await ui.type("view runn")
        await ui.press("enter")
        await wait_until(lambda: ui.runs.runs_query.expression == "state = 'running'")


async def test_a_view_is_saved_reopened_renamed_and_deleted(tmp_path: Path) -> None:
    """All of it by keys; the file follows, and a second console has it."""
    path = tmp_path / "views.toml"
    shelf = Shelf(path)
    async with console(SampleSource(), shelf=shelf) as ui:
        await ui.settled()
        ui.runs.ask(RunsQuery("billing", "attributes.region = 'eu'"))
        await ui.press("b")
        await ui.type("Region eu")
        await ui.press("enter")
        await ui.toasts("saved as Region eu: B 5 opens it")
        assert views.read(path.read_text()) == Written((EU,))
        await ui.press("escape", "B", "5")
        await ui.on_screen("RunsScreen")
        assert ui.runs.runs_query == RunsQuery("billing", "attributes.region = 'eu'")
        await ui.shows("Region eu 1")
        await ui.press("B", "r", "end", *["backspace"] * 3)
        await ui.type(" ap")
        await ui.press("enter")
        await wait_until(lambda: Shelf(path).named("Region ap") is not None)
        await ui.press("d", "k", "y", "d")
        await ui.shows("Failed 24h is built in")
        assert Shelf(path).named("Region ap") is not None
        await ui.press("end", "d", "y")
        await wait_until(lambda: Shelf(path).views == BUILT_IN)
        await ui.press("escape")
        await ui.on_screen("RunsScreen")
        assert len(ui.runs.query_one(ViewTabs).views) == len(BUILT_IN)


async def test_a_broken_file_is_said_once(tmp_path: Path) -> None:
    """The console opens with what it understood; saving says the same again and writes nothing."""
    path = tmp_path / "views.toml"
    path.write_text("[[view]]\nname = 3\n")
    async with console(SampleSource(), shelf=Shelf(path)) as ui:
        await ui.settled()
        assert [f"{path}, line 2: name is text" in each for each in ui.notified()] == [True]
        await ui.press("b", "x", "enter")
        await ui.shows("nothing was written")
        assert path.read_text() == "[[view]]\nname = 3\n"
