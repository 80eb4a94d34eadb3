"""Adopting runs, and reading journals for it, in every store."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from continuum.errors import PatchNameReused
from continuum.journal.turn import RunState, Turn, VersionPin
from continuum.store.adopting import Adoption, AdoptionStatus
from continuum.store.journals import RunJournal
from continuum.store.protocol import Release
from continuum.system import new_run_id
from continuum.versions.facts import CodeFacts, CodePlace
from tests.conformance.stage import BUILD, OTHER_PIN, Stage, parked
from tests.postgres.scene import PIN


async def given_back(stage: Stage, *, blocked: str | None = None) -> Turn:
    """A parked run that nobody owns."""
    created = await stage.created()
    turn = parked(created, created.next_seq + len(created.entries), waiting_on="signal go")
    await stage.store.release(stage.node, [Release(turn, blocked_build=blocked)])
    return created


async def journal_of(stage: Stage, run_id: UUID) -> RunJournal:
    """As a replay reads it."""
    [found] = [each async for each in stage.journals.journals([run_id])]
    return found


def adoption(journal: RunJournal, pin: VersionPin = OTHER_PIN) -> Adoption:
    """Of a run as it was read."""
    return Adoption(
        journal.run_id, journal.incarnation, journal.next_seq, journal.pin, pin,
        released=journal.blocked_build is not None,
    )  # fmt: skip


async def test_a_parked_run_gets_version_event_and_token(stage: Stage) -> None:
    """It stays parked: only workers with the other version find it when it is woken."""
    turn = await given_back(stage)
    journal = await journal_of(stage, turn.run_id)
    assert (journal.owned, journal.pin, len(journal.events)) == (False, PIN, 2)
    wanted = adoption(journal)
    facts = {OTHER_PIN.version_id: CodeFacts(["p"])}
    assert await stage.store.adopt([wanted], facts) == {turn.run_id: AdoptionStatus.ADOPTED}
    assert await stage.store.adopt([wanted], facts) == {turn.run_id: AdoptionStatus.MOVED_ON}
    run = await stage.run(turn.run_id)
    assert (run.version_hash, run.state, run.waiting_on) == (
        OTHER_PIN.version_hash, RunState.SUSPENDED, "signal go",
    )  # fmt: skip
    assert (await stage.journal(turn.run_id))[-1] == (3, "run_adopted")
    assert await stage.store.taken_patches([OTHER_PIN.workflow]) == [
        (OTHER_PIN.workflow, frozenset({"p"}))
    ]
    other = [OTHER_PIN.version_id]
    assert await stage.claim(versions=other) == []
    await stage.post(turn.run_id)
    assert await stage.claim() == []
    [claimed] = await stage.claim(versions=other)
    assert (claimed.run_id, claimed.next_seq, claimed.token > turn.token) == (turn.run_id, 4, True)
    assert [event.seq for event in claimed.events] == [1, 2, 3]


async def test_a_blocked_run_becomes_ready(stage: Stage) -> None:
    """Also for the build that could not go on with it before."""
    turn = await given_back(stage, blocked=BUILD)
    assert await stage.claim() == []
    journal = await journal_of(stage, turn.run_id)
    assert journal.blocked_build == BUILD
    await stage.store.adopt([adoption(journal, PIN)], {})
    run = await stage.run(turn.run_id)
    assert (run.state, run.waiting_on) == (RunState.RUNNING, None)
    [claimed] = await stage.claim()
    assert (claimed.run_id, claimed.blocked_build) == (turn.run_id, None)


async def test_what_is_owned_or_gone_is_not_touched(stage: Stage) -> None:
    """Nothing is written for them; their neighbours in the batch are adopted."""
    owned, free = await stage.created(), await given_back(stage)
    journals = [await journal_of(stage, turn.run_id) for turn in (owned, free)]
    assert [journal.owned for journal in journals] == [True, False]
    nobody = Adoption(new_run_id(), 1, 1, PIN, OTHER_PIN, released=False)
    statuses = await stage.store.adopt([*map(adoption, journals), nobody], {})
    assert statuses == {
        owned.run_id: AdoptionStatus.OWNED, free.run_id: AdoptionStatus.ADOPTED,
        nobody.run_id: AdoptionStatus.ENDED,
    }  # fmt: skip
    assert (await stage.run(owned.run_id)).version_hash == PIN.version_hash
    assert len(await stage.journal(owned.run_id)) == 2


async def test_live_runs_are_walked_by_id(stage: Stage) -> None:
    """Page by page, each once, with version and length; ended ones are not among them."""
    ids = sorted([(await stage.created()).run_id for _ in range(5)])
    assert await stage.store.force_cancel(ids.pop(2), None, None)
    seen: list[UUID] = []
    while page := await stage.journals.live_runs(seen[-1] if seen else None, 2):
        seen += [run.run_id for run in page]
        assert {(run.version_id, run.events) for run in page} == {(PIN.version_id, 2)}
    assert seen == ids
    among = await stage.journals.live_among([ids[0], uuid4()])
    assert [run.run_id for run in among] == ids[:1]


async def test_journals_hold_the_events_of_their_incarnation(stage: Stage) -> None:
    """Runs without events are among them; each journal is whole and in order."""
    begun = [(await stage.created()).run_id for _ in range(3)]
    fresh = [await stage.started() for _ in range(2)]
    ids = [fresh[0], *begun, fresh[1]]
    found = {each.run_id: each async for each in stage.journals.journals(ids)}
    assert set(found) == set(ids)
    for run_id, journal in found.items():
        seqs = [] if run_id in fresh else [1, 2]
        assert [(e.run_id, e.seq) for e in journal.events] == [(run_id, seq) for seq in seqs]
        assert journal.pin.version_hash == ("" if run_id in fresh else PIN.version_hash)


async def test_the_registry_tells_where_versions_came_from(stage: Stage) -> None:
    """Source and patches of every version that a worker has had."""
    await stage.register()
    [known] = await stage.journals.registered()
    assert (known.pin, known.source, known.taken) == (PIN, "shop.py:1", frozenset())


async def test_a_patch_that_adopted_runs_took_is_spent_in_their_new_version(stage: Stage) -> None:
    """Code that goes on with them must not use its name again, though it never had the patch."""
    name, known = OTHER_PIN.workflow, CodeFacts(["p"], also={"p"})
    await stage.register()
    turn = await given_back(stage)
    await stage.store.register_versions(stage.node, [PIN], {}, {PIN.version_id: known})
    wanted = adoption(await journal_of(stage, turn.run_id))
    assert await stage.store.adopt([wanted], {}) == {turn.run_id: AdoptionStatus.ADOPTED}
    assert set(await stage.store.taken_patches([name])) == {(name, frozenset({"p"}))}
    reused = CodeFacts(
        source="flow.py:9", forms={"p": "g"}, patch_sites=[CodePlace("p", "flow.py", 9)]
    )
    with pytest.raises(PatchNameReused, match=r"flow\.py:9: patch 'p'"):
        await stage.store.register_versions(
            stage.node, [OTHER_PIN], {}, {OTHER_PIN.version_id: reused}
        )
