"""Rule 25: a hint follows the commit it speaks of, and may be lost between the two."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from continuum import Continuum
from continuum.journal.turn import VersionPin
from continuum.store.postgres.hints import ENDED_CHANNEL
from continuum.store.postgres.nodes import node_channel
from tests.postgres.scene import Scene, open_scene, started
from tests.worker import flows, poison_flows
from tests.worker.cluster import Between, Cluster

ROOT = Path(__file__).parents[2]
LOST = 7
"""How a process exits that ends itself between a commit and its hint."""


@pytest.fixture
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """The store alone: who owns a run is what the test says."""
    async with open_scene(dsn) as scene:
        yield scene


class Witness:
    """Hears notifications on one channel and looks at the database before doing anything else."""

    def __init__(self, dsn: str, channel: str, look: str) -> None:
        self.saw: asyncio.Queue[tuple[str, list[tuple[Any, ...]]]] = asyncio.Queue()
        self._look = look
        self._eyes = psycopg.connect(dsn, autocommit=True)
        self._ears = psycopg.connect(dsn, autocommit=True)
        self._ears.execute(f"LISTEN {channel}".encode())
        self._channel = channel

    def mark(self) -> None:
        """Whatever was notified before arrives before this."""
        self._eyes.execute("SELECT pg_notify(%s, 'marker')", [self._channel])

    def next(self) -> tuple[str, list[tuple[Any, ...]]]:
        """The next notification and what can be read at that moment."""
        for notification in self._ears.notifies(timeout=20, stop_after=1):
            return notification.payload, self._eyes.execute(self._look.encode()).fetchall()
        raise AssertionError("no notification came")

    def close(self) -> None:
        self._eyes.close()
        self._ears.close()


@pytest.fixture
def witness(dsn: str) -> Iterator[Callable[[str, str], Witness]]:
    """Makes witnesses, closed after the test."""
    made: list[Witness] = []

    def make(channel: str, look: str) -> Witness:
        made.append(Witness(dsn, channel, look))
        return made[-1]

    yield make
    for witness in made:
        witness.close()


MakeWitness = Callable[[str, str], Witness]


async def test_rule_25_a_signal_can_be_read_when_its_hint_comes(
    scene: Scene, witness: MakeWitness
) -> None:
    """No hint while the post waits for the run's lock; at the hint the message is there."""
    first = await scene.create_owned()
    channel = node_channel(scene.node)
    seen = witness(channel, "SELECT name FROM continuum_inbox")
    async with Continuum(scene.settings.dsn) as client:
        holder = await scene.connect()
        async with holder.transaction():
            await holder.execute("SELECT FROM continuum_leases FOR UPDATE")
            sent = started(client.signal(first.run_id, "go"))
            await scene.blocked(sent)
            seen.mark()
            assert await asyncio.to_thread(seen.next) == ("marker", [])
        await sent
        assert await asyncio.to_thread(seen.next) == (first.run_id.hex, [("go",)])


async def test_rule_25_a_start_in_a_transaction_is_heard_when_it_commits(
    scene: Scene, witness: MakeWitness
) -> None:
    """`start(connection=)` notifies inside the caller's transaction, so with its commit."""
    await scene.register()
    await scene.observer.execute(
        "INSERT INTO continuum_node_versions VALUES (%s, %s)",
        [scene.node, VersionPin(flows.three_steps.name).version_id],
    )
    seen = witness(node_channel(scene.node), "SELECT id FROM continuum_runs")
    async with Continuum(scene.settings.dsn) as client:
        caller = await scene.connect()
        async with caller.transaction():
            run = await client.start(flows.three_steps, 1, connection=caller)
            seen.mark()
            assert await asyncio.to_thread(seen.next) == ("marker", [])
        payload, rows = await asyncio.to_thread(seen.next)
        assert (payload, rows) == ("poll", [(run.id,)])


async def test_rule_25_an_end_can_be_read_when_its_hint_comes(
    cluster: Cluster, witness: MakeWitness
) -> None:
    """A worker says that a run has ended after the commit that ends it, not before."""

    class Held(Between):
        open = asyncio.Event()
        reached = asyncio.Event()

        async def commit_turns(self, *asked: Any) -> Any:
            Held.reached.set()
            await Held.open.wait()
            return await self.inner.commit_turns(*asked)

    flows.reset()
    seen = witness(ENDED_CHANNEL, "SELECT id FROM continuum_runs WHERE state = 'completed'")
    await cluster.join(flows.returning, wrap=Held)
    run_id = await cluster.start(flows.returning, "done")
    await asyncio.wait_for(Held.reached.wait(), 10)
    seen.mark()
    assert await asyncio.to_thread(seen.next) == ("marker", [])
    Held.open.set()
    assert await asyncio.to_thread(seen.next) == (run_id.hex, [(run_id,)])


async def test_rule_25_a_sender_that_dies_before_its_hint(cluster: Cluster) -> None:
    """The process ends itself after the commit and before NOTIFY: the poll delivers its signal."""
    await cluster.join(flows.waiting, poll=0.2)
    run_id = await cluster.start(flows.waiting, 1)
    await cluster.suspended(run_id)
    code = (
        f"async with Continuum({cluster.dsn!r}) as ct:\n"
        f"        await ct.signal({str(run_id)!r}, 'go', 'from the dead')\n"
        "        await asyncio.Event().wait()\n"
    )
    assert await asyncio.to_thread(end_before_the_hint, code) == LOST
    assert await cluster.result(run_id) == ["from the dead"]


async def test_rule_25_a_worker_that_dies_before_its_hint(dsn: str) -> None:
    """The run has ended and nobody was told: whoever waits for its result gets it all the same."""
    async with Continuum(dsn) as ct:
        run = await ct.start(poison_flows.neighbour, 21)
        waiting = started(run.result(60))
        code = (
            "from tests.worker import poison_flows as flows\n"
            f"    async with Continuum({dsn!r}) as ct, ct.worker([flows.neighbour]):\n"
            "        await asyncio.Event().wait()\n"
        )
        assert await asyncio.to_thread(end_before_the_hint, code) == LOST
        assert await waiting == 42


def end_before_the_hint(body: str) -> int:
    """Run `body` in a process that exits where it would send its first hint."""
    script = (
        "import asyncio, os\n"
        "from continuum import Continuum\n"
        "from continuum.store.postgres.hints import PostgresHints\n"
        "async def never(*_, **__):\n"
        f"    os._exit({LOST})\n"
        "PostgresHints._notify = never\n"
        "async def main():\n"
        f"    {body}\n"
        "asyncio.run(main())\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    ).returncode
