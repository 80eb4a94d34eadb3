"""Hints and the listener (rule 25)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from continuum.store.postgres import hints as hints_module
from continuum.store.postgres import listen
from continuum.store.postgres.arrays import Packed, texts, uuids
from continuum.store.postgres.hints import (
    ENDED_CHANNEL,
    MAX_PAYLOAD,
    PostgresHints,
    decode_hint,
    encode_hint,
)
from continuum.store.postgres.listen import ChannelListener, PostgresListener
from continuum.store.postgres.session import Session
from continuum.store.postgres.statements import statements
from tests.postgres.scene import SESSION_LOCKS, Scene, last_turn

pytestmark = pytest.mark.every_server


class Ear:
    """A node's listener and what it heard."""

    def __init__(self, scene: Scene, node: UUID) -> None:
        self.heard: asyncio.Queue[Sequence[UUID]] = asyncio.Queue()
        self.reconnected = asyncio.Event()
        self.listener = PostgresListener(
            scene.connect, scene.connect, node, self.heard.put_nowait, self.reconnected.set
        )

    async def next(self) -> list[UUID]:
        return list(await asyncio.wait_for(self.heard.get(), 10))


@pytest.mark.parametrize("runs", [0, 1, 124, 125, 250])
def test_payloads_stay_below_the_limit(runs: int) -> None:
    """A hint names its runs or, when that would be too long, just says poll."""
    run_ids = [uuid4() for _ in range(runs)]
    payload = encode_hint(run_ids)
    assert len(payload) <= MAX_PAYLOAD
    assert decode_hint(payload) == (run_ids if 0 < runs <= 124 else [])


async def test_rule_25_hints_reach_owner_or_a_capable_node(scene: Scene) -> None:
    """The owner hears of mail; of a free run one node that can run it hears."""
    ear = Ear(scene, scene.node)
    await ear.listener.start()
    await scene.register()
    owned = await scene.create_owned()
    free = await scene.create_free()
    hints = PostgresHints(scene.connect)
    hints.runs_changed([owned.run_id])
    assert await ear.next() == [owned.run_id]
    hints.runs_changed([free])
    assert await ear.next() == [free]
    hints.poll_now()
    assert await ear.next() == []
    await hints.close()
    await ear.listener.close()


async def test_rule_25_long_hint_becomes_poll(scene: Scene) -> None:
    """250 runs of one owner are one notification, "poll", and no error."""
    ear = Ear(scene, scene.node)
    await ear.listener.start()
    turns = [await scene.create_owned() for _ in range(130)]
    hints = PostgresHints(scene.connect)
    hints.runs_changed([turn.run_id for turn in turns])
    assert await ear.next() == []
    hints.runs_changed([turns[0].run_id])
    assert await ear.next() == [turns[0].run_id]
    await hints.close()
    await ear.listener.close()


async def test_rule_25_commits_notify_nobody(scene: Scene) -> None:
    """No turn statement sends a notification itself; the hint is sent after it, separately."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = ChannelListener(scene.connect, ENDED_CHANNEL, heard.put_nowait, lambda: None)
    await listener.start()
    first = await scene.create_owned()
    await scene.store.commit_turns(scene.node, [last_turn(first)])
    await scene.observer.execute("SELECT pg_notify(%s, 'marker')", [ENDED_CHANNEL])
    assert await asyncio.wait_for(heard.get(), 10) == "marker"
    hints = PostgresHints(scene.connect)
    hints.runs_ended([first.run_id])
    assert decode_hint(await asyncio.wait_for(heard.get(), 10)) == [first.run_id]
    await hints.close()
    await listener.close()


async def test_ends_of_one_moment_are_one_notification(scene: Scene) -> None:
    """Runs that end one after another are named together; closing sends what was gathered."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = ChannelListener(scene.connect, ENDED_CHANNEL, heard.put_nowait, lambda: None)
    await listener.start()
    hints = PostgresHints(scene.connect)
    run_ids = [uuid4() for _ in range(3)]
    for run_id in run_ids:
        hints.runs_ended([run_id])
        await asyncio.sleep(0)
    assert decode_hint(await asyncio.wait_for(heard.get(), 10)) == run_ids
    hints.runs_ended(run_ids[:1])
    await hints.close()
    assert decode_hint(await asyncio.wait_for(heard.get(), 10)) == run_ids[:1]
    assert heard.empty()
    await listener.close()


