"""What a turn does beyond its own run: children, mail, attributes, the next incarnation."""

from __future__ import annotations

from continuum.journal.events import Entry, EventKind
from continuum.journal.tasks import RESULT, attempt_name
from continuum.journal.turn import Continuation, NewRun, Post, Turn, TurnStatus, VersionPin
from continuum.model import RunState
from continuum.system import new_run_id
from tests.conformance.stage import Stage
from tests.conformance.test_activities import queued, task
from tests.postgres.scene import NOON, PIN, last_turn, next_turn

COMMITTED, FENCED = TurnStatus.COMMITTED, TurnStatus.FENCED
UNPINNED = VersionPin(PIN.workflow, PIN.version)


def child_of(turn: Turn, parent_close: str = "cancel") -> NewRun:
    return NewRun(
        new_run_id(), "default", PIN.workflow, b"[1]", {"own": 2**70},
        parent_id=turn.run_id, depth=3, parent_close=parent_close,
    )  # fmt: skip


async def mail(stage: Stage, turn: Turn) -> list[tuple[str, bytes]]:
    messages = await stage.store.read_inbox(stage.node, [turn.run_id])
    return [(message.kind, message.value) for message in messages]


async def test_children_are_inserted_once_and_inherit_attributes(stage: Stage) -> None:
    """A resent turn adds none; a child is free, has its depth, and the attributes until then."""
    first = await stage.created()
    turn = next_turn(first, attributes={"plan": "pro", "late": True})
    await stage.commit(turn)
    second = next_turn(turn, attributes={"late": False})
    second.children = [child_of(second)]
    assert await stage.commit(second) == [COMMITTED]
    assert await stage.commit(second) == [COMMITTED]
    [claimed] = await stage.claim()
    assert (claimed.run_id, claimed.depth) == (second.children[0].run_id, 3)
    assert claimed.parent_id == first.run_id
    child, parent = await stage.run(claimed.run_id), await stage.run(first.run_id)
    assert child.attributes == {"plan": "pro", "late": True, "own": 2**70}
    assert parent.attributes == {"plan": "pro", "late": False}


async def test_a_fenced_turn_changes_nothing_elsewhere(stage: Stage) -> None:
    """No child, no mail, no attribute."""
    first, other = await stage.created(), await stage.created()
    turn = next_turn(first, token=first.token + 7, attributes={"a": 1})
    turn.children, turn.posts = [child_of(turn)], [Post(other.run_id, "child_result", "", b"{}")]
    assert await stage.commit(turn) == [FENCED]
    assert await mail(stage, other) == []
    assert await stage.claim() == []
    assert (await stage.run(first.run_id)).attributes == {}


async def test_mail_goes_to_living_runs_only_and_wakes_free_ones(stage: Stage) -> None:
    """A result for an owned run, one for a free run, one for a run that has ended."""
    child, owned, gone = [await stage.created() for _ in range(3)]
    free = await stage.started()
    await stage.commit(last_turn(gone))
    ending = last_turn(child)
    ending.posts = [
        Post(turn, "child_result", "", b"1") for turn in (owned.run_id, gone.run_id, free)
    ]
    assert await stage.commit(ending) == [COMMITTED]
    assert await mail(stage, owned) == [("child_result", b"1")]
    [claimed] = await stage.claim()
    assert (claimed.run_id, len(claimed.inbox)) == (free, 1)
    assert await stage.state(child.run_id) is RunState.COMPLETED


async def test_a_child_can_be_asked_to_stop_by_the_turn_that_starts_it(stage: Stage) -> None:
    """A parent that ends in that turn leaves it with a cancel request."""
    first = await stage.created()
    turn = last_turn(first)
    turn.children = [child_of(turn)]
    turn.posts = [Post(turn.children[0].run_id, "cancel", "", b"null")]
    assert await stage.commit(turn) == [COMMITTED]
    [claimed] = await stage.claim()
    assert [message.kind for message in claimed.inbox] == ["cancel"]


async def test_rule_6_the_next_incarnation_has_its_input_and_what_is_carried(stage: Stage) -> None:
    """Seq goes on, the journal of a claim is the new incarnation's, and the pin is open again."""
    first = await stage.created()
    carried = Entry(EventKind.SIGNAL_RECEIVED, None, first.entries[1].body, NOON)
    turn = next_turn(first, pin=UNPINNED, continuation=Continuation(b"[2]", [carried]))
    assert await stage.commit(turn) == [COMMITTED]
    assert await stage.commit(turn) == [COMMITTED]
    assert turn.appended == 2
    goes_on = next_turn(turn, next_seq=turn.next_seq + 2, incarnation=2)
    assert await stage.commit(goes_on) == [COMMITTED]
    await stage.store.free_unknown(stage.node, [])
    [claimed] = await stage.claim(versions=[UNPINNED.version_id])
    assert (claimed.incarnation, claimed.input) == (2, b"[2]")
    assert [event.seq for event in claimed.events] == [4, 5]
    assert claimed.pin.version_hash == ""


async def test_rule_6_results_of_a_former_incarnation_carry_its_number(stage: Stage) -> None:
    """A queued attempt of the incarnation that ends is taken out and answered under its name."""
    turn = await queued(stage, task(1))
    last = next_turn(turn, pin=UNPINNED, continuation=Continuation(b"[2]"), stop_tasks=[1])
    assert await stage.commit(last) == [COMMITTED]
    assert await stage.store.activities.claim_tasks(stage.node, "gpu", ["a"], 5) == []
    [message] = await stage.store.read_inbox(stage.node, [turn.run_id])
    assert (message.kind, message.name) == (RESULT, attempt_name(1, 1, 1))


async def test_a_forced_end_tells_parent_and_children(stage: Stage) -> None:
    """The parent hears a child's end; children hear a cancel unless they were to be abandoned."""
    parent = await stage.created()
    turn = next_turn(parent)
    turn.children = [child_of(turn)]
    await stage.commit(turn)
    [middle] = await stage.claim()
    more = Turn(middle.run_id, middle.token, middle.next_seq, 1, list(parent.entries))
    more.children = [child_of(more), child_of(more, "abandon")]
    assert await stage.commit(more) == [COMMITTED]
    outcome = await stage.store.force_cancel(middle.run_id, "now", None)
    stopped = more.children[0].run_id
    assert set(outcome.touched) == {parent.run_id, stopped}
    assert [kind for kind, _ in await mail(stage, parent)] == ["child_result"]
    claimed = {run.run_id: [m.kind for m in run.inbox] for run in await stage.claim()}
    assert claimed == {stopped: ["cancel"], more.children[1].run_id: []}
    assert await stage.state(middle.run_id) is RunState.CANCELLED
