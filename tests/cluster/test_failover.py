"""The primary is killed under load, its synchronous replica promoted: nothing answered is lost."""

from __future__ import annotations

import asyncio
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest

from continuum import Continuum
from continuum.client.handle import RunHandle
from continuum.errors import DatabaseUnavailable
from continuum.model import RunState
from continuum.store.postgres.liveness import PostgresLiveness
from continuum.store.postgres.pool import PostgresSettings, connect_blocking
from tests.cluster.flows import collect_notes, five_steps, one_step_once
from tests.cluster.harness import LONG, Cluster, wait_until
from tests.replicas import Pair, synchronous_pair

T = TypeVar("T")

SENDERS, STARTERS = (8, 8) if LONG else (2, 2)
BEFORE, AFTER = (3.0, 2.0) if LONG else (0.3, 0.0)
"""Seconds of load before the kill, and after the service has resumed."""

RESUMED_WITHIN = 10.0
TTL = 4.0
LATE = 1.5
"""Seconds after the promotion at which a worker comes back: many heartbeats, less than a TTL."""


@dataclass
class Load:
    """A client that starts runs, signals and waits, and notes what was answered.

    It repeats a call whose answer did not come, with the same idempotency key or delivery id, as
    every client of a database that can fail over must.
    """

    ct: Continuum
    started: dict[UUID, float] = field(default_factory=dict[UUID, float])
    results: dict[UUID, list[int]] = field(default_factory=dict[UUID, list[int]])
    notes: Counter[UUID] = field(default_factory=Counter[UUID])
    resumed: dict[str, float] = field(default_factory=dict[str, float])
    """What was first answered after the kill, and when."""

    unanswered: int = 0
    killed: bool = False
    promoted_at: float = 0.0
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def start_runs(self, starter: int) -> None:
        """Runs of five activities, one after the other; their results are waited for."""
        number = 0
        while not self.ending.is_set():
            key = f"{starter}-{number}"
            run = await self._answered(
                "start", lambda key=key: self.ct.start(five_steps, 0.02, idempotency_key=key)
            )
            self.started[run.id] = time.monotonic()
            self._waiting.append(asyncio.create_task(self._wait(run)))
            number += 1
            await asyncio.sleep(STARTERS * 0.1)  # ten a second: the machine keeps up with them

    async def send_notes(self, run: RunHandle[list[int]]) -> None:
        """Numbered signals to one run, one after the other; the last one ends it."""
        while not self.ending.is_set():
            await self._send(run, self.notes[run.id])
            self.notes[run.id] += 1
            await asyncio.sleep(0.01)
        await self._send(run, -1)

    async def all_results(self) -> None:
        """Wait for the results of everything started."""
        await asyncio.gather(*self._waiting)

    async def _send(self, run: RunHandle[list[int]], note: int) -> None:
        await self._answered("signal", lambda: run.signal("note", note, delivery_id=str(note)))

    async def _wait(self, run: RunHandle[list[int]]) -> None:
        begun_after = self.killed
        self.results[run.id] = await run.result(timeout=120)
        if begun_after:
            self._note("result")

    async def _answered(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            begun_after = self.killed
            try:
                answer = await call()
            except DatabaseUnavailable:
                self.unanswered += 1
                await asyncio.sleep(0.05)
            else:
                if begun_after:
                    self._note(what)
                return answer

    def _note(self, what: str) -> None:
        self.resumed.setdefault(what, time.monotonic())


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two servers of this test's own."""
    with synchronous_pair() as both:
        yield both


async def fail_over(
    pair: Pair, outage: float, *options: str, late: float = 0.0
) -> dict[str, float]:
    """Kill the primary under load, promote the replica after a while, check all that was answered.

    Args:
        pair: the servers.
        outage: seconds from the loss of the primary to the promotion.
        options: of the workers.
        late: seconds after the promotion until which one of the workers cannot connect.

    Returns:
        Seconds from the promotion to the first answer of each kind; "unanswered" counts calls.
    """
    with Cluster(pair.dsn) as cluster:
        async with cluster.client() as ct:
            workers = [cluster.start_worker(*options), cluster.start_worker(*options)]
            await cluster.wait_serving(ct, *workers)
            await wait_until(lambda: _in_thread(pair.replica_is_synchronous), "the replica to sync")
            members = {node.id for node in await ct.nodes()}
            load = Load(ct)
            once = [await ct.start(one_step_once, outage + 1.5) for _ in range(4)]
            collecting = [await ct.start(collect_notes) for _ in range(SENDERS)]
            tasks = [
                *(asyncio.create_task(load.start_runs(n)) for n in range(STARTERS)),
                *(asyncio.create_task(load.send_notes(run)) for run in collecting),
            ]

            async def busy() -> bool:
                return len(load.results) > 1 and all(load.notes[run.id] for run in collecting)

            await wait_until(busy, "results and signals to be answered", every=0.02)
            await asyncio.sleep(BEFORE)
            answered = dict(load.results), set(load.started), Counter(load.notes)
            await asyncio.to_thread(pair.kill_primary)
            load.killed = True
            await asyncio.sleep(outage)
            assert load.resumed == {}, "the primary was not gone"
            if late:
                workers[1].send(signal.SIGSTOP)
            await asyncio.to_thread(pair.promote)
            load.promoted_at = time.monotonic()
            if late:
                await asyncio.sleep(late)
                workers[1].send(signal.SIGCONT)

            async def resumed() -> bool:
                return load.resumed.keys() >= {"start", "signal", "result"}

            try:
                await wait_until(resumed, "starts, signals and results to be answered", every=0.02)
            except AssertionError as error:
                logs = "\n".join(worker.output() for worker in workers)
                raise AssertionError(f"{error}: only {list(load.resumed)}\n{logs}") from None
            await asyncio.sleep(AFTER)
            load.ending.set()
            await asyncio.gather(*tasks)
            await load.all_results()
            for run in collecting:
                sent = load.notes[run.id]
                assert await run.result(timeout=60) == list(range(sent)), "a signal is lost"
            for run in once:
                assert await run.result(timeout=60) == "once"
            alive = {node.id for node in await ct.nodes() if node.alive}
        _check(cluster, load, answered)
        assert [worker.process.poll() for worker in workers] == [None, None]
        assert alive == members, "a worker was declared dead, and was not"
        known = len(answered[1]), sum(answered[2].values()), len(answered[0])
        print(
            "answered before the kill: {} starts, {} signals, {} results; lost: 0".format(*known),
            f"of {len(load.started)}, {sum(load.notes.values())}, {len(load.results)} in the end",
        )
    return {
        **{what: at - load.promoted_at for what, at in load.resumed.items()},
        "unanswered": load.unanswered,
    }


def _check(
    cluster: Cluster,
    load: Load,
    answered: tuple[dict[UUID, list[int]], set[UUID], Counter[UUID]],
) -> None:
    """What the new primary says of everything that was answered, at any time."""
    results, started, _ = answered
    assert results.keys() <= load.results.keys()
    assert started <= load.started.keys()
    assert all(result == [0, 1, 2, 3, 4] for result in load.results.values())
    states = dict(cluster.rows("SELECT id, state FROM continuum_runs"))
    assert load.started.keys() <= states.keys(), "a start is lost"
    assert set(states.values()) == {RunState.COMPLETED.value}
    twins = cluster.rows(
        "SELECT count(*), count(DISTINCT idempotency_key) FROM continuum_runs"
        " WHERE idempotency_key IS NOT NULL"
    )
    assert twins == [(len(load.started), len(load.started))]
    executions = cluster.executions()
    assert set(executions) == {(run, step) for run in load.started for step in range(5)}
    assert cluster.rows("SELECT count(*) FROM continuum_nodes WHERE dead_at IS NOT NULL") == [(0,)]
    cluster.check_journals()
    cluster.check_counts()


async def _in_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


def _say(figures: dict[str, float]) -> None:
    print("; ".join(f"{what} {value:.2f}" for what, value in sorted(figures.items())))


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.skipif(LONG, reason="the long form does the same three times, under more load")
async def test_failover_loses_nothing_that_was_answered(pair: Pair) -> None:
    """Starts, signals, results and steps survive the primary; both workers go on as themselves."""
    _say(await fail_over(pair, 0.0))


@pytest.mark.cluster
@pytest.mark.timeout(600)
@pytest.mark.skipif(not LONG, reason="three failovers under load: make test-cluster")
async def test_service_resumes_within_ten_seconds_of_a_promotion() -> None:
    """Three failovers, the last promoted 20 s after the loss: all calls are answered in time."""
    figures: list[dict[str, float]] = []
    for outage in (0.0, 5.0, 20.0):
        servers = synchronous_pair()
        pair = await asyncio.to_thread(servers.__enter__)
        try:
            figures.append(await fail_over(pair, outage))
        finally:
            await asyncio.to_thread(servers.__exit__, None, None, None)
        _say(figures[-1])
    slowest = [max(figure[what] for what in ("start", "signal", "result")) for figure in figures]
    print(f"service resumed after {slowest} s, median {statistics.median(slowest):.2f} s")
    assert max(slowest) <= RESUMED_WITHIN


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.skipif(not LONG, reason="waits until the replica is older than a TTL: test-cluster")
async def test_an_outage_longer_than_the_ttl_condemns_no_worker(pair: Pair) -> None:
    """The replica is older than a TTL, the workers' leases are over, and one of them comes late."""
    timing = "--ttl", f"{TTL:g}", "--heartbeat", "0.5"
    await asyncio.sleep(TTL)
    _say(await fail_over(pair, 1.5 * TTL, *timing, late=LATE))


@pytest.mark.cluster
async def test_rule_8_a_promoted_replica_is_not_judged_by_its_age(pair: Pair) -> None:
    """Who joins after a promotion judges nobody at first, as if its connection had been away."""
    await asyncio.to_thread(pair.kill_primary)
    await asyncio.to_thread(pair.promote)
    away, lost = threading.Event(), threading.Event()
    liveness = PostgresLiveness(
        lambda: connect_blocking(PostgresSettings(pair.dsn)),
        uuid4(), TTL, 0.5, lambda _: None, lost.set, away.set,
    )  # fmt: skip
    await liveness.hold()
    assert not away.is_set()
    liveness.begin()
    assert away.is_set()
    await liveness.close()
