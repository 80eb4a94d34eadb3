"""`OwnershipStore`: claims by version, drift, takeovers, mail, nodes."""

from __future__ import annotations

from uuid import uuid4

from continuum.journal.turn import NewRun, RunState, TurnStatus, VersionPin
from continuum.store.opening import UNREADABLE
from continuum.store.protocol import NewMessage, Release
from continuum.system import new_run_id
from tests.conformance.stage import LONG_AGO, OTHER_PIN, Stage, open_stage, parked
from tests.postgres.scene import BUILD, LOADED, PIN, next_turn

COMMITTED, FENCED = TurnStatus.COMMITTED, TurnStatus.FENCED


async def test_a_claimed_run_comes_with_everything_needed(stage: Stage) -> None:
    """Identity, journal and unread mail arrive with the claim; nobody else can claim it."""
    first = await stage.created()
    await stage.post(first.run_id, "one")
    await stage.post(first.run_id, "", "cancel")
    await stage.store.free_unknown(stage.node, ())
    node = uuid4()
    [run] = await stage.claim(node=node)
    assert (run.run_id, run.namespace, run.workflow) == (first.run_id, "default", PIN.workflow)
    assert (run.pin, run.next_seq, run.incarnation, run.input) == (PIN, 3, 1, b"[1]")
    assert run.cancel_requested
    assert [event.seq for event in run.events] == [1, 2]
    assert [(m.kind, m.name) for m in run.inbox] == [("signal", "one"), ("cancel", "")]
    assert await stage.claim() == []
    assert (await stage.run(first.run_id)).owner == str(node)


async def test_claims_stop_at_the_limit_and_skip_parked_runs(stage: Stage) -> None:
    """Only free runs with something to do come, at most as many as asked for."""
    wanted = {await stage.started() for _ in range(5)}
    assert await stage.claim(0) == []
    some = await stage.claim(3)
    assert len(some) == 3
    rest = await stage.claim(3)
    assert {run.run_id for run in [*some, *rest]} == wanted
    releases = [Release(parked(run)) for run in rest]
    await stage.store.release(stage.node, releases)
    assert await stage.claim() == []
    await stage.post(rest[0].run_id)
    assert [run.run_id for run in await stage.claim()] == [rest[0].run_id]


async def test_runs_are_claimed_when_their_time_has_come(stage: Stage) -> None:
    """A free run with a wake-up in the past is claimed, one in the future is not."""
    due, later = await stage.created(), await stage.created()
    await stage.store.release(
        stage.node,
        [
            Release(parked(due, 3, wake_at=await stage.past())),
            Release(parked(later, 3, wake_at=await stage.future())),
        ],
    )
    assert [run.run_id for run in await stage.claim()] == [due.run_id]


async def test_claims_filter_by_version(stage: Stage) -> None:
    """A node is offered only runs of workflows and versions that it has loaded."""
    unpinned = await stage.started()
    await stage.started(workflow="other:flow")
    pinned = await stage.created()
    await stage.store.free_unknown(stage.node, ())
    assert await stage.claim(versions=[]) == []
    assert await stage.claim(versions=[OTHER_PIN.version_id]) == []
    unpinned_id = VersionPin(PIN.workflow).version_id
    assert [r.run_id for r in await stage.claim(versions=[unpinned_id])] == [unpinned]
    assert [r.run_id for r in await stage.claim(versions=[PIN.version_id])] == [pinned.run_id]


async def test_a_drifted_run_waits_for_another_build(stage: Stage) -> None:
    """The build that drifted does not get it again, mail or not; another one does."""
    await stage.started()
    [run] = await stage.claim()
    release = Release(parked(run, waiting_on="blocked"), ready=True, blocked_build=BUILD)
    assert (await stage.store.release(stage.node, [release])).statuses == {run.run_id: COMMITTED}
    await stage.post(run.run_id)
    assert await stage.claim() == []
    assert not (await stage.store.attend(stage.node, LOADED, BUILD)).claimable
    for build in ("a-build", "z-build"):
        assert (await stage.store.attend(stage.node, LOADED, build)).claimable
    [again] = await stage.claim(build="z-build")
    assert again.blocked_build == BUILD
    assert await stage.commit(parked(again)) == [COMMITTED]
    await stage.store.free_unknown(stage.node, ())
    await stage.post(run.run_id)
    assert [r.run_id for r in await stage.claim()] == [run.run_id]


