"""The turn statement: fences, unknown outcomes, culprits (rules 2 and 12)."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from continuum.codec.hooks import IDENTITY
from continuum.journal.events import Failure
from continuum.journal.turn import Answer, NewRun, NewTask, RunEnd, RunState, Turn, TurnStatus
from continuum.store.postgres.turn_columns import TurnColumns
from continuum.store.protocol import PayloadRejected, StoreUnavailable
from tests.postgres.scene import (
    CREATED_TOKEN,
    NOON,
    PIN,
    Scene,
    first_turn,
    last_turn,
    next_turn,
    open_scene,
    started,
    walk,
    write_turns,
)

pytestmark = [pytest.mark.every_server, pytest.mark.usefixtures("form")]

COMMITTED, FENCED = TurnStatus.COMMITTED, TurnStatus.FENCED


@pytest.fixture(params=["lone", "general"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that is alone has a statement of its own; in company it would have had the other."""
    if request.param == "general":
        monkeypatch.setattr("continuum.store.postgres.turns._concerns_itself", lambda turn: False)


async def status(scene: Scene, turn: Turn) -> TurnStatus:
    return (await scene.store.commit_turns(scene.node, [turn])).statuses[turn.run_id]


async def test_a_run_from_start_to_end(scene: Scene) -> None:
    """Start, a turn and the end leave one run row, a gapless journal and no lease."""
    first = await scene.create_owned()
    second = next_turn(first, waiting_on="timer", parked=True, state=RunState.SUSPENDED)
    assert await status(scene, second) is COMMITTED
    columns = "next_seq, parked, waiting_on, ready"
    assert await scene.rows(f"SELECT {columns} FROM continuum_leases") == [
        (4, True, "timer", False)
    ]
    assert await scene.value("SELECT state FROM continuum_runs") == "suspended"
    assert await status(scene, last_turn(second)) is COMMITTED
    assert await scene.seqs(first.run_id) == [1, 2, 3, 4, 5]
    [row] = await scene.rows(
        "SELECT state, result, version, version_hash, runtime, completed_at IS NOT NULL "
        "FROM continuum_runs"
    )
    assert row == ("completed", b"7", 1, PIN.version_hash, PIN.runtime, True)
    assert await scene.value("SELECT count(*) FROM continuum_leases") == 0


async def test_start_and_end_in_one_turn(scene: Scene) -> None:
    """A run that ends in its first turn never has a lease; a failure keeps its error."""
    end = RunEnd(RunState.FAILED, error=Failure("ValueError", "no", "trace"))
    turn = await scene.create_owned(end=end)
    [row] = await scene.rows(
        "SELECT state, error_type, error_message, error_details FROM continuum_runs"
    )
    assert row == ("failed", "ValueError", "no", "trace")
    assert await scene.value("SELECT count(*) FROM continuum_leases") == 0
    assert await scene.seqs(turn.run_id) == [1, 2]


async def test_rule_12_fence_waits_for_a_takeover_in_flight(scene: Scene) -> None:
    """A turn that meets an uncommitted takeover waits, then writes nothing at all."""
    first = await scene.create_owned()
    thief = await scene.connect()
    async with thief.transaction():
        await thief.execute(
            "UPDATE continuum_leases SET lease_owner = %s, lease_token = lease_token + 1",
            [uuid4()],
        )
        call = started(status(scene, next_turn(first)))
        await scene.blocked(call)
    assert await call is FENCED
    assert await scene.seqs(first.run_id) == [1, 2]
    assert await scene.lease(first.run_id, "next_seq") == 3


async def test_rule_12_terminal_turn_meets_a_takeover_in_flight(scene: Scene) -> None:
    """The end of a run is fenced like any turn: the new owner keeps run and lease."""
    first = await scene.create_owned()
    thief = await scene.connect()
    async with thief.transaction():
        await thief.execute("UPDATE continuum_leases SET lease_token = lease_token + 1")
        call = started(status(scene, last_turn(first)))
        await scene.blocked(call)
    assert await call is FENCED
    assert await scene.value("SELECT state FROM continuum_runs") == "running"
    assert await scene.lease(first.run_id, "lease_token") == CREATED_TOKEN + 1


