"""A read-only session: every write in the registry is refused, at one place and again below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from console import actions
from console.bulk_source import Selection
from console.hold_source import Held
from console.read_only import ReadOnlyRefused
from console.sample import SampleSource
from console.session import Session
from tests.console.driving import console, wait_until

WRITES = [action for action in actions.ACTIONS if action.writes]
CONSOLE = Path(__file__).parents[2] / "console"


def test_there_are_writes_to_refuse() -> None:
    """The walk below walks over something."""
    assert {action.name for action in WRITES} == {
        "signal", "cancel", "attributes", "hold", "all_matching",
    }  # fmt: skip


@pytest.mark.parametrize("action", WRITES, ids=lambda action: action.name)
@pytest.mark.parametrize("screen", ["RunsScreen", "RunScreen"])
async def test_every_write_is_refused(action: actions.Action, screen: str) -> None:
    """Each write key of each screen answers with a toast, opens nothing and writes nothing."""
    source = SampleSource()
    async with console(source, read_only=True) as ui:
        await ui.settled()
        if screen == "RunScreen":
            await ui.press("enter")
            await ui.on_screen("RunScreen")
            await wait_until(lambda: ui.run.run_shown is not None)
        here = "run" if screen == "RunScreen" else "runs"
        for key in action.keys if here in action.screens else ():
            await ui.press(key)
            await ui.toasts("read-only session")
            assert type(ui.app.screen).__name__ == screen
        assert source.signals == []
        assert source.cancels == []


async def test_the_header_says_read_only() -> None:
    """In full, and the help gives the reason."""
    async with console(SampleSource(), read_only=True) as ui:
        await ui.settled()
        await ui.shows("READ-ONLY")
        await ui.press("question_mark")
        await ui.on_screen("KeysDialog")
        await ui.shows("read-only session")


async def test_the_source_refuses_whatever_a_screen_tries() -> None:
    """Behind the registry the session's source has no way to write."""
    inner = SampleSource()
    source = Session(inner, read_only=True).source
    run = inner.all_runs[0]
    with pytest.raises(ReadOnlyRefused):
        await source.signal(run.id, "x", 1)
    with pytest.raises(ReadOnlyRefused):
        await source.cancel(run.id, reason=None, force=True)
    plan = await inner.bulk.plan("cancel", Selection(None, ""), {}, None)
    with pytest.raises(ReadOnlyRefused):
        await source.bulk.plan("cancel", Selection(None, ""), {}, None)
    with pytest.raises(ReadOnlyRefused):
        await source.bulk.apply(plan, lambda *_: None)
    with pytest.raises(ReadOnlyRefused):
        await source.bulk.set_attributes(run.id, {"a": 1}, [], None)
    with pytest.raises(ReadOnlyRefused):
        await source.holds.pause(Held(run.id), None)
    with pytest.raises(ReadOnlyRefused):
        await source.holds.resume(Held(run.id), None)
    assert await source.bulk.look(plan.id) == plan
    assert await source.holds.pauses() == []
    assert inner.bulk.attributes_set == []
    assert (inner.signals, inner.cancels) == ([], [])
    assert await source.run(run.id) == run


async def test_the_palette_refuses_writes() -> None:
    """Ctrl+P shows a write with the reason why it cannot run, and running it does nothing."""
    source = SampleSource()
    async with console(source, read_only=True) as ui:
        await ui.settled()
        await ui.press("ctrl+p")
        await ui.on_screen("CommandPalette")
        await ui.type("cancel: shows")
        await ui.shows("read-only session: Cancel")
        await ui.press("enter")
        await ui.toasts("read-only session")
        assert type(ui.app.screen).__name__ == "RunsScreen"
        assert source.cancels == []


def _trees() -> list[tuple[str, ast.Module]]:
    return [
        (str(path.relative_to(CONSOLE)), ast.parse(path.read_text()))
        for path in sorted(CONSOLE.rglob("*.py"))
    ]


def test_only_the_dialogs_write_and_only_through_the_session() -> None:
    """What writes is called in the dialogs of acts and in the one source that has a client."""
    writing = {
        "signal", "cancel", "plan", "apply", "apply_plan", "set_attributes", "pause", "resume",
    }  # fmt: skip
    callers = {
        (name, node.attr)
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in writing
        and _name(node.value) in ("source", "bulk", "holds", "_client", "_inner")
        and not name.startswith("sample")
    }
    assert callers == {
        ("dialogs/cancel.py", "cancel"),
        ("dialogs/signal.py", "signal"),
        ("dialogs/signal.py", "plan"),
        ("dialogs/cancel_many.py", "plan"),
        ("dialogs/attributes.py", "plan"),
        ("dialogs/attributes.py", "set_attributes"),
        ("dialogs/hold.py", "plan"),
        ("dialogs/hold.py", "pause"),
        ("dialogs/hold.py", "resume"),
        ("dialogs/plan.py", "apply"),
        ("source.py", "cancel"),
        ("source.py", "signal"),
        ("bulk_source.py", "plan"),
        ("bulk_source.py", "apply_plan"),
        ("bulk_source.py", "set_attributes"),
        ("hold_source.py", "pause"),
        ("hold_source.py", "resume"),
    }


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_notify_is_never_markup() -> None:
    """Every toast passes `markup=False`: its text may hold what a user wrote."""
    for name, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "notify":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                assert "markup" in given, name
                assert ast.literal_eval(given["markup"]) is False, name


def test_every_worker_names_its_group() -> None:
    """Workers without a group cancel each other."""
    for name, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run_worker":
                given = {keyword.arg for keyword in node.keywords}
                assert {"group", "exit_on_error"} <= given, name


def test_no_write_key_has_priority() -> None:
    """A write key typed into a text field is text."""
    for screen in actions.SCREENS:
        first = {each.id for each in actions.bindings(screen) if getattr(each, "priority", False)}
        names = {str(binding_id).partition(".")[2] for binding_id in first}
        assert names <= actions.OPEN_A_LINE | actions.BEFORE_FOCUS
        assert not any(actions.named(name).writes for name in names)