async def test_a_run_that_rests_is_not_hurried_by_its_mail(stage: Stage) -> None:
    """Blocked and not ready, it waits for its time with the mail that nobody could deliver."""
    run_id = await stage.started()
    [run] = await stage.claim()
    await stage.post(run_id)
    resting = parked(run, wake_at=await stage.future())
    release = Release(resting, ready=False, blocked_build=BUILD)
    await stage.store.release(stage.node, [release])
    assert await stage.claim(build="z-build") == []
    await stage.post(run_id)
    assert [r.run_id for r in await stage.claim(build="z-build")] == [run_id]


async def test_release_is_fenced_and_changes_the_token(stage: Stage) -> None:
    """Giving back appends its entries under the fence; the old token writes nothing after."""
    first = await stage.created()
    turn = next_turn(first)
    result = await stage.store.release(stage.node, [Release(turn, ready=True)])
    assert result.statuses == {first.run_id: COMMITTED}
    assert len(await stage.journal(first.run_id)) == 3
    assert await stage.commit(next_turn(turn)) == [FENCED]
    again = await stage.store.release(stage.node, [Release(next_turn(turn), ready=True)])
    assert again.statuses == {first.run_id: FENCED}
    [run] = await stage.claim()
    assert (run.next_seq, run.token != first.token) == (4, True)


async def test_release_sees_mail_posted_before_it(stage: Stage) -> None:
    """A parked run given back with an unread message is claimable at once."""
    first = await stage.created()
    await stage.post(first.run_id)
    await stage.store.release(stage.node, [Release(parked(first, 3))])
    assert [r.run_id for r in await stage.claim()] == [first.run_id]


async def test_mail_is_read_by_the_owner_in_order(stage: Stage) -> None:
    """Messages of owned runs in order of arrival; of others none."""
    first, second = await stage.created(), await stage.created()
    for name in ("a", "b", "c"):
        await stage.post(first.run_id, name)
        await stage.post(second.run_id, name)
    ids = [first.run_id, second.run_id, uuid4()]
    mail = await stage.store.read_inbox(stage.node, ids)
    assert [m.id for m in mail] == sorted(m.id for m in mail)
    assert [m.name for m in mail if m.run_id == first.run_id] == ["a", "b", "c"]
    assert await stage.store.read_inbox(uuid4(), ids) == []


async def test_the_poll_finds_what_hints_should_have_said(stage: Stage) -> None:
    """Own unread and overdue runs, and whether anything can be claimed."""
    quiet = await stage.store.attend(stage.node, LOADED, BUILD)
    assert (quiet.claimable, list(quiet.unread), list(quiet.overdue)) == (False, [], [])
    unread, overdue, later = [await stage.created() for _ in range(3)]
    await stage.commit(
        parked(unread, 3),
        parked(overdue, 3, wake_at=await stage.past()),
        parked(later, 3, wake_at=await stage.future()),
    )
    await stage.post(unread.run_id)
    await stage.started()
    found = await stage.store.attend(stage.node, LOADED, BUILD)
    assert found.claimable
    assert list(found.unread) == [unread.run_id]
    assert list(found.overdue) == [overdue.run_id]
    other = await stage.store.attend(uuid4(), LOADED, BUILD)
    assert (list(other.unread), list(other.overdue)) == ([], [])


async def test_unknown_leases_are_freed(stage: Stage) -> None:
    """After a lost answer to a claim, what the node does not know goes back, the rest stays."""
    kept, lost = await stage.created(), await stage.created()
    assert await stage.store.free_unknown(stage.node, [kept.run_id]) == 1
    assert [r.run_id for r in await stage.claim(node=uuid4())] == [lost.run_id]
    assert await stage.commit(next_turn(kept)) == [COMMITTED]
    assert await stage.commit(next_turn(lost)) == [FENCED]