@pytest.mark.parametrize("change", ["owner", "token", "next_seq"])
async def test_rule_12_every_part_of_the_fence_counts(scene: Scene, change: str) -> None:
    """Another owner, token or next_seq writes nothing, and its neighbour commits."""
    first, neighbour = await scene.create_owned(), await scene.create_owned()
    column = {"owner": "lease_owner", "token": "lease_token", "next_seq": "next_seq"}[change]
    other = "gen_random_uuid()" if change == "owner" else f"{column} + 7"
    await scene.observer.execute(
        f"UPDATE continuum_leases SET {column} = {other} WHERE run_id = %s", [first.run_id]
    )
    result = await scene.store.commit_turns(scene.node, [next_turn(first), next_turn(neighbour)])
    assert result.statuses == {first.run_id: FENCED, neighbour.run_id: COMMITTED}
    assert await scene.seqs(first.run_id) == [1, 2]
    assert await scene.seqs(neighbour.run_id) == [1, 2, 3]


async def test_a_turn_goes_on_after_a_cancel_request_that_it_waited_for(scene: Scene) -> None:
    """A concurrent change that leaves the fence alone does not fence, nor is it lost."""
    first = await scene.create_owned()
    client = await scene.connect()
    async with client.transaction():
        await client.execute("UPDATE continuum_leases SET cancel_requested_at = now()")
        call = started(status(scene, next_turn(first)))
        await scene.blocked(call)
    assert await call is COMMITTED
    assert await scene.lease(first.run_id, "cancel_requested_at IS NOT NULL")
    assert await scene.lease(first.run_id, "next_seq") == 4


@pytest.mark.parametrize("kind", ["created", "middle", "end", "created and ended"])
async def test_rule_2_resent_while_the_first_try_still_commits(scene: Scene, kind: str) -> None:
    """A turn resent while its first try is still committing waits and answers committed."""
    first = first_turn()
    turn = first
    if kind == "created and ended":
        first.end = RunEnd(RunState.COMPLETED, b"1")
    elif kind != "created":
        await scene.store.commit_turns(scene.node, [first])
        turn = next_turn(first) if kind == "middle" else last_turn(first)
    old_backend = await scene.connect()
    async with old_backend.transaction():
        await write_turns(old_backend, scene.node, [turn])
        call = started(status(scene, turn))
        await scene.blocked(call)
    assert await call is COMMITTED
    expected = 2 if turn is first else 2 + len(turn.entries)
    assert await scene.seqs(first.run_id) == list(range(1, expected + 1))
    assert await status(scene, turn) is COMMITTED


async def test_rule_2_resent_after_the_first_try_rolled_back(scene: Scene) -> None:
    """When the first try is undone, the one that waited for it writes the turn."""
    first = await scene.create_owned()
    turn = next_turn(first)
    old_backend = await scene.connect()
    async with old_backend.transaction(force_rollback=True):
        await write_turns(old_backend, scene.node, [turn])
        call = started(status(scene, turn))
        await scene.blocked(call)
    assert await call is COMMITTED
    assert await scene.seqs(first.run_id) == [1, 2, 3]


async def test_rule_2_another_turn_at_the_same_place_is_not_ours(scene: Scene) -> None:
    """Same token and next_seq but another event there: the run is dropped, not acknowledged."""
    first = await scene.create_owned()
    assert await status(scene, next_turn(first)) is COMMITTED
    assert await status(scene, next_turn(first)) is FENCED
    ended = last_turn(next_turn(first))
    assert await status(scene, ended) is COMMITTED
    assert await status(scene, last_turn(next_turn(first))) is FENCED


async def test_rule_2_created_run_that_somebody_took_over_is_fenced(scene: Scene) -> None:
    """Resending our own creation after a takeover drops the run; it is not a duplicate."""
    first = await scene.create_owned()
    await scene.observer.execute("UPDATE continuum_leases SET lease_token = lease_token + 1")
    assert await status(scene, first) is FENCED
    stranger = first_turn(run_id=first.run_id)
    stranger.entries = [replace(stranger.entries[0], at=next_turn(first).entries[0].at)]
    assert await status(scene, stranger) is TurnStatus.DUPLICATE


