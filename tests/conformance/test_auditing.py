"""What the audit reads, on every store."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from continuum.journal.turn import VersionPin
from continuum.model import RunState
from continuum.store.auditing import AuditFacts, LiveGroup, LoadingNode
from continuum.store.protocol import Release
from continuum.versions.facts import CodeFacts, CodePlace
from tests.conformance.stage import Stage, parked
from tests.postgres.scene import BUILD, PIN, last_turn

UNPINNED = VersionPin(PIN.workflow)


def group(facts: AuditFacts, version_id: int) -> list[LiveGroup]:
    """The groups of one version."""
    return [each for each in facts.groups if each.version_id == version_id]


def node(facts: AuditFacts) -> LoadingNode:
    """The one node."""
    [found] = facts.nodes
    return found


async def test_the_live_set_is_counted_by_version_and_owner(stage: Stage) -> None:
    """Free and owned runs, drifted and quarantined ones; a run that ended counts no more."""
    await stage.register()
    owned, drifted, ended = [await stage.created() for _ in range(3)]
    await stage.started()
    await stage.commit(last_turn(ended))
    await stage.store.release(stage.node, [Release(parked(drifted, 3), blocked_build=BUILD)])
    facts = await stage.audits.facts()
    mine, free = sorted(group(facts, PIN.version_id), key=lambda each: each.owner is None)
    assert mine == LiveGroup(PIN.version_id, stage.node, 1, 0, 0)
    assert free == LiveGroup(PIN.version_id, None, 1, 1, 0)
    assert group(facts, UNPINNED.version_id) == [LiveGroup(UNPINNED.version_id, None, 1, 0, 0)]
    assert owned.run_id != drifted.run_id


async def test_a_run_that_took_four_owners_down_is_quarantined(stage: Stage) -> None:
    """It counts as such once nobody claims it any more."""
    await stage.created()
    for takeovers in range(1, 5):
        facts = await stage.audits.facts()
        assert sum(each.quarantined for each in facts.groups) == 0
        assert await stage.store.free_dead(10) == 1  # the owner has no node row
        owner = uuid4()
        stage.node = owner
        if takeovers < 2:
            assert len(await stage.claim(node=owner)) == 1
        elif takeovers < 4:
            assert len(await stage.claim_suspect()) == 1
    facts = await stage.audits.facts()
    assert sum(each.quarantined for each in facts.groups) == 1
    [outlook] = await stage.audits.outlooks([PIN.version_id], 10, 10)
    assert (outlook.runs, outlook.endless) == (1, 1)


async def test_the_registry_tells_what_was_registered(stage: Stage) -> None:
    """Label, source, patches, places; what any code said about patches taken is kept."""
    site, opaque = CodePlace("p", "shop.py", 4), CodePlace("a dict", "shop.py", 5)
    await stage.register()
    facts = {PIN.version_id: CodeFacts(["p"], [site], [opaque])}
    await stage.store.register_versions(stage.node, [PIN], {PIN.workflow: "shop.py:1"}, facts)
    seen = await stage.audits.facts()
    [known] = [each for each in seen.versions if each.version_id == PIN.version_id]
    assert (known.pin, known.source) == (PIN, "shop.py:1")
    assert (list(known.taken), list(known.patch_sites), list(known.opaque)) == (
        ["p"], [site], [opaque],
    )  # fmt: skip
    assert known.first_seen_at <= known.last_seen_at <= seen.now
    assert node(seen).version_ids == {PIN.version_id, UNPINNED.version_id}
    assert (node(seen).alive, node(seen).expired_for) == (True, 0.0)
    assert 59.9 < node(seen).ttl < 60.1


async def test_an_expired_node_says_for_how_long(stage: Stage) -> None:
    """Its age counts from the end of its last TTL."""
    await stage.register(ttl=-5.0)
    expired = node(await stage.audits.facts())
    assert not expired.alive
    assert 5.0 <= expired.expired_for < 65.0


async def test_examples_are_the_oldest_runs(stage: Stage) -> None:
    """Up to so many of each version, in order of their ids."""
    runs = sorted([(await stage.created()).run_id for _ in range(3)])
    fresh = await stage.started()
    found = await stage.audits.oldest_runs([PIN.version_id, UNPINNED.version_id], 2)
    assert sorted((run.version_id, run.run_id) for run in found) == sorted([
        (PIN.version_id, runs[0]), (PIN.version_id, runs[1]), (UNPINNED.version_id, fresh),
    ])  # fmt: skip
    assert await stage.audits.oldest_runs([], 2) == []
    snapshot = await stage.run(runs[0])
    [first] = [run for run in found if run.run_id == runs[0]]
    assert (first.started_at, first.pin, first.namespace) == (snapshot.started_at, PIN, "default")


async def test_what_may_never_end_by_itself(stage: Stage) -> None:
    """Signals without a deadline; not timers, activities, or work under way."""
    due = await stage.future()
    waits = {
        "signal go": None,
        "signal go until 2026-11-29T10:00:00Z": due,
        "timer until 2026-11-29T10:00:00Z": due,
        "activity shop:charge in queue gpu": None,
        "signal go, activity shop:charge in queue gpu": None,
        "nothing: no signal, question, timer, activity or child is pending": None,
    }
    working = await stage.created()
    for text, wake_at in waits.items():
        turn = parked(await stage.created(), waiting_on=text, wake_at=wake_at, next_seq=3)
        await stage.commit(turn)
    [outlook] = await stage.audits.outlooks([PIN.version_id, 77], 100, 10)
    assert (outlook.runs, outlook.endless, outlook.last_wake_at) == (7, 2, due)
    assert {run.waiting_on for run in outlook.examples} == {
        "signal go", "nothing: no signal, question, timer, activity or child is pending",
    }  # fmt: skip
    newest = max([(await stage.run(run.run_id)).started_at for run in outlook.examples])
    assert outlook.last_started_at is not None
    assert outlook.last_started_at >= newest
    [few] = await stage.audits.outlooks([PIN.version_id], 6, 1)
    assert (few.last_started_at, len(few.examples)) == (None, 1)
    assert (await stage.run(working.run_id)).state is RunState.RUNNING


async def test_parents_are_as_endless_as_the_children_they_wait_for(stage: Stage) -> None:
    """The chain is followed, and its last deadline counts for the parent; ended children do not."""
    due = await stage.future()
    endless, timed, ended = [await stage.created() for _ in range(3)]
    await stage.commit(parked(endless, waiting_on="signal go", next_seq=3))
    await stage.commit(parked(timed, waiting_on="timer until ...", wake_at=due, next_seq=3))
    await stage.commit(last_turn(ended))
    middle = await stage.created()
    await stage.commit(parked(middle, waiting_on=f"child {endless.run_id}", next_seq=3))
    other = VersionPin("parents", 1, "h", "r")
    for children in ([timed, middle], [timed], [ended]):
        waits = ", ".join(f"child {child.run_id}" for child in children)
        parent = await stage.created()
        await stage.commit(parked(parent, waiting_on=waits, next_seq=3, pin=other))
    [outlook] = await stage.audits.outlooks([other.version_id], 100, 10)
    assert (outlook.runs, outlook.endless, outlook.last_wake_at) == (3, 1, due)


async def test_past_runs_tell_how_long_a_workflow_takes(stage: Stage) -> None:
    """Completed runs only; a workflow without any has none."""
    for _ in range(3):
        await stage.commit(last_turn(await stage.created()))
    await stage.created()
    runs, none = await stage.audits.past_runs([PIN.workflow, "other"])
    assert (runs.workflow, runs.sample) == (PIN.workflow, 3)
    assert runs.p99 is not None
    assert (none.sample, none.p99) == (0, None)
    starts = await stage.audits.last_starts([PIN.workflow, "other"])
    assert starts.keys() == {PIN.version_id}
    assert await stage.now() - starts[PIN.version_id] < timedelta(days=3650)


async def test_only_unused_versions_are_deleted(stage: Stage) -> None:
    """What a live node has loaded or a live run has, stays, whoever asks for it."""
    await stage.register(uuid4(), ttl=-1.0)
    await stage.created()
    assert await stage.audits.delete_versions([PIN.version_id, UNPINNED.version_id, 7]) == [
        UNPINNED.version_id
    ]
    await stage.register(ttl=60.0)
    assert await stage.audits.delete_versions([UNPINNED.version_id]) == []
