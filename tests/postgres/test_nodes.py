"""Life and death of nodes (rules 8 and 23)."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from continuum.journal.turn import TurnStatus
from continuum.store.postgres.listen import PostgresListener
from continuum.store.postgres.liveness import PostgresLiveness
from continuum.store.postgres.nodes import lock_key
from continuum.store.postgres.pool import connect_blocking
from tests.postgres.scene import LOADED, PIN, SESSION_LOCKS, Scene, next_turn, started

pytestmark = pytest.mark.every_server

OLD_SERVER = 1.0
"""A TTL that the test server has been up for longer than."""


async def wait_server_older_than(scene: Scene, seconds: float) -> None:
    query = "SELECT clock_timestamp() - pg_postmaster_start_time()"
    while await scene.value(query) < timedelta(seconds=seconds):
        pass


async def register_with_locks(scene: Scene, *, locks: int, ttl: float = OLD_SERVER) -> tuple:
    """A node row and `locks` sessions that hold its lock; answers its id and the sessions."""
    await wait_server_older_than(scene, ttl)
    node = uuid4()
    holders = [await scene.connect() for _ in range(max(locks, 1))]
    for holder in holders:
        await holder.execute("SELECT pg_advisory_lock_shared(%s)", [lock_key(node)])
    await scene.register(node, ttl)
    return node, holders


async def test_rule_8_both_locks_must_be_gone(scene: Scene) -> None:
    """A node that lost one of its two session locks is no suspect; without both it is."""
    node, (first, second) = await register_with_locks(scene, locks=2)
    assert await scene.store.suspects(scene.node) == set()
    await first.close()
    assert await scene.store.suspects(scene.node) == set()
    await second.close()
    while node not in await scene.store.suspects(scene.node):
        pass
    assert await scene.store.suspects(node) == set()


async def test_rule_8_looking_takes_no_lock(scene: Scene) -> None:
    """The look reads pg_locks: a suspect can take its lock back at any time."""
    node, (holder,) = await register_with_locks(scene, locks=1)
    await holder.execute("SELECT pg_advisory_unlock_shared(%s)", [lock_key(node)])
    async with scene.pool.connection() as connection, connection.transaction():
        await scene.store.suspects(scene.node)
        taken = await scene.rows("SELECT pg_try_advisory_lock(%s)", lock_key(node))
    assert taken == [(True,)]


async def test_rule_8_a_lock_that_came_back_saves_the_node(scene: Scene) -> None:
    """Declaring dead looks once more: a node seen without locks that has one again lives."""
    node, (holder,) = await register_with_locks(scene, locks=1)
    await scene.observer.execute("UPDATE continuum_nodes SET expires_at = now() + interval '1 h'")
    await scene.observer.execute(
        "UPDATE continuum_nodes SET heartbeat_at = expires_at - interval '1 s'"
    )
    assert await scene.store.declare_dead([node]) == []
    await holder.execute("SELECT pg_advisory_unlock_shared(%s)", [lock_key(node)])
    assert await scene.store.declare_dead([]) == []
    assert await scene.store.declare_dead([node]) == [node]
    assert await scene.store.declare_dead([node]) == []


async def test_rule_8_young_server_judges_nobody(scene: Scene) -> None:
    """On a server younger than a TTL neither missing locks nor expiry count against a node."""
    node, (holder,) = await register_with_locks(scene, locks=1)
    await holder.execute("SELECT pg_advisory_unlock_shared(%s)", [lock_key(node)])
    await scene.observer.execute(
        "UPDATE continuum_nodes SET heartbeat_at = expires_at - interval '10 years'"
    )
    await scene.observer.execute(
        "UPDATE continuum_nodes SET expires_at = now() - interval '1 s', "
        "heartbeat_at = now() - interval '10 years'"
    )
    assert await scene.store.suspects(scene.node) == set()
    assert await scene.store.declare_dead([node]) == []


async def test_rule_8_heartbeat_in_flight_beats_the_sentence(scene: Scene) -> None:
    """Declaring an expired node dead waits for its heartbeat in flight, and then lets it live."""
    node = await scene.register(ttl=0.001)
    await wait_server_older_than(scene, 0.001)
    beating = await scene.connect()
    async with beating.transaction():
        await beating.execute(
            "UPDATE continuum_nodes SET heartbeat_at = clock_timestamp(), "
            "expires_at = clock_timestamp() + interval '30 s' WHERE id = %s AND dead_at IS NULL",
            [node],
        )
        call = started(scene.store.declare_dead([]))
        await scene.blocked(call)
    assert await call == []


async def test_rule_8_expired_node_is_declared_dead_once(scene: Scene) -> None:
    """Of two judges only one declares a node dead; both see that it is."""
    node = await scene.register(ttl=0.001)
    verdicts = await asyncio.gather(*(scene.store.declare_dead([]) for _ in range(3)))
    assert sorted(map(len, verdicts)) == [0, 0, 1]
    [info] = await scene.store.nodes()
    assert (info.id, info.alive) == (node, False)
    assert info.dead_at is not None


async def test_rule_8_freeing_changes_the_token_and_fences_the_old_owner(scene: Scene) -> None:
    """Runs of a dead or unknown owner become free, even parked ones, under a new token."""
    working, parked, mailed = [await scene.create_owned() for _ in range(3)]
    await scene.store.commit_turns(
        scene.node, [next_turn(turn, parked=True) for turn in (parked, mailed)]
    )
    await scene.signal(mailed.run_id)
    assert await scene.store.free_dead(1) == 1
    assert await scene.lease(working.run_id, "lease_owner IS NULL AND ready AND takeovers = 1")
    assert await scene.lease(working.run_id, "lease_token") != working.token
    assert await scene.store.free_dead(10) == 2
    assert await scene.lease(parked.run_id, "NOT ready AND takeovers = 0")
    assert await scene.lease(parked.run_id, "lease_token") != parked.token
    assert await scene.lease(mailed.run_id, "ready")
    late = await scene.store.commit_turns(
        scene.node, [next_turn(working), next_turn(next_turn(parked))]
    )
    assert set(late.statuses.values()) == {TurnStatus.FENCED}


async def test_rule_8_living_node_keeps_its_runs(scene: Scene) -> None:
    """Only dead and unknown owners lose their runs."""
    await scene.register()
    first = await scene.create_owned()
    assert await scene.store.free_dead(10) == 0
    await scene.observer.execute("UPDATE continuum_nodes SET dead_at = now()")
    assert await scene.store.free_dead(10) == 1
    assert await scene.lease(first.run_id, "lease_owner") is None


async def test_rule_1_mail_in_flight_to_a_dead_owner_wakes_the_freed_run(scene: Scene) -> None:
    """A parked run that is freed while mail for its dead owner is being posted ends up ready."""
    first = await scene.create_owned(parked=True)
    rival = await scene.connect()
    async with rival.transaction(force_rollback=True):
        await rival.execute(
            "INSERT INTO continuum_deliveries VALUES (%s, 'go', 'd1')", [first.run_id]
        )
        signal = started(scene.signal(first.run_id, delivery_id="d1"))
        await scene.blocked(signal)
        assert await scene.store.free_dead(10) == 0
    await signal
    assert await scene.store.free_dead(10) == 1
    assert await scene.lease(first.run_id, "ready")


async def test_free_unknown_spares_the_known_runs(scene: Scene) -> None:
    """Leases that a node owns without knowing are given back; no takeover is counted."""
    known, unknown = await scene.create_owned(), await scene.create_owned()
    assert await scene.store.free_unknown(scene.node, [known.run_id]) == 1
    assert await scene.lease(unknown.run_id, "lease_owner IS NULL AND ready AND takeovers = 0")
    assert await scene.lease(known.run_id, "lease_owner") == scene.node


async def test_a_node_joins_drains_and_leaves(scene: Scene) -> None:
    """The node row tells what it can run; leaving frees what it still owns."""
    await scene.register()
    first = await scene.create_owned()
    await scene.store.set_draining(scene.node)
    [info] = await scene.store.nodes()
    assert (info.draining, info.owned_runs, info.workflows) == (True, 1, (PIN.workflow,))
    versions = await scene.rows("SELECT version_id FROM continuum_node_versions ORDER BY 1")
    assert [version_id for (version_id,) in versions] == sorted(LOADED)
    await scene.store.forget_node(scene.node)
    assert await scene.store.nodes() == []
    assert await scene.lease(first.run_id, "lease_owner IS NULL AND ready")
    assert await scene.value("SELECT count(*) FROM continuum_workflow_versions") == 2


class Heart:
    """A running liveness and what it reported."""

    def __init__(self, scene: Scene, node: UUID, heartbeat: float = 0.01) -> None:
        self.beats: list[datetime] = []
        self.beat = threading.Event()
        self.lost = threading.Event()
        self.reconnected = threading.Event()
        self.liveness = PostgresLiveness(
            lambda: connect_blocking(scene.settings), node, 30.0, heartbeat,
            self.take, self.lost.set, self.reconnected.set,
        )  # fmt: skip

    def take(self, now: datetime) -> None:
        self.beats.append(now)
        self.beat.set()


async def test_rule_23_heartbeat_goes_on_while_the_event_loop_is_blocked(scene: Scene) -> None:
    """A step that blocks the loop does not stop the heartbeat."""
    heart = Heart(scene, scene.node)
    await heart.liveness.hold()
    await scene.register()
    heart.liveness.begin()
    for _ in range(3):  # each wait blocks the loop itself
        heart.beat.clear()
        assert heart.beat.wait(10)
    assert await scene.value("SELECT expires_at > now() + interval '20 s' FROM continuum_nodes")
    await heart.liveness.close()


async def test_rule_8_dead_epoch_is_never_revived(scene: Scene) -> None:
    """A heartbeat that finds its node declared dead changes nothing and says the epoch is lost."""
    heart = Heart(scene, scene.node, heartbeat=3600)
    await heart.liveness.hold()
    await scene.register()
    sentence = await scene.connect()
    async with sentence.transaction():
        await sentence.execute("UPDATE continuum_nodes SET dead_at = now(), expires_at = now()")
        heart.liveness.begin()
        while not await scene.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database()"
        ):
            assert not heart.beats
    assert await asyncio.to_thread(heart.lost.wait, 10)
    assert heart.beats == []
    assert await scene.value("SELECT expires_at <= dead_at FROM continuum_nodes")
    await heart.liveness.close()


async def test_heartbeat_survives_the_loss_of_its_connection(scene: Scene) -> None:
    """A killed heartbeat connection is noticed at once, opened again, locked and reported."""
    heart = Heart(scene, scene.node, heartbeat=3600)
    await heart.liveness.hold()
    await scene.register()
    heart.liveness.begin()
    assert await asyncio.to_thread(heart.beat.wait, 10)
    assert not heart.reconnected.is_set()
    heart.beat.clear()
    await scene.rows(f"SELECT pg_terminate_backend(pid) FROM {SESSION_LOCKS}")
    assert await asyncio.to_thread(heart.reconnected.wait, 10)
    assert await asyncio.to_thread(heart.beat.wait, 10)
    locks = f"SELECT count(*) FROM {SESSION_LOCKS}"
    assert await scene.value(locks) == 1
    assert not heart.lost.is_set()
    await heart.liveness.close()
    while await scene.value(locks):
        pass


async def test_abandon_gives_back_all_but_the_culprit(scene: Scene) -> None:
    """Before the process exits, every lease but the blocking run's is freed, from any thread."""
    culprit, other = await scene.create_owned(), await scene.create_owned()
    heart = Heart(scene, scene.node)
    await heart.liveness.hold()
    await asyncio.to_thread(heart.liveness.abandon, culprit.run_id)
    assert await scene.lease(other.run_id, "lease_owner IS NULL AND ready")
    assert await scene.lease(culprit.run_id, "lease_owner") == scene.node
    await heart.liveness.close()