async def test_rule_2_lost_connection_is_transient_and_resending_is_safe(scene: Scene) -> None:
    """A backend killed while the turn waits raises StoreUnavailable; the resend commits once."""
    first = await scene.create_owned()
    turn = next_turn(first)
    holder = await scene.connect()
    async with holder.transaction():
        await holder.execute("SELECT FROM continuum_leases FOR UPDATE")
        call = started(status(scene, turn))
        await scene.blocked(call)
        await scene.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with pytest.raises(StoreUnavailable):
            await call
    assert await status(scene, turn) is COMMITTED
    assert await scene.seqs(first.run_id) == [1, 2, 3]


async def test_rule_2_double_write_is_lost_ownership_of_that_run_alone(scene: Scene) -> None:
    """An event already at that seq means fenced for the culprit; its neighbours commit."""
    runs = [await scene.create_owned() for _ in range(5)]
    await scene.observer.execute(
        "INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at) "
        "VALUES (%s, 3, 1, 'x', '', now())",
        [runs[2].run_id],
    )
    result = await scene.store.commit_turns(scene.node, [next_turn(run) for run in runs])
    expected = {run.run_id: COMMITTED for run in runs} | {runs[2].run_id: FENCED}
    assert result.statuses == expected


async def test_poison_result_fails_alone(scene: Scene) -> None:
    """A text PostgreSQL cannot store names its run; a hundred neighbours commit."""
    runs = [await scene.create_owned() for _ in range(101)]
    turns = [next_turn(run) for run in runs]
    turns[40].waiting_on = "nul \0 byte"
    with pytest.raises(PayloadRejected) as caught:
        await scene.store.commit_turns(scene.node, turns)
    assert list(caught.value.reasons) == [runs[40].run_id]
    statuses = caught.value.committed.statuses
    assert len(statuses) == 100
    assert set(statuses.values()) == {COMMITTED}
    assert await scene.lease(runs[40].run_id, "next_seq") == 3


async def test_rule_2_refusing_trigger_defers_one_turn_and_fails_none(scene: Scene) -> None:
    """A trigger's exception is not the payload's fault: that turn waits, the others commit."""
    runs = [await scene.create_owned() for _ in range(9)]
    await scene.observer.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'closed'; END $$"
    )
    await scene.observer.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON continuum_events FOR EACH ROW "
        f"WHEN (NEW.run_id = '{runs[3].run_id}') EXECUTE FUNCTION refuse()"
    )
    turns = [next_turn(run) for run in runs]
    result = await scene.store.commit_turns(scene.node, turns)
    deferred = {runs[3].run_id: TurnStatus.DEFERRED}
    assert result.statuses == {run.run_id: COMMITTED for run in runs} | deferred
    await scene.observer.execute("DROP TRIGGER refuse ON continuum_events")
    again = await scene.store.commit_turns(scene.node, turns)
    assert set(again.statuses.values()) == {COMMITTED}


async def test_rule_2_error_of_the_server_is_never_bisected(scene: Scene) -> None:
    """A server that cannot write raises once for the whole batch, and no run is blamed."""
    runs = [await scene.create_owned() for _ in range(4)]
    await scene.observer.execute("ALTER TABLE continuum_events RENAME TO elsewhere")
    with pytest.raises(StoreUnavailable):
        await scene.store.commit_turns(scene.node, [next_turn(run) for run in runs])
    await scene.observer.execute("ALTER TABLE elsewhere RENAME TO continuum_events")
    result = await scene.store.commit_turns(scene.node, [next_turn(run) for run in runs])
    assert set(result.statuses.values()) == {COMMITTED}


async def test_terminal_is_terminal_in_sql(scene: Scene) -> None:
    """Even with a lease that should not exist, no turn changes a run that has ended."""
    first = await scene.create_owned()
    await scene.observer.execute(
        "UPDATE continuum_runs SET state = 'completed', result = 'first', completed_at = now()"
    )
    failed = next_turn(first, end=RunEnd(RunState.FAILED, error=Failure("E", "late")))
    await scene.store.commit_turns(scene.node, [failed])
    assert await scene.rows("SELECT state, result FROM continuum_runs") == [("completed", b"first")]


async def test_consumed_messages_are_deleted_by_exact_id(scene: Scene) -> None:
    """A turn deletes the messages it read and no other, whatever their ids (rule 9)."""
    first = await scene.create_owned()
    ids = [(await scene.signal(first.run_id)).posted.id for _ in range(3)]
    assert await status(scene, next_turn(first, consumed=[ids[1]])) is COMMITTED
    assert await scene.rows("SELECT id FROM continuum_inbox ORDER BY id") == [
        (ids[0],), (ids[2],),
    ]  # fmt: skip


