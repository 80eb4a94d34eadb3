"""Attributes: what an edit asks for, and what is written of it."""

from __future__ import annotations

import pytest
from textual.widgets import TextArea

from console.dialogs.attributes import change
from console.dialogs.signal import BadPayload
from tests.console.test_bulk import world


@pytest.mark.parametrize(
    ("before", "text", "removed", "wanted"),
    [
        ({"a": 1}, '{"a": 1}', "", ({}, [])),
        ({"a": 1, "b": 2}, '{"a": true}', "", ({"a": True}, ["b"])),
        ({"a": [1, {"x": 2}]}, '{"a": [1, {"x": 2}], "c": null}', "", ({"c": None}, [])),
        (None, '{"a": 1}', "b  c b", ({"a": 1}, ["b", "c"])),
        (None, "", "b", ({}, ["b"])),
    ],
)
def test_what_an_edit_of_attributes_asks_for(
    before: dict[str, object] | None, text: str, removed: str, wanted: object
) -> None:
    """Only what differs is written; a key that is gone from one run's object is removed."""
    assert change(before, text, removed) == wanted


@pytest.mark.parametrize(
    ("text", "removed"), [("[1]", ""), ("{", ""), ('{"a": 1}', "a"), ("1", "")]
)
def test_an_edit_that_means_nothing_is_refused(text: str, removed: str) -> None:
    """Anything but an object, and a key set and removed at once."""
    with pytest.raises(BadPayload):
        change(None, text, removed)


async def test_attributes_of_one_run_are_edited() -> None:
    """`e` shows all of them; what was changed is told before it is written."""
    async with world() as at:
        run = at.ui.runs.list.rows[0]
        await at.act("e")
        editor = at.ui.app.screen.query_one("#object", TextArea)
        editor.text = editor.text.replace(f'"{run.attributes["plan"]}"', '"gold"')
        await at.ui.shows('✓ set plan "gold"')
        await at.act("tab", "enter", "enter")
        await at.ui.on_screen("RunsScreen")
        assert at.source.bulk.attributes_set == [(run.id, {"plan": "gold"}, ())]