async def test_a_dead_nodes_runs_are_freed_and_fenced(stage: Stage) -> None:
    """An expired node is declared dead once; working runs become ready, parked ones wait."""
    await stage.register(ttl=LONG_AGO)
    survivor = await stage.register(uuid4())
    working, waiting = await stage.created(), await stage.created()
    await stage.commit(parked(waiting, 3))
    assert await stage.store.free_dead(100) == 0
    assert await stage.store.declare_dead(()) == [stage.node]
    assert await stage.store.declare_dead(()) == []
    assert await stage.store.free_dead(1) == 1
    assert await stage.store.free_dead(100) == 1
    [taken] = await stage.claim(node=survivor)
    assert (taken.run_id, taken.takeovers) == (working.run_id, 1)
    assert await stage.commit(next_turn(working)) == [FENCED]
    await stage.post(waiting.run_id)
    [woken] = await stage.claim(node=survivor)
    assert (woken.run_id, woken.takeovers) == (waiting.run_id, 0)
    dead, alive = sorted(await stage.store.nodes(), key=lambda node: node.alive)
    assert (dead.id, dead.alive, alive.id, alive.owned_runs) == (stage.node, False, survivor, 2)


async def test_rule_8_a_node_that_was_declared_dead_claims_nothing_more(stage: Stage) -> None:
    """It may not have heard of it, and would run again what others are about to."""
    doomed = await stage.register(uuid4(), ttl=LONG_AGO)
    free, suspect = await stage.started(), await stage.started()
    for _ in range(2):
        taken = {run.run_id for run in await stage.claim(node=doomed)}
        assert suspect in taken
        if free in taken:
            await stage.store.free_unknown(doomed, [suspect])
        await stage.store.declare_dead(())
        await stage.store.free_dead(10)
        doomed = await stage.register(uuid4(), ttl=LONG_AGO)
    assert await stage.store.declare_dead(()) == [doomed]
    assert await stage.claim(node=doomed) == []
    assert await stage.store.claim_suspect(doomed, LOADED, BUILD) == []
    assert [run.run_id for run in await stage.claim()] == [free]
    assert [run.run_id for run in await stage.claim_suspect()] == [suspect]


async def test_a_lease_of_a_node_without_a_row_is_free(stage: Stage) -> None:
    """A node that was never registered, or is gone, owns nothing."""
    first = await stage.created()
    assert await stage.store.free_dead(10) == 1
    assert [r.run_id for r in await stage.claim()] == [first.run_id]


async def test_a_run_that_loses_its_owners_is_isolated_then_quarantined(stage: Stage) -> None:
    """From the second takeover without a commit it comes alone, from the fourth not at all."""
    poison = await stage.started()
    for takeovers in range(4):
        suspect = takeovers >= 2
        found = await stage.store.attend(stage.node, LOADED, BUILD)
        assert (found.claimable, found.suspect) == (not suspect, suspect)
        if suspect:
            neighbours = {await stage.started(), await stage.started()}
            others = await stage.claim()
            assert {run.run_id for run in others} == neighbours
            await stage.store.release(stage.node, [Release(parked(run)) for run in others])
            alone = await stage.claim_suspect()
        else:
            assert await stage.claim_suspect() == []
            alone = await stage.claim()
        assert [(run.run_id, run.takeovers) for run in alone] == [(poison, takeovers)]
        assert await stage.store.free_dead(10) == 1
    assert await stage.claim() == await stage.claim_suspect() == []
    found = await stage.store.attend(stage.node, LOADED, BUILD)
    assert not found.claimable
    assert not found.suspect


async def test_suspects_come_one_at_a_time(stage: Stage) -> None:
    """However many there are, and not those that this build could not go on with."""
    runs = {await stage.started() for _ in range(3)}
    for _ in range(2):
        await stage.claim()
        assert await stage.store.free_dead(10) == 3
    [first] = await stage.claim_suspect()
    [second] = await stage.claim_suspect()
    blocked = Release(parked(second), ready=True, blocked_build=BUILD)
    await stage.store.release(stage.node, [blocked])
    assert await stage.store.free_dead(10) == 1
    [third] = await stage.claim_suspect()
    [again] = await stage.claim_suspect()
    assert {again.run_id, third.run_id} == runs - {second.run_id}
    assert first.run_id in runs
    assert await stage.claim_suspect() == []


async def test_a_committed_turn_forgives_takeovers(stage: Stage) -> None:
    """Progress means that the run was not the culprit."""
    await stage.started()
    for claim in (stage.claim, stage.claim, stage.claim_suspect):
        [run] = await claim()
        await stage.store.free_dead(10)
    [run] = await stage.claim_suspect()
    assert run.takeovers == 3
    await stage.commit(parked(run, pin=PIN, parked=False, state=RunState.RUNNING))
    await stage.store.free_dead(10)
    [run] = await stage.claim()
    assert run.takeovers == 1


