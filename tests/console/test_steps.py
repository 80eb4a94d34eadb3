"""A journal folded into steps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.present.history import HistoryRows
from console.present.step_rows import StepRows, matches, rows_of
from console.present.steps import EVENT, Step, fold
from console.sample import NOW
from console.themes import DARK, Palette
from continuum.journal.events import EventKind
from tests.console.journals import ERROR, Journal, charged

PALETTE = Palette.from_variables(DARK.to_color_system().generate())


def test_a_command_is_one_step_with_its_outcome_and_duration() -> None:
    """Whatever happens in between; single events stay single."""
    steps = fold(charged().events)
    told = [(step.kind, step.name, step.outcome, step.lasted) for step in steps]
    assert told == [
        (EVENT, "", "", None),
        ("activity", "shop:reserve", "completed", timedelta(seconds=1)),
        ("activity", "shop:charge", "completed", timedelta(seconds=5)),
        ("timer", "", "completed", timedelta(seconds=7195)),
        ("signal", "review", "completed", timedelta(seconds=3)),
        (EVENT, "", "completed", None),
    ]
    assert [step.attempts for step in steps] == [0, 1, 2, 0, 0, 0]
    assert [step.failing for step in steps] == [False, False, True, False, False, False]


def test_every_event_is_in_exactly_one_step() -> None:
    """Also of kinds that belong to a command which is not held."""
    journal = Journal()
    for kind in EventKind:
        journal.add(kind, 7, name="x", target=7, error=ERROR)
    found = [event.seq for step in fold(journal.events) for event in step.events]
    assert sorted(found) == [event.seq for event in journal.events]


def test_a_step_whose_beginning_is_not_held_says_so() -> None:
    """It has no name and no duration, and becomes whole when the page before is read."""
    events = charged().events
    [completed, *_] = fold(events[3:])
    assert (completed.begun, completed.name, completed.lasted) == (False, "", None)
    whole = next(step for step in fold(events) if step.command == 1)
    assert whole.key == completed.key
    assert whole.lasted == timedelta(seconds=1)


@pytest.mark.parametrize("what", ["signal", "question"])
@pytest.mark.parametrize("early", [True, False])
def test_a_signal_belongs_to_the_wait_for_it(what: str, early: bool) -> None:
    """In the order of the waits; one that came early is taken by the next wait."""
    journal = Journal()
    if early:
        journal.add(f"{what}_received", None, 0, name="go", value=1)
        journal.add(f"{what}_awaited", 1, 5, name="go")
        [step] = fold(journal.events)
    else:
        journal.add(f"{what}_awaited", 1, 0, name="go")
        journal.add(f"{what}_awaited", 2, 0, name="go")
        journal.add(f"{what}_received", None, 5, name="go", value=1)
        [step, other] = fold(journal.events)
        assert other.outcome == "waiting"
    assert step.outcome == "completed"
    assert len(step.events) == 2


def test_a_question_that_was_unfit_does_not_end_the_wait() -> None:
    """Which goes on to the next; one that the code refuses is an event like its answer."""
    journal = Journal()
    journal.add("question_awaited", 1, 0, name="go")
    journal.add("question_received", None, 1, name="go", question="a", value="x")
    journal.add("question_refused", 2, 1, name="go", question="a", reason="no number", unfit=True)
    [wait] = fold(journal.events)
    assert (wait.kind, wait.outcome, len(wait.events)) == ("question", "waiting", 3)
    assert "question  1 go go no number" in " ".join(row_text(wait).split("   "))
    journal.add("question_received", None, 4, name="go", question="b", value=5)
    journal.add("question_refused", 3, 4, name="go", question="b", reason="too late")
    [wait, refused] = fold(journal.events)
    assert (wait.outcome, wait.lasted) == ("completed", timedelta(seconds=4))
    assert refused.kind == "event"
    assert "too late" in row_text(refused)


def test_early_questions_that_are_unfit_are_passed_over() -> None:
    """Each is an event of its own; the wait takes the next, or goes on waiting."""
    journal = Journal()
    for question in ("a", "b"):
        journal.add("question_received", None, 0, name="go", question=question, value="x")
    journal.add("question_awaited", 1, 5, name="go")
    journal.add("question_refused", 2, 5, name="go", question="a", reason="no", unfit=True)
    steps = fold(journal.events)
    assert [[event.type for event in step.events] for step in steps] == [
        ["question_received", "question_refused"], ["question_received", "question_awaited"],
    ]  # fmt: skip
    journal.add("question_refused", 3, 5, name="go", question="b", reason="no", unfit=True)
    *_, wait = fold(journal.events)
    assert (wait.kind, wait.command, wait.outcome) == ("question", 1, "waiting")
    journal.add("question_received", None, 7, name="go", question="c", value=1)
    assert fold(journal.events)[-1].outcome == "completed"


def test_a_wait_whose_time_was_over_does_not_take_the_signal() -> None:
    """The timer right after the wait fired: the signal is for whoever waits then."""
    journal = Journal()
    journal.add("signal_awaited", 1, 0, name="go")
    journal.add("timer_started", 2, 0, due_at=NOW.isoformat())
    journal.add("timer_fired", 2, 1)
    journal.add("signal_awaited", 3, 1, name="go")
    journal.add("signal_received", None, 2, name="go", value=1)
    outcomes = {step.command: step.outcome for step in fold(journal.events)}
    assert outcomes == {1: "waiting", 2: "completed", 3: "completed"}


def test_giving_up_belongs_to_what_is_given_up() -> None:
    """A cancelled activity and timer end their own step; asking a child to stop does not."""
    journal = Journal()
    journal.add("activity_scheduled", 1, 0, name="a:b", args=[])
    journal.add("child_started", 2, 0, run_id=str(NOW), name="a:c", args=[])
    journal.add("activity_cancelled", 3, 1, target=1)
    journal.add("child_cancel_requested", 4, 1, target=2)
    outcomes = {step.command: step.outcome for step in fold(journal.events)}
    assert outcomes == {1: "cancelled", 2: "running"}


def row_text(step: Step, width: int = 140) -> str:
    """The row of a step."""
    events = HistoryRows()
    for event in step.events:
        events.learn(event)
    rows = StepRows(events)
    rows.now = NOW + timedelta(seconds=60)
    [row] = rows_of([step], ())
    cells = [rows.cell(row, column, PALETTE, changed=False).plain for column in rows.columns(width)]
    return "  ".join(cells)


def test_rows_say_name_attempts_outcome_and_time() -> None:
    """The result stands before what was given, which a narrow screen cuts."""
    by_command = {step.command: step for step in fold(charged().events)}
    shown = row_text(by_command[2])
    assert '5.0s  ✓ activity  2 shop:charge x2 = "pay_1" ("o-1", 5)' in shown
    assert '3.0s  ✓ signal  4 review "yes"' in row_text(by_command[4])
    waiting = {step.command: step for step in fold(charged().events[:3])}
    assert '1m00s  » activity  2 shop:charge ("o-1", 5)' in row_text(waiting[2])
    failed = {step.command: step for step in fold(charged(fails=True).events)}
    assert "✗ activity  2 shop:charge x2 raised GatewayTimeout: no answer" in row_text(failed[2])


def test_unfolding_adds_the_events_below_their_step() -> None:
    """Only of the steps that were unfolded, and of none with a single event."""
    steps = fold(charged().events)
    rows = rows_of(steps, {step.key for step in steps[:3]})
    assert [row.event.seq if row.event else None for row in rows] == [
        None, None, 2, 4, None, 3, 5, 6, 7, None, None, None,
    ]  # fmt: skip
    assert len({StepRows(HistoryRows()).key(row) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("words", "commands"),
    [("charge", {2}), ("o-1", {1, 2}), ("gatewaytimeout", {2}), ("timer", {3}), ("nothing", set())],
)
def test_words_are_looked_for_in_names_kinds_and_data(words: str, commands: set[int]) -> None:
    """Of every event of a step, in lower case."""
    found = {step.command for step in fold(charged().events) if matches(step, words)}
    assert found - {0} == commands
