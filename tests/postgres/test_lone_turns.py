"""The leaner statement of a turn that is alone writes what the general one writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from continuum.codec.hooks import IDENTITY
from continuum.journal.events import (
    ActivityCompleted,
    Entry,
    EventKind,
    Failure,
)
from continuum.journal.turn import Answer, Continuation, NewRun, RunEnd, RunState, Turn, VersionPin
from continuum.store.postgres.direct import DirectStatements
from continuum.store.postgres.turn_columns import TurnColumns
from continuum.store.protocol import NewMessage
from continuum.store.questions import NewQuestion
from tests.postgres.scene import NOON, PIN, Scene, first_turn, last_turn, next_turn, walk

pytestmark = pytest.mark.every_server

TURNS = 80
NEXT_PIN = VersionPin("shop:order", 2, "hash-b", "1-py3.11")
CLOCKS = ("updated_at", "completed_at", "cancel_requested_at", "answered_at")
TABLES = (
    "continuum_runs", "continuum_leases", "continuum_events", "continuum_inbox",
    "continuum_count_deltas", "continuum_questions",
)  # fmt: skip

Contents = dict[str, list[dict[str, Any]]]


async def contents(statements: DirectStatements) -> Contents:
    """Every row of every table that a turn writes; of clocks, whether they are set."""
    found: Contents = {}
    for table in TABLES:
        rows = await statements.rows(f"SELECT to_jsonb(t) FROM {table} AS t".encode())
        kept = [
            {
                column: value is not None if column in CLOCKS else value
                for column, value in row.items()
                if (table, column) != ("continuum_count_deltas", "id")
            }
            for (row,) in rows
        ]
        found[table] = sorted(kept, key=repr)
    return found


async def written(
    statements: DirectStatements, node: UUID, turn: Turn, *, alone: bool
) -> tuple[int, Contents]:
    """What one of both statements does to the tables; undone before this returns."""
    columns = TurnColumns([turn], IDENTITY)
    await statements.command(b"BEGIN")
    if alone:
        done = len(await statements.rows(*columns.lone_statement(node)))
    else:
        [(_, done, _)] = await statements.rows(*columns.statement(node, 1))
    after = await contents(statements)
    await statements.command(b"ROLLBACK")
    return done, after


def some_entries(random: Random, count: int) -> list[Entry]:
    return [
        Entry(
            random.choice([EventKind.ACTIVITY_COMPLETED, EventKind.SIGNAL_RECEIVED]),
            random.choice([None, n]),
            ActivityCompleted(n, msgspec.Raw(b"[%d]" % n)),
            NOON + timedelta(seconds=n),
        )
        for n in range(count)
    ]


def some_end(random: Random) -> RunEnd:
    state = random.choice([RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED])
    if state is RunState.COMPLETED:
        return RunEnd(state, result=random.choice([b"null", b'"done"']))
    error = Failure(type="ValueError", message="no", details=random.choice([None, "trace"]))
    return RunEnd(state, error=error if state is RunState.FAILED else None)


def some_turn(random: Random, owned: Sequence[Turn], inbox: Sequence[tuple[int, UUID]]) -> Turn:
    """A turn that concerns its own run only, of every kind, its fence broken now and then."""
    first = random.choice(owned)
    if random.random() < 0.25:
        turn = first_turn(run_id=random.choice([None, None, first.run_id]))
        assert turn.created is not None
        turn.created = NewRun(
            turn.run_id, random.choice(["default", "acme"]), PIN.workflow, b"[1]",
            random.choice([{}, {"plan": "pro"}]), random.choice([None, "key-1", "key-2"]),
            random.choice([None, first.run_id]),
        )  # fmt: skip
        turn.entries += some_entries(random, random.choice([0, 0, 4]))
    else:
        turn = next_turn(first, entries=some_entries(random, random.choice([0, 1, 1, 2, 4, 6])))
        own = [message for message, run_id in inbox if run_id == first.run_id]
        turn.consumed = random.sample(own, random.randint(0, len(own)))
        turn.pin = random.choice([None, None, NEXT_PIN])
        turn.cancelling = random.random() < 0.2
        broken = random.random()
        if broken < 0.1:
            turn.token += 1
        elif broken < 0.2:
            turn.next_seq += 1
    turn.state = random.choice([None, RunState.RUNNING, RunState.SUSPENDED])
    turn.attributes = random.choice([None, None, {"plan": "free", "tier": 2}])
    turn.answers = [
        random.choice([Answer(f"q{n}", value=b"[1]"), Answer(f"q{n}", refusal="no")])
        for n in range(random.choice([0, 0, 1, 2, 6]))
    ]
    if random.random() < 0.4:
        turn.end = some_end(random)
        turn.state = turn.end.state
        return turn
    turn.wake_at = random.choice([None, NOON])
    turn.waiting_on = random.choice([None, "signal go"])
    turn.parked = random.random() < 0.5
    if turn.created is None and random.random() < 0.2:
        turn.continuation = Continuation(b"[2]", some_entries(random, random.choice([0, 1, 5])))
        turn.pin = VersionPin(PIN.workflow)
    return turn


async def test_both_statements_write_the_same_rows(scene: Scene) -> None:
    """From the same tables, turns of every kind leave the same tables, or both write nothing."""
    random = Random(34)
    owned = [await scene.create_owned() for _ in range(3)]
    for turn in owned[:2]:
        for n in range(6):
            message = NewMessage(turn.run_id, "signal", f"s{n}", b"%d" % n)
            await scene.store.post([message])
            await scene.store.questions.ask(NewQuestion(turn.run_id, f"q{n}", "q", b"1"))
    await scene.observer.execute(
        "UPDATE continuum_leases SET takeovers = 1, blocked_build = 'b', ready = true,"
        " cancel_requested_at = clock_timestamp() WHERE run_id = %s",
        [owned[1].run_id],
    )
    inbox = await scene.rows("SELECT id, run_id FROM continuum_inbox")
    writer = DirectStatements(await scene.connect())
    before = await contents(writer)
    outcomes: set[tuple[str, bool]] = set()
    for _ in range(TURNS):
        turn = some_turn(random, owned, inbox)
        general = await written(writer, scene.node, turn, alone=False)
        assert await written(writer, scene.node, turn, alone=True) == general
        assert (general[1] != before) is bool(general[0])
        kind = "created" if turn.created else "ended" if turn.end else "going on"
        outcomes.add((kind, bool(general[0])))
    writer.detach()
    assert outcomes == {
        (kind, done) for kind in ("created", "ended", "going on") for done in (True, False)
    }


async def test_a_fence_of_another_owner_stops_both(scene: Scene) -> None:
    """Nothing is written for a run that another node, or nobody, owns."""
    first = await scene.create_owned()
    writer = DirectStatements(await scene.connect())
    before = await contents(writer)
    for turn in (next_turn(first), last_turn(first)):
        for alone in (True, False):
            assert await written(writer, uuid4(), turn, alone=alone) == (0, before)
    writer.detach()


async def test_lone_statement_walks_no_table_whatever_the_planner_knew(scene: Scene) -> None:
    """Planned on tables with a few rows, every access is still by primary key."""
    first = await scene.create_owned()
    for n in range(3):
        first = await scene.create_owned(started_at=NOON + timedelta(seconds=n))
        await scene.signal(first.run_id)
    await scene.observer.execute("ANALYZE")
    statements = await scene.store._turns._connected()
    busy = next_turn(first, consumed=[1], state=RunState.SUSPENDED)
    several = next_turn(first, consumed=[1, 2, 3, 4, 5, 6])
    answering = [
        next_turn(first, answers=[Answer(f"q{n}", value=b"1") for n in range(count)])
        for count in (1, 6)
    ]
    indexes: set[str] = set()
    for turn in (busy, several, *answering, last_turn(first), first_turn()):
        text, parameters = TurnColumns([turn], IDENTITY).lone_statement(scene.node)
        [(plan,)] = await statements.rows(b"EXPLAIN (FORMAT JSON) " + text, parameters)
        for node in walk(plan[0]["Plan"]):
            if "Relation Name" in node and "Scan" in node["Node Type"]:
                assert "Index Cond" in node, node
                indexes.add(node["Index Name"])
    assert indexes == {
        "continuum_leases_pkey", "continuum_runs_pkey", "continuum_inbox_pkey",
        "continuum_questions_pkey",
    }  # fmt: skip