async def test_nodes_come_and_go(stage: Stage) -> None:
    """Registering shows a node with its workflows; leaving removes it and frees its runs."""
    await stage.register()
    first = await stage.created()
    await stage.store.set_draining(stage.node)
    [info] = await stage.store.nodes()
    assert (info.id, info.host, info.build, info.capacity) == (stage.node, "host", BUILD, 10)
    assert (info.workflows, info.owned_runs) == ((PIN.workflow,), 1)
    assert (info.alive, info.draining, info.dead_at) == (True, True, None)
    assert await stage.store.suspects(uuid4()) == set()
    await stage.store.forget_node(stage.node)
    assert await stage.store.nodes() == []
    assert [r.run_id for r in await stage.claim(node=uuid4())] == [first.run_id]


class _Halved:
    """A codec that somebody else's payloads do not pass."""

    def seal(self, data: bytes) -> bytes:
        return data

    def open(self, data: bytes) -> bytes:
        if b"sealed" in data:
            raise KeyError("no such key")
        return data


async def test_what_cannot_be_opened_is_named_and_the_rest_comes(place: str | None) -> None:
    """A claim and a read of mail answer everything else; such a run is no build's, and rests."""
    async with open_stage(place, _Halved()) as stage:
        sick, well = await stage.created(), await stage.created()
        await stage.store.post([NewMessage(sick.run_id, "signal", "go", b'"sealed"')])
        await stage.post(well.run_id, "go")
        mail = await stage.store.read_inbox(stage.node, [sick.run_id, well.run_id])
        assert {(m.run_id, m.kind) for m in mail} == {
            (sick.run_id, UNREADABLE), (well.run_id, "signal")
        }  # fmt: skip
        [name] = [m.name for m in mail if m.kind == UNREADABLE]
        assert name == "signal 'go' in its inbox (KeyError: 'no such key')"
        release = Release(parked(sick, 3, wake_at=await stage.past()), blocked_build=UNREADABLE)
        await stage.store.release(stage.node, [release])
        [again] = await stage.claim()
        assert (again.run_id, again.blocked_build) == (sick.run_id, UNREADABLE)
        assert [m.kind for m in again.inbox] == [UNREADABLE]


async def test_a_run_whose_input_cannot_be_opened_says_so(place: str | None) -> None:
    """It comes with its neighbours."""
    async with open_stage(place, _Halved()) as stage:
        well, sick = await stage.started(), new_run_id()
        run = NewRun(sick, "default", PIN.workflow, b'"sealed"')
        assert await stage.store.insert_runs([run]) == [None]
        found = {run.run_id: run.unreadable for run in await stage.claim()}
        assert found == {sick: "its input (KeyError: 'no such key')", well: None}


async def test_a_takeover_is_logged_with_who_lost_and_who_took_which_runs(stage: Stage) -> None:
    """Once for each claim, of runs that were worked on and of parked ones; a hand-over is none."""
    working, waiting, given = [await stage.created() for _ in range(3)]
    await stage.store.release(stage.node, [Release(next_turn(given), ready=True)])
    await stage.store.commit_turns(stage.node, [next_turn(waiting, parked=True)])
    assert await stage.store.free_dead(10) == 2
    assert await stage.health.takeovers() == []
    await stage.post(waiting.run_id)
    heir = uuid4()
    assert len(await stage.claim(node=heir)) == 3
    [logged] = await stage.health.takeovers()
    assert (logged.from_node, logged.by_node, logged.runs) == (stage.node, heir, 2)
    assert set(logged.sample) == {working.run_id, waiting.run_id}
    assert logged.first_at == logged.last_at
    assert await stage.store.free_dead(10) == 3
    other = uuid4()
    assert len(await stage.claim(1, node=other)) == 1
    assert len(await stage.claim(5, node=other)) == 1  # the one that lost two owners is suspect
    [again, first] = await stage.health.takeovers()
    assert (again.from_node, again.by_node, again.runs) == (heir, other, 2)
    assert again.first_at <= again.last_at
    assert first == logged
