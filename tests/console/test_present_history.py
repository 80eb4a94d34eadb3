"""The journal in words: every kind of event, whatever its payload holds."""

from __future__ import annotations

import unicodedata

import pytest

from console.present import history
from console.sample import NOW, sample_runs
from console.sample_journals import sample_history, stored
from console.themes import DARK, Palette
from continuum.journal.events import EventKind
from continuum.model import HistoryEvent, StoredValue

PALETTE = Palette.from_variables(DARK.to_color_system().generate())


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_words_and_a_detail(kind: EventKind) -> None:
    """The history explains everything the journal can hold; nothing is shown as raw JSON."""
    assert history._LOOK[kind][1] != kind
    assert kind in history._DETAIL


CHILD = "0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8"
FAILURE = {"type": "shop.Broken", "message": "no"}


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("child_started", {"run_id": CHILD, "name": "a.b:part", "args": ["eu"]},
         "4 b:part 0199…b1d8 (\"eu\")"),
        ("child_started",
         {"run_id": CHILD, "name": "b:part", "args": [], "parent_close": "abandon"},
         "4 b:part 0199…b1d8 to itself ()"),
        ("child_completed", {"run_id": CHILD, "state": "completed", "value": 3},
         "4 0199…b1d8 = 3"),
        ("child_failed", {"run_id": CHILD, "error": FAILURE}, "4 0199…b1d8 Broken: no"),
        ("child_cancelled", {"run_id": CHILD, "error": FAILURE}, "4 0199…b1d8 no"),
        ("child_cancel_requested", {"target": 2, "reason": "enough"}, "4 command 2 enough"),
        ("child_carried", {"run_id": CHILD, "name": "a.b:part"}, "4 b:part 0199…b1d8"),
        ("run_continued", {"args": [1, 2]}, "4 (1, 2)"),
        ("patch_decided", {"name": "fraud-v2", "taken": True, "after": 3},
         "4 fraud-v2: the new branch"),
        ("patch_decided", {"name": "fraud-v2", "taken": False, "after": 3},
         "4 fraud-v2: the old branch"),
        ("run_adopted", {"version": 2, "version_hash": "b" * 64, "runtime": "1-py3.11",
                         "former_hash": "a" * 64, "former_runtime": "1-py3.11", "released": True},
         "4 v2 bbbbbbbb, before aaaaaaaa, free to go on after drift"),
        ("run_retried", {"from_seq": 5, "again": [[2, 3]], "reason": "mended"},
         "4 annuls what follows seq 4: mended"),
        ("run_forked", {"origin": "abc", "run_id": "def"}, "4 what is above is of run abc"),
        ("value_published", {"name": "progress", "value": {"done": 4}}, '4 progress {"done": 4}'),
        ("question_awaited", {"name": "move"}, "4 move"),
        ("question_received", {"name": "move", "value": [1], "message": 7, "question": "q"},
         "4 move [1]"),
        ("question_answered", {"name": "move", "question": "q", "value": "done"}, '4 move "done"'),
        ("question_refused", {"name": "move", "question": "q", "reason": "too late"},
         "4 move too late"),
        ("attributes_set", {"attributes": {"stage": "paid"}}, '4 {"stage": "paid"}'),
        ("activity_scheduled", {"name": "a.b:mail", "args": [1], "queue": "post"},
         "4 b:mail in queue post (1)"),
        ("activity_attempt_crashed", {"attempt": 1, "details": {"page": 7}},
         '4 attempt 1: its process is gone, had reached {"page": 7}'),
        ("side_effect", {"value": None, "error": FAILURE}, "4 Broken: no"),
    ],
)  # fmt: skip
def test_events_in_words(kind: str, data: dict[str, object], shown: str) -> None:
    """What happened, to which child or in which queue, how far it had come."""
    presenter = history.HistoryRows()
    event = HistoryEvent(1, 1, kind, 4, stored(data), NOW)
    presenter.learn(event)
    what = presenter.columns(120)[-1]
    assert presenter.cell(event, what, PALETTE, changed=False).plain == shown


def test_a_new_incarnation_says_its_number() -> None:
    """The history of a run that continued as new tells where the next one begins."""
    event = HistoryEvent(
        9, 3, "run_started", None, stored({"version": 1, "version_hash": "ab" * 8}), NOW
    )
    presenter = history.HistoryRows()
    [*_, what] = presenter.columns(120)
    shown = presenter.cell(event, what, PALETTE, changed=False).plain
    assert shown.startswith("incarnation 3, v1 abababab")


def test_history_names_the_activity_on_every_event_of_its_command() -> None:
    """`completed` says of what, though the event itself holds only the command number."""
    presenter = history.HistoryRows()
    shown: list[str] = []
    what = presenter.columns(120)[-1]
    for event in sample_history(sample_runs(1)[0]):
        presenter.learn(event)
        shown.append(presenter.cell(event, what, PALETTE, changed=False).plain)
    assert shown[1].startswith("1 orders:reserve_stock (")
    assert shown[2] == '1 orders:reserve_stock = {"warehouse": "ber-2", "shelf": 14}'
    assert shown[5].startswith("3 payments:charge attempt 1: GatewayTimeout: gateway did not")


@pytest.mark.parametrize("kind", [*history._LOOK, "a_kind_of_tomorrow"])
@pytest.mark.parametrize(
    "data",
    [b"{}", b"null", b"[1]", b'{"error": 3, "args": 1, "due_at": "x", "attempt": []}', b"\x00"],
)
def test_no_event_can_break_the_history(kind: str, data: bytes) -> None:
    """Every kind of event renders whatever its payload holds, sealed ones too."""
    presenter = history.HistoryRows()
    event = HistoryEvent(1, 1, kind, 4, StoredValue(data, len(data)), NOW)
    presenter.learn(event)
    for column in presenter.columns(120):
        assert presenter.cell(event, column, PALETTE, changed=False).plain.isprintable()
    assert presenter.title(event)


def test_history_glyphs_are_one_cell_wide() -> None:
    """The history uses no glyph that some terminals draw double."""
    glyphs = [glyph for glyph, _, _ in history._LOOK.values()]
    assert [g for g in glyphs if unicodedata.east_asian_width(g) not in ("N", "Na")] == []