async def test_an_answer_is_told_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gathers them, and what was gathered goes along."""
    monkeypatch.setattr(hints_module, "GATHER", 3600.0)
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = ChannelListener(scene.connect, ENDED_CHANNEL, heard.put_nowait, lambda: None)
    await listener.start()
    hints = PostgresHints(scene.connect)
    ended, answered = uuid4(), uuid4()
    hints.runs_ended([ended])
    hints.runs_answered([answered])
    assert decode_hint(await asyncio.wait_for(heard.get(), 10)) == [ended, answered]
    assert hints._gathering is None
    await hints.close()
    await listener.close()


@pytest.mark.parametrize("name", ["runs_changed", "runs_ended", "poll_now", "tasks_queued"])
async def test_hints_do_not_wait_for_the_disk(scene: Scene, name: str) -> None:
    """Their transaction commits without waiting for WAL, and leaves the session as it was."""
    await scene.register()
    await scene.rows("UPDATE continuum_nodes SET queues = '{mail}' RETURNING 1")
    limit = Packed(MAX_PAYLOAD.to_bytes(4, "big"))
    values: dict[str, list[Any]] = {
        "runs_changed": [uuids([await scene.create_free()]), limit],
        "runs_ended": [""],
        "tasks_queued": [texts(["mail"])],
    }
    session = Session(await scene.connect())
    async with session.connection.transaction():
        assert await session.run(statements("hints")[name], values.get(name, [])) == 1
        assert await session.rows(b"SHOW synchronous_commit") == [("off",)]
    assert await session.rows(b"SHOW synchronous_commit") == [("on",)]


async def test_disabled_hints_send_nothing(scene: Scene) -> None:
    """The test switch opens no connection and keeps nothing."""
    hints = PostgresHints(scene.connect, enabled=False)
    hints.runs_changed([uuid4()])
    hints.runs_ended([uuid4()])
    hints.runs_answered([uuid4()])
    hints.poll_now()
    assert hints._task is None
    assert hints._gathering is None
    assert not hints._changed
    assert not hints._ended
    await hints.close()


async def test_lost_hint_connection_loses_hints_only(scene: Scene) -> None:
    """After its connection was killed the sender works again with the next hint."""
    ear = Ear(scene, scene.node)
    await ear.listener.start()
    hints = PostgresHints(scene.connect)
    await scene.register()
    hints.poll_now()
    await ear.next()
    pid = (await hints._dedicated.session()).connection.info.backend_pid
    await scene.rows("SELECT pg_terminate_backend(%s, 5000)", pid)
    hints.poll_now()
    while hints._task is not None:
        await asyncio.sleep(0)
        hints.poll_now()
        if not ear.heard.empty():
            break
    assert await ear.next() == []
    await hints.close()
    await ear.listener.close()


async def test_listener_comes_back_for_ever_and_asks_for_a_poll(scene: Scene) -> None:
    """A killed listener reconnects, locks again, asks for a poll and reports the gap."""
    ear = Ear(scene, scene.node)
    await ear.listener.start()
    for _ in range(2):
        ear.reconnected.clear()
        await scene.rows(f"SELECT pg_terminate_backend(pid, 5000) FROM {SESSION_LOCKS}")
        await asyncio.wait_for(ear.reconnected.wait(), 10)
        assert await ear.next() == []
        assert await scene.value(
            f"SELECT count(*) FROM {SESSION_LOCKS}"
        ) == 1  # fmt: skip
    assert await ear.listener.hears_itself()
    await ear.listener.close()


async def test_rule_25_deaf_listener_says_so_once(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where notifications do not arrive (a pooler), start-up warns and goes on."""
    monkeypatch.setattr(listen, "_PROBE_WITHIN", 0.05)
    ear = Ear(scene, scene.node)
    ear.listener._listener._channel = "another_channel"
    await ear.listener.start()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "CONTINUUM_DIRECT_DSN" in caplog.text
    await ear.listener.close()
