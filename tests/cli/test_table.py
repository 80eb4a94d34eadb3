"""Tables: fitted to the terminal, measured in cells, safe."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from continuum.cli.sanitize import cells, fit, json_line, one_line
from continuum.cli.table import Column, cell_text, render_table

ID = str(UUID(int=1))
COLUMNS = (
    Column("state"),
    Column("id"),
    Column("workflow", 8),
    Column("note", 6, droppable=True),
)
ROW = {"state": "failed", "id": ID, "workflow": "shop:order_flow", "note": "x" * 40}


def test_wide_characters_take_two_cells() -> None:
    """East Asian text, combining marks and joiners are measured as a terminal draws them."""
    assert cells("注文") == 4
    assert cells("e\u0301") == 1
    assert fit("注文番号", 5) == "注文…"


@pytest.mark.parametrize("width", [60, 70, 80, 100, 200])
def test_a_table_fits_and_never_cuts_ids(width: int) -> None:
    """Every line fits the terminal; text shrinks, a column may go, the id stays whole."""
    lines = render_table([ROW, ROW | {"workflow": "注文の流れと返金処理"}], COLUMNS, width=width)
    assert all(cells(line) <= width for line in lines)
    assert all(ID in line for line in lines[1:])


def test_an_id_is_whole_even_where_it_does_not_fit() -> None:
    """On a terminal narrower than an id the line is too long rather than wrong."""
    lines = render_table([ROW], COLUMNS, width=20)
    assert ID in lines[1]


def test_columns_line_up_with_wide_text() -> None:
    """What follows a wide cell starts at the same cell in every line."""
    rows = [{"a": "注文", "b": "1"}, {"a": "abcd", "b": "2"}]
    lines = render_table(rows, [Column("a"), Column("b")], width=80)
    assert [cells(line) for line in lines[1:]] == [7, 7]


def test_colour_only_when_asked() -> None:
    """Escape codes come from us alone, around the state."""
    assert "\x1b" not in "".join(render_table([ROW], COLUMNS, width=80))
    assert "\x1b[31;1mfailed\x1b[0m" in render_table([ROW], COLUMNS, width=80, colour=True)[1]


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb\tc", "a\\nb\\tc"), ("\x9b1m", "\\x9b1m"), ("é注", "é注")],
)
def test_control_characters_are_spelled_out(text: str, safe: str) -> None:
    """C0, C1 and friends become visible; other text stays."""
    assert one_line(text) == safe


def test_json_stays_the_same_value() -> None:
    """Escaping JSON text for terminals does not change what it means."""
    assert json_line('"\x9b\u202e"') == '"\\u009b\\u202e"'


def test_cells_of_every_kind() -> None:
    """None is empty, durations are short, lists of words are words."""
    assert cell_text(None) == ""
    assert cell_text(timedelta(seconds=4000)) == "1h6m"
    assert cell_text(("a", "b")) == "a, b"
    assert cell_text({"a": 1}) == '{"a":1}'
    assert cell_text(True) == "true"