async def test_a_fenced_turn_deletes_no_message(scene: Scene) -> None:
    """What a fenced owner read stays unread for the new one."""
    first = await scene.create_owned()
    posted = (await scene.signal(first.run_id)).posted
    await scene.observer.execute("UPDATE continuum_leases SET lease_token = lease_token + 1")
    assert await status(scene, next_turn(first, consumed=[posted.id])) is FENCED
    assert await scene.value("SELECT count(*) FROM continuum_inbox") == 1


async def test_payloads_pass_the_codec_on_their_way_in_and_out(dsn: str) -> None:
    """Events, input, result and messages are sealed in the database and open for their reader."""

    class Reversed:
        def seal(self, data: bytes) -> bytes:
            return b"sealed:" + data[::-1]

        def open(self, data: bytes) -> bytes:
            return data.removeprefix(b"sealed:")[::-1]

    async with open_scene(dsn, Reversed()) as scene:
        run = NewRun(uuid4(), "default", PIN.workflow, b'["in"]')
        await scene.store.insert_runs([run])
        [claimed] = await scene.claim()
        assert claimed.input == b'["in"]'
        await scene.signal(run.run_id)
        [message] = await scene.store.read_inbox(scene.node, [run.run_id])
        assert message.value == b"1"
        turn = last_turn(Turn(run.run_id, claimed.token, claimed.next_seq, 1, []), b'"out"')
        turn.consumed = [message.id]
        assert await status(scene, turn) is COMMITTED
        stored = await scene.rows("SELECT input, result FROM continuum_runs")
        stored += await scene.rows("SELECT payload, payload FROM continuum_events")
        assert all(value.startswith(b"sealed:") for row in stored for value in row)


async def test_turn_statement_walks_no_table_whatever_the_planner_knew(scene: Scene) -> None:
    """Planned on tables with a few rows, every access is still by primary key."""
    for n in range(3):
        first = await scene.create_owned(started_at=NOON + timedelta(seconds=n))
        await scene.signal(first.run_id)
    await scene.observer.execute("ANALYZE")
    statements = await scene.store._turns._connected()
    answers = [Answer("q", value=b"1"), Answer("other", refusal="no")]
    busy = next_turn(first, consumed=[1], state=RunState.SUSPENDED, answers=answers)
    everything = [busy, last_turn(await scene.create_owned()), first_turn()]
    text, parameters = TurnColumns(everything, IDENTITY).statement(scene.node, len(everything))
    [(plan,)] = await statements.rows(b"EXPLAIN (FORMAT JSON) " + text, parameters)
    scans = [
        node
        for node in walk(plan[0]["Plan"])
        if "Relation Name" in node and "Scan" in node["Node Type"]
    ]
    assert {node.get("Index Name") for node in scans} == {
        "continuum_leases_pkey", "continuum_runs_pkey", "continuum_inbox_pkey",
        "continuum_questions_pkey",
    }  # fmt: skip
    assert all("ARRAY" in node["Index Cond"] or "ANY" in node["Index Cond"] for node in scans)
    generic = await statements.rows(b"SHOW plan_cache_mode")
    assert generic == [("force_generic_plan",)]


async def test_a_rolled_back_batch_with_tasks_leaves_the_next_one_unharmed(scene: Scene) -> None:
    """What the session has prepared outlives the rollback."""
    runs = [await scene.create_owned() for _ in range(3)]
    task = NewTask(1, 1, "mail", 0, "app:send", b"{}")
    turns = [next_turn(run, tasks=[task]) for run in runs]
    turns[1].waiting_on = "nul \0 byte"
    with pytest.raises(PayloadRejected) as caught:
        await scene.store.commit_turns(scene.node, turns)
    assert list(caught.value.reasons) == [runs[1].run_id]
    again = await scene.store.commit_turns(
        scene.node, [last_turn(turn) for turn in (turns[0], turns[2])]
    )
    assert set(again.statuses.values()) == {COMMITTED}
    assert await scene.value("SELECT count(*) FROM continuum_tasks") == 0
