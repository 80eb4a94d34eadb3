"""Two runs side by side."""

from __future__ import annotations

from console.present.diff import DiffRows, Pair, compare, summary
from console.present.steps import fold
from console.themes import DARK, Palette
from tests.console.journals import Journal, charged

PALETTE = Palette.from_variables(DARK.to_color_system().generate())


def pairs(left: Journal, right: Journal) -> list[Pair]:
    """The comparison of two journals."""
    return compare(fold(left.events), fold(right.events))


def told(found: list[Pair]) -> dict[int, tuple[str, str]]:
    """Verdict and difference by command; 0 is what has no number."""
    return {
        (pair.left or pair.right).command: (pair.verdict, pair.why)  # pyright: ignore
        for pair in found
    }


def test_the_same_run_twice_is_the_same() -> None:
    """Whatever the times were, within reason."""
    found = pairs(charged(), charged(slow=0.5))
    assert {pair.verdict for pair in found} == {"same"}
    assert summary(found) == "5 the same"


def test_a_failed_run_beside_a_good_one() -> None:
    """The step that failed, what only the good one did, and the two ends."""
    found = pairs(charged(fails=True), charged())
    assert told(found) == {
        1: ("same", ""),
        2: ("differs", "failed, not completed"),
        3: ("only right", ""),
        4: ("only right", ""),
        0: ("differs", "another end"),
    }
    assert summary(found) == "1 the same, 4 differ, the first at command 2"


def test_other_arguments_come_before_another_result() -> None:
    """The first thing that differs is said."""
    assert told(pairs(charged(amount=7), charged()))[2] == ("differs", "other arguments")


def test_a_step_that_takes_much_longer_is_noticed_but_no_difference() -> None:
    """Only where seconds are lost."""
    found = pairs(charged(slow=9), charged())
    assert told(found)[1] == ("slower", "10s, not 1.0s")
    assert "1 slower" in summary(found)


def test_another_command_in_the_same_place() -> None:
    """Aligned by number, not by name: that is where the code went another way."""
    other = Journal()
    other.add("activity_scheduled", 1, 0, name="shop:elsewhere", args=[])
    mine = Journal()
    mine.add("timer_started", 1, 0, due_at="2026-01-01T00:00:00Z")
    assert told(pairs(mine, other)) == {1: ("differs", "another command")}


def test_rows_fit_and_say_both_sides() -> None:
    """At every width; the verdict stands between them."""
    rows = DiffRows()
    for width in (40, 78, 120, 196):
        columns = rows.columns(width)
        assert sum(column.width + 2 for column in columns) <= max(width, 40)
    [*_, end] = pairs(charged(fails=True), charged())
    cells = [rows.cell(end, column, PALETTE, changed=False).plain for column in rows.columns(140)]
    assert cells == ["", "✗ run failed no answer", "! another end", "✓ run completed"]
