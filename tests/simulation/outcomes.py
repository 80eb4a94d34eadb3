"""What is left when everything has ended, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from continuum.journal.events import ENDS, EventKind
from continuum.store.memory.tables import RunRow, Tables
from tests.simulation.chaos import RUN_ID, Chaos
from tests.simulation.world import World


@dataclass(frozen=True)
class Outcome:
    """The final state of a program: comparable between executions.

    Attributes:
        state: of the run itself.
        runs: by label: state, result, error, and the attributes the run set itself.
        effects: how often each label's effect happened.
        at_most_once: labels of effects that must not be repeated, and may be missing.
        exactly_once: labels of effects that must not be repeated.
        commits: how many it took.
        losses: how many times attempts in progress were lost.
        given: labels of keyed effects, and to how many attempts their key was given.
    """

    state: str
    runs: dict[str, Any]
    effects: dict[str, int]
    at_most_once: frozenset[str]
    exactly_once: frozenset[str]
    commits: int
    losses: int
    given: dict[str, int]


def outcome_of(env: Chaos, world: World) -> Outcome:
    """What is in the store, and what happened outside."""
    tables = env.store.tables
    runs: dict[str, Any] = {}
    for row in tables.runs.values():
        label = msgspec.json.decode(row.input)[1]
        assert label not in runs, f"two runs are {label!r}"
        runs[label] = _end_of(row, label)
    state = tables.runs[RUN_ID].state.value
    at_most_once, exactly_once = frozenset(world.at_most_once), frozenset(world.exactly_once)
    return Outcome(
        state, runs, dict(world.effects), at_most_once, exactly_once, env.commits, env.losses,
        env.keys.executions(),
    )  # fmt: skip


def _end_of(row: RunRow, label: str) -> Any:
    result = None if row.result is None else msgspec.json.decode(row.result)
    attributes = {key: value for key, value in row.attributes.items() if key.startswith(label)}
    published = {name: value for name, (_, value) in row.published.items()}
    answers = {key: (asked.answer, asked.refused) for key, asked in row.questions.items()}
    return (
        row.state.value, result, row.error_type, row.error_message, attributes, published, answers,
    )  # fmt: skip


def check_same(undisturbed: Outcome, disturbed: Outcome) -> None:
    """Nothing but time may differ, and how often an effect was repeated."""
    assert disturbed.runs == undisturbed.runs, (
        f"disturbed, the runs end {disturbed.runs}; undisturbed {undisturbed.runs}"
    )
    optional = undisturbed.at_most_once | disturbed.at_most_once
    other = (disturbed.effects.keys() ^ undisturbed.effects.keys()) - optional
    assert not other, f"effects of one execution only: {sorted(other)}"


def check_effects(outcome: Outcome) -> None:
    """Each once, and once more for each loss of attempts in progress unless more is promised.

    A keyed effect happens again only when its key is given again (`keys.check_keys`).
    """
    promised = outcome.at_most_once | outcome.exactly_once
    for label, times in outcome.effects.items():
        allowed = outcome.given.get(label, 1 + outcome.losses)
        allowed = 1 if label in promised else allowed
        assert times <= allowed, f"{label} happened {times} times, with {outcome.losses} losses"


def check_compensated(outcome: Outcome) -> None:
    """No charge without shipment or all of its compensations."""
    for effect in outcome.effects:
        label, charge, undos = effect.rpartition("/charge")
        if charge and f"{label}/ship" not in outcome.effects:
            missing = [n for n in range(int(undos)) if f"{label}/undo{n}" not in outcome.effects]
            assert not missing, f"{effect} is not undone by {missing}"


def check_journals(tables: Tables) -> None:
    """Gapless, in order of time, ended once; and nothing is left of a run but its history."""
    for left in (tables.leases, tables.tasks, tables.beats, tables.waiters):
        assert not left, f"left behind: {left}"
    for row in tables.runs.values():
        assert row.completed_at is not None, f"{row.run_id} is {row.state}"
        assert [event.seq for event in row.events] == list(range(1, len(row.events) + 1))
        times = [event.at for event in row.events]
        assert times == sorted(times), f"{row.run_id}: time went backwards"
        _check_incarnations(row)
        _check_signals(row)
        _check_questions(row)


def _check_incarnations(row: RunRow) -> None:
    numbers = [event.incarnation for event in row.events]
    assert numbers == sorted(numbers)
    for number in range(1, row.incarnation + 1):
        kinds = [event.kind for event in row.events if event.incarnation == number]
        ends = [kind for kind in kinds if kind in ENDS]
        assert len(ends) == 1, f"{row.run_id}: incarnation {number} ends {ends}"
        assert kinds[-1] is ends[0] or EventKind.RUN_STARTED not in kinds
        assert (ends[0] is EventKind.RUN_CONTINUED) == (number < row.incarnation)


def _check_signals(row: RunRow) -> None:
    """Each once and in its order; the next incarnation begins with those that nobody took."""
    seen: dict[tuple[int, str], bytes] = {}
    for event in row.events:
        if event.kind is EventKind.SIGNAL_RECEIVED:
            body = event.body()
            before = seen.get((event.incarnation, body.name), b"")
            assert before < bytes(body.value), f"{row.run_id}: signal {body.name}"
            seen[event.incarnation, body.name] = bytes(body.value)


def _check_questions(row: RunRow) -> None:
    """Answered once, and whoever asked is told what the journal says."""
    said: dict[str, tuple[bytes | None, str | None]] = {}
    for event in row.events:
        if event.kind in (EventKind.QUESTION_ANSWERED, EventKind.QUESTION_REFUSED):
            body = event.body()
            assert body.question not in said, f"{row.run_id}: {body.question} is answered twice"
            refused = event.kind is EventKind.QUESTION_REFUSED
            told = (None, body.reason) if refused else (bytes(body.value), None)
            said[body.question] = told
    told = {key: (q.answer, q.refused) for key, q in row.questions.items() if q.answered}
    assert told == said