async def test_rule_8_a_live_node_holds_two_locks(scene: Scene) -> None:
    """Listener and heartbeat each hold the node's lock, and closing both lets it go."""
    node = scene.node
    listener = PostgresListener(scene.connect, scene.connect, node, lambda _: None, lambda: None)
    heart = Heart(scene, node)
    await heart.liveness.hold()
    await listener.start()
    await scene.register()
    assert await scene.value("SELECT lock_key FROM continuum_nodes") == lock_key(node)
    locks = f"SELECT count(*) FROM {SESSION_LOCKS} AND mode = 'ShareLock'"
    assert await scene.value(locks) == 2
    await listener.close()
    await heart.liveness.close()
    while await scene.value(locks):
        pass


async def test_rule_25_invisible_session_lock_is_not_used_against_the_node(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A node whose lock nobody sees is registered without one, says so, and is judged by TTL."""
    await wait_server_older_than(scene, OLD_SERVER)
    await scene.register(ttl=OLD_SERVER)
    assert await scene.value("SELECT lock_key FROM continuum_nodes") is None
    assert await scene.store.suspects(uuid4()) == set()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "CONTINUUM_DIRECT_DSN" in caplog.text


@pytest.mark.parametrize("closed_first", [True, False])
async def test_a_hold_that_is_given_up_leaves_no_connection(
    scene: Scene, closed_first: bool
) -> None:
    """Its thread goes on connecting, and the node's lock must not stay with what it opens."""
    connecting, go_on, opened = threading.Event(), threading.Event(), threading.Event()

    def connect() -> Connection[Any]:
        connecting.set()
        assert go_on.wait(10)
        return connect_blocking(scene.settings)

    class Noticed(PostgresLiveness):
        def _hold(self) -> None:
            super()._hold()
            opened.set()

    liveness = Noticed(connect, scene.node, 30.0, 3600, _nothing, _nothing, _nothing)
    holding = started(liveness.hold())
    assert await asyncio.to_thread(connecting.wait, 10)
    holding.cancel()
    await asyncio.wait([holding])
    if closed_first:
        await liveness.close()
    go_on.set()
    assert await asyncio.to_thread(opened.wait, 10)
    if not closed_first:
        await liveness.close()
    while await scene.value(f"SELECT count(*) FROM {SESSION_LOCKS}"):
        pass


def _nothing(*_: object) -> None:
    """Nobody is told."""
