"""`ClientStore`: starts, messages, delivery ids, namespaces, force."""

from __future__ import annotations

from uuid import uuid4

from msgspec.structs import replace

from continuum.journal.trace import CONTEXT, decode_context
from continuum.journal.turn import NewRun, RunState, TurnStatus
from continuum.store.protocol import NewMessage
from continuum.system import new_run_id
from tests.conformance.stage import Stage, parked
from tests.postgres.scene import PIN, last_turn, next_turn


def new(**changes: object) -> NewRun:
    return replace(NewRun(new_run_id(), "default", PIN.workflow, b"[1]"), **changes)  # type: ignore[arg-type]


async def test_a_started_run_is_live_and_unpinned(stage: Stage) -> None:
    """Before any worker saw it: running, no version, no journal, attributes as given."""
    run_id = await stage.started(attributes={"plan": "pro", "n": [1, None]})
    run = await stage.run(run_id)
    assert (run.state, run.version, run.version_hash) == (RunState.RUNNING, 0, "")
    assert (run.attributes, run.input, run.output) == ({"plan": "pro", "n": [1, None]}, [1], None)
    assert (run.owner, run.completed_at, run.incarnation) == (None, None, 1)
    assert await stage.journal(run_id) == []


async def test_starts_with_a_known_id_or_key_answer_the_run_that_exists(stage: Stage) -> None:
    """Per place of the batch: inserted, or what is there already, with its input."""
    first = new(idempotency_key="k", attributes={"a": 1})
    assert await stage.store.insert_runs([first]) == [None]
    same_id = replace(first, input=b"[2]", idempotency_key=None)
    same_key = new(idempotency_key="k", input=b"[3]")
    fresh = new()
    assert await stage.store.insert_runs([same_id, fresh, same_key]) == [first, None, first]
    assert await stage.reads.get_run(same_key.run_id, None) is None
    assert len(await stage.claim()) == 2


async def test_a_trace_context_comes_with_the_run(stage: Stage) -> None:
    """As its first message, written with it; a start that meets an earlier one brings none."""
    context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    traced, plain = new(trace=context, idempotency_key="k"), new()
    assert await stage.store.insert_runs([traced, plain]) == [None, None]
    again = new(trace=context.replace("b7", "00"), idempotency_key="k")
    [existing] = await stage.store.insert_runs([again])
    assert existing is not None
    claimed = {run.run_id: run.inbox for run in await stage.claim()}
    [message] = claimed[traced.run_id]
    assert (message.kind, decode_context(message.value)) == (CONTEXT, context)
    assert claimed[plain.run_id] == []


async def test_one_batch_may_hold_the_same_start_twice(stage: Stage) -> None:
    """Two callers with one key at the same moment make one run."""
    one, two = new(idempotency_key="k"), new(idempotency_key="k")
    answers = await stage.store.insert_runs([one, two])
    assert answers == [None, one]
    assert len(await stage.claim()) == 1


async def test_idempotency_keys_are_per_namespace_and_workflow(stage: Stage) -> None:
    """The same key elsewhere is another start."""
    runs = [
        new(idempotency_key="k"),
        new(idempotency_key="k", namespace="billing"),
        new(idempotency_key="k", workflow="other:flow"),
        new(),
        new(),
    ]
    assert await stage.store.insert_runs(runs) == [None] * 5


async def test_messages_reach_live_runs_only(stage: Stage) -> None:
    """Posted to a live run; the state alone for an ended one; nothing for an unknown one."""
    live, ended = await stage.created(), await stage.created()
    await stage.commit(last_turn(ended))
    [posted, refused, unknown] = await stage.store.post(
        [NewMessage(run_id, "signal", "go", b'"x"') for run_id in (live.run_id, ended.run_id)]
        + [NewMessage(uuid4(), "signal", "go", b"1")]
    )
    assert posted.state is RunState.RUNNING
    assert posted.posted is not None
    assert (posted.posted.name, posted.posted.value) == ("go", b'"x"')
    assert (refused.state, refused.posted) == (RunState.COMPLETED, None)
    assert not refused.duplicate
    assert (unknown.state, unknown.posted) == (None, None)


