"""`TurnStore`: fences, unknown outcomes, refused payloads, what a turn changes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from continuum.journal.events import Failure
from continuum.journal.turn import NewRun, Post, RunEnd, RunState, Turn, TurnStatus
from continuum.store.protocol import PayloadRejected
from tests.conformance.stage import OTHER_PIN, Stage, open_stage, parked
from tests.postgres.scene import NOON, PIN, first_turn, last_turn, next_turn

COMMITTED, FENCED, DUPLICATE = TurnStatus.COMMITTED, TurnStatus.FENCED, TurnStatus.DUPLICATE


async def test_start_middle_and_end_leave_a_gapless_journal(stage: Stage) -> None:
    """Three turns of one run: every event once, in order, and the result at the end."""
    first = await stage.created()
    second = next_turn(first, waiting_on="timer x", parked=True, state=RunState.SUSPENDED)
    assert await stage.commit(second) == [COMMITTED]
    waiting = await stage.run(first.run_id)
    assert (waiting.state, waiting.waiting_on) == (RunState.SUSPENDED, "timer x")
    assert waiting.owner == str(stage.node)
    assert await stage.commit(last_turn(second)) == [COMMITTED]
    run = await stage.run(first.run_id)
    assert (run.state, run.output, run.owner, run.waiting_on) == ("completed", 7, None, None)
    assert (run.version, run.version_hash) == (PIN.version, PIN.version_hash)
    assert run.started_at == NOON
    assert run.completed_at is not None
    assert [seq for seq, _ in await stage.journal(first.run_id)] == [1, 2, 3, 4, 5]


async def test_a_run_may_end_in_its_first_turn(stage: Stage) -> None:
    """Start and failure in one commit: nothing to claim, the error is kept."""
    end = RunEnd(RunState.FAILED, error=Failure("ValueError", "no", "trace"))
    turn = await stage.created(end=end)
    run = await stage.run(turn.run_id)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert (run.error.type, run.error.message, run.error.details) == ("ValueError", "no", "trace")
    assert (await stage.reads.ends([turn.run_id]))[turn.run_id] == end
    assert await stage.claim() == []


@pytest.mark.parametrize("part", ["node", "token", "next_seq"])
async def test_each_part_of_the_fence_counts(stage: Stage, part: str) -> None:
    """Another node, token or next_seq writes nothing; the neighbour in the batch commits."""
    first, neighbour = await stage.created(), await stage.created()
    turn = next_turn(first)
    if part == "node":
        assert await stage.commit(turn, node=uuid4()) == [FENCED]
    else:
        wrong = replace(turn, **{part: getattr(turn, part) + 7})
        assert await stage.commit(wrong, next_turn(neighbour)) == [FENCED, COMMITTED]
        assert len(await stage.journal(neighbour.run_id)) == 3
    assert len(await stage.journal(first.run_id)) == 2
    assert await stage.commit(turn) == [COMMITTED]


async def test_the_end_of_a_run_is_fenced_too(stage: Stage) -> None:
    """A zombie cannot end a run that somebody else took."""
    first = await stage.created()
    other = uuid4()
    assert await stage.store.free_unknown(stage.node, ()) == 1
    [claimed] = await stage.claim(node=other)
    assert await stage.commit(last_turn(first)) == [FENCED]
    assert await stage.state(first.run_id) is RunState.RUNNING
    assert claimed.token != first.token


@pytest.mark.parametrize("kind", ["created", "middle", "without entries", "end", "born to end"])
async def test_a_resent_turn_answers_committed_and_writes_nothing(stage: Stage, kind: str) -> None:
    """After an unknown outcome the same turn again is committed once."""
    if kind in ("created", "born to end"):
        turn = first_turn(token=(await stage.store.allocate_tokens(1))[0])
        if kind == "born to end":
            turn.end = RunEnd(RunState.COMPLETED, b"1")
    else:
        first = await stage.created()
        turn = {
            "middle": next_turn(first),
            "without entries": parked(first, 3, waiting_on="x"),
            "end": last_turn(first),
        }[kind]
    for _ in range(3):
        assert await stage.commit(turn) == [COMMITTED]
    seqs = [seq for seq, _ in await stage.journal(turn.run_id)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) == turn.next_seq + len(turn.entries) - 1


async def test_a_turn_resent_after_its_run_moved_on_is_fenced(stage: Stage) -> None:
    """An older turn than the last one is not ours any more to judge: it changes nothing."""
    first = await stage.created()
    second = next_turn(first)
    third = next_turn(second)
    assert await stage.commit(second) == [COMMITTED]
    assert await stage.commit(third) == [COMMITTED]
    assert await stage.commit(second) == [FENCED]
    assert len(await stage.journal(first.run_id)) == 4


async def test_an_ended_run_changes_no_more(stage: Stage) -> None:
    """A late turn, another end and a second start meet a finished run and leave it."""
    first = await stage.created()
    assert await stage.commit(last_turn(first)) == [COMMITTED]
    late = next_turn(first)
    late.entries[0] = replace(late.entries[0], at=NOON)
    assert await stage.commit(late) == [FENCED]
    failed = last_turn(first)
    failed.entries.append(failed.entries[-1])
    failed.end = RunEnd(RunState.FAILED, error=Failure("X", "x"))
    assert await stage.commit(failed) == [FENCED]
    assert await stage.state(first.run_id) is RunState.COMPLETED


async def test_creating_over_an_existing_run_is_a_duplicate(stage: Stage) -> None:
    """The same run id, or the same idempotency key, from another start."""
    run_id = await stage.started(idempotency_key="k")
    same_id = first_turn(run_id=run_id)
    same_id.created = NewRun(run_id, "default", PIN.workflow, b"[1]")
    assert await stage.commit(same_id) == [DUPLICATE]
    same_key = first_turn()
    assert same_key.created is not None
    same_key.created = replace(same_key.created, idempotency_key="k")
    assert (await stage.commit(same_key))[0] in (FENCED, DUPLICATE)
    assert await stage.reads.get_run(same_key.run_id, None) is None
    assert await stage.journal(run_id) == []


async def test_a_refused_payload_hits_only_its_own_run(stage: Stage) -> None:
    """Text that cannot be stored rejects one turn by name; the others commit."""
    runs = [await stage.created() for _ in range(4)]
    turns = [next_turn(run) for run in runs]
    turns[1].waiting_on = "a\0b"
    with pytest.raises(PayloadRejected) as caught:
        await stage.store.commit_turns(stage.node, turns)
    assert set(caught.value.reasons) == {runs[1].run_id}
    statuses = caught.value.committed.statuses
    assert [statuses.get(run.run_id) for run in runs] == [COMMITTED, None, COMMITTED, COMMITTED]
    assert len(await stage.journal(runs[1].run_id)) == 2


async def test_a_turn_deletes_exactly_what_it_read(stage: Stage) -> None:
    """Consumed messages go, those posted meanwhile stay unread."""
    first = await stage.created()
    ids = [(await stage.post(first.run_id)).posted for _ in range(3)]
    one, two, three = (message for message in ids if message is not None)
    assert await stage.commit(next_turn(first, consumed=[one.id, three.id])) == [COMMITTED]
    unread = await stage.store.read_inbox(stage.node, [first.run_id])
    assert [message.id for message in unread] == [two.id]


async def test_a_pin_decides_who_may_claim(stage: Stage) -> None:
    """The first turn binds a run to its code: other versions do not see it any more."""
    run_id = await stage.started()
    [claimed] = await stage.claim()
    assert claimed.pin.version_hash == ""
    assert await stage.commit(parked(claimed, pin=PIN)) == [COMMITTED]
    await stage.store.free_unknown(stage.node, ())
    await stage.post(run_id)
    other = [OTHER_PIN.version_id, claimed.pin.version_id]
    assert await stage.claim(versions=other) == []
    [again] = await stage.claim()
    assert again.pin == PIN


async def test_tokens_are_fresh(stage: Stage) -> None:
    """No token is given twice, and each claim has a new one."""
    tokens = await stage.store.allocate_tokens(50)
    tokens += await stage.store.allocate_tokens(50)
    await stage.started()
    [claimed] = await stage.claim()
    assert len({*tokens, claimed.token}) == 101


class Reversed:
    """A payload codec that nobody could mistake for none."""

    def seal(self, data: bytes) -> bytes:
        return b"sealed:" + data[::-1]

    def open(self, data: bytes) -> bytes:
        assert data.startswith(b"sealed:")
        return data.removeprefix(b"sealed:")[::-1]


async def test_payloads_pass_the_codec_both_ways(place: str | None) -> None:
    """Input, events, mail and results come out as they went in."""
    async with open_stage(place, Reversed()) as stage:
        run_id = await stage.started()
        [claimed] = await stage.claim()
        assert claimed.input == b"[1]"
        turn: Turn = first_turn(run_id=run_id, token=claimed.token, created=None, started_at=None)
        await stage.commit(turn)
        outcome = await stage.post(run_id)
        assert outcome.posted is not None
        assert outcome.posted.value == b"1"
        await stage.store.free_unknown(stage.node, ())
        [again] = await stage.claim()
        assert [event.body() for event in again.events] == [e.body for e in turn.entries]
        assert [message.value for message in again.inbox] == [b"1"]
        end: Any = last_turn(turn)
        end.token = again.token
        await stage.commit(end)
        assert (await stage.run(run_id)).output == 7


async def test_a_signal_to_another_run_goes_out_once_with_its_turn(stage: Stage) -> None:
    """It wakes a free run, reaches one that this turn inserts; no ended one, and none twice."""
    sender, gone = await stage.created(), await stage.created()
    free = await stage.started()
    await stage.commit(last_turn(gone))
    turn = next_turn(sender)
    child = NewRun(
        uuid4(), "default", PIN.workflow, b"[1]", parent_id=sender.run_id, depth=1,
        parent_close="cancel",
    )  # fmt: skip
    turn.children = [child]
    turn.posts = [
        Post(run_id, "signal", name, b"7")
        for run_id, name in [(free, "a"), (free, "b"), (child.run_id, "c"), (gone.run_id, "d")]
    ]
    for _ in range(2):
        assert await stage.commit(turn) == [COMMITTED]
    assert await stage.commit(replace(turn, token=turn.token + 7)) == [FENCED]
    claimed = {run.run_id: run for run in await stage.claim()}
    assert set(claimed) == {free, child.run_id}
    mail = [[(m.kind, m.name, m.value) for m in claimed[r].inbox] for r in (free, child.run_id)]
    assert mail == [[("signal", "a", b"7"), ("signal", "b", b"7")], [("signal", "c", b"7")]]