async def test_a_message_wakes_a_free_run_and_leaves_an_owned_one(stage: Stage) -> None:
    """Mail makes a free run claimable; an owned run keeps its owner and token."""
    owned = await stage.created()
    assert (await stage.post(owned.run_id)).posted is not None
    assert await stage.claim(node=uuid4()) == []
    assert await stage.commit(next_turn(owned)) == [TurnStatus.COMMITTED]


async def test_a_delivery_id_counts_once_for_ever(stage: Stage) -> None:
    """Repeated in a batch, later, and after the message was consumed: one message."""
    run = await stage.created()
    message = NewMessage(run.run_id, "signal", "go", b"1", delivery_id="d")
    first, again = await stage.store.post([message, message])
    assert first.posted is not None
    assert (again.posted, again.duplicate, again.state) == (None, True, RunState.RUNNING)
    await stage.commit(next_turn(run, consumed=[first.posted.id]))
    late = await stage.post(run.run_id, delivery_id="d")
    assert (late.posted, late.duplicate) == (None, True)
    assert (await stage.post(run.run_id, "other", delivery_id="d")).posted is not None
    assert (await stage.post(run.run_id, delivery_id="e")).posted is not None
    names = [m.name for m in await stage.store.read_inbox(stage.node, [run.run_id])]
    assert names == ["other", "go"]


async def test_a_wrong_namespace_reveals_nothing(stage: Stage) -> None:
    """Messages, force and reads for another namespace answer as if the run did not exist."""
    run_id = await stage.started(namespace="billing")
    assert (await stage.post(run_id, namespace="default")).state is None
    assert (await stage.post(run_id, namespace="billing")).posted is not None
    assert (await stage.store.force_cancel(run_id, None, "default")).state is None
    assert await stage.reads.get_run(run_id, "default") is None
    assert await stage.reads.ends([run_id], "default") == {}
    assert await stage.reads.history(run_id, "default", 0, 10) is None
    assert not await stage.reads.set_attributes(run_id, "default", {"a": 1}, ())
    assert await stage.state(run_id) is RunState.RUNNING
    assert (await stage.run(run_id)).attributes == {}


async def test_force_ends_a_run_whoever_owns_it(stage: Stage) -> None:
    """Terminal at once, one last event, the owner fenced, mail gone; a second time is too late."""
    run = await stage.created()
    await stage.post(run.run_id)
    outcome = await stage.store.force_cancel(run.run_id, "no more", "default")
    assert (outcome.state, outcome.posted) == (RunState.RUNNING, None)
    ended = await stage.run(run.run_id)
    assert ended.state is RunState.CANCELLED
    assert ended.error is not None
    assert (ended.error.type, ended.error.message) == ("cancelled", "no more")
    assert [kind for _, kind in await stage.journal(run.run_id)][-1] == "run_cancelled"
    assert await stage.commit(next_turn(run)) == [TurnStatus.FENCED]
    assert await stage.store.read_inbox(stage.node, [run.run_id]) == []
    again = await stage.store.force_cancel(run.run_id, "again", None)
    assert again.state is RunState.CANCELLED
    assert len(await stage.journal(run.run_id)) == 3
    assert (await stage.store.force_cancel(uuid4(), None, None)).state is None


async def test_force_ends_a_run_that_never_ran(stage: Stage) -> None:
    """No worker has to exist for it."""
    run_id = await stage.started()
    assert (await stage.store.force_cancel(run_id, None, None)).state is RunState.RUNNING
    assert await stage.state(run_id) is RunState.CANCELLED
    assert await stage.journal(run_id) == [(1, "run_cancelled")]
    assert await stage.claim() == []


async def test_a_cancel_request_is_seen_by_the_next_owner(stage: Stage) -> None:
    """Posting a cancel wakes a free run, is part of its claim, and says since when."""
    run_id = await stage.started()
    [run] = await stage.claim()
    assert not run.cancel_requested
    await stage.commit(parked(run, pin=PIN))
    await stage.store.free_unknown(stage.node, ())
    assert (await stage.run(run_id)).cancelling_since is None
    await stage.post(run_id, "", "cancel")
    asked = (await stage.run(run_id)).cancelling_since
    assert asked is not None
    await stage.post(run_id, "", "cancel")
    [again] = await stage.claim()
    assert again.cancel_requested
    assert (await stage.run(run_id)).cancelling_since == asked
    assert [message.kind for message in again.inbox] == ["cancel", "cancel"]
