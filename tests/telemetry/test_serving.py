"""`/metrics`, `/livez` and `/readyz` beside a worker."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

import continuum
from continuum import Continuum, activity, workflow
from continuum.client.local_worker import LocalWorker
from continuum.errors import ConfigurationError
from continuum.telemetry import serving
from continuum.telemetry.prometheus import PrometheusObserver
from continuum.telemetry.serving import Address, WorkerServer, parse_address
from tests.telemetry import flows

HERE = Address("127.0.0.1", 0)
entered, gate = asyncio.Event(), asyncio.Event()


@activity(name="gated")
async def gated() -> str:
    """Waits for the test."""
    entered.set()
    await gate.wait()
    return "through"


@workflow(name="gate")
async def gate_flow() -> str:
    """One such activity."""
    return await gated()


@workflow(name="parked")
async def parked() -> None:
    """Waits for ever."""
    await continuum.wait_signal("never")


def ask(server: WorkerServer, path: str, method: str = "GET") -> tuple[int, str]:
    """Status and body of a request, made on a thread of its own."""
    request = urllib.request.Request(f"http://{server.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def get(server: WorkerServer, path: str, method: str = "GET") -> tuple[int, str]:
    """The same, while the event loop goes on."""
    return await asyncio.to_thread(ask, server, path, method)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """(Name, values of the labels, sorted) -> value."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
async def ct(dsn: str) -> AsyncIterator[Continuum]:
    """A client."""
    flows.tries.clear()
    entered.clear()
    gate.clear()
    async with Continuum(dsn) as ct:
        yield ct


def served(node: LocalWorker) -> WorkerServer:
    """The server of a worker that has yet to start."""
    observer = PrometheusObserver(node.worker)
    node.observe(observer)
    return WorkerServer(node.worker, observer.registry, HERE)


async def test_metrics_say_what_happened_and_how_it_stands(ct: Continuum) -> None:
    """In a form that Prometheus reads."""
    node = ct.worker([flows.order_flow, flows.ship, parked])
    async with served(node) as server, node:
        waiting = await ct.start(parked)
        run = await ct.start(flows.order_flow, "p1")
        await run.signal("go")
        assert await run.result(timeout=30) == "shipped"
        await ct.cancel(waiting.id, force=True)
        status, text = await get(server, "/metrics")
    assert status == 200
    found = samples(text)
    assert found["continuum_runs_ended_total", "completed", "default", "order"] == 1
    assert found["continuum_run_seconds_count", "completed", "default", "ship"] == 1
    assert found["continuum_activity_attempts_total", "charge", "raised"] == 1
    assert found["continuum_activity_seconds_count", "charge", "completed"] == 1
    assert found["continuum_events_committed_total",] > found["continuum_turns_committed_total",]
    assert (found["continuum_worker_ready",], found["continuum_attempts_running",]) == (1, 0)
    assert found["process_resident_memory_bytes",] > 0


async def test_a_worker_is_ready_from_its_start_until_it_drains(ct: Continuum) -> None:
    """Not before it is a node, and not while it drains, though it lives."""
    node = ct.worker([gate_flow])
    async with served(node) as server:
        assert await get(server, "/readyz") == (503, "starting\n")
        assert await get(server, "/livez") == (200, "ok\n")
        async with node:
            assert await get(server, "/readyz") == (200, "ok\n")
            run = await ct.start(gate_flow)
            await asyncio.wait_for(entered.wait(), 10)
            draining = asyncio.create_task(node.drain(20))
            await asyncio.sleep(0)
            assert await get(server, "/readyz") == (503, "draining\n")
            assert await get(server, "/livez") == (200, "ok\n")
            found = samples((await get(server, "/metrics"))[1])
            assert found["continuum_worker_ready",] == 0
            assert found["continuum_attempts_running",] == 1
            gate.set()
            await draining
        assert await run.result(timeout=10) == "through"


async def test_a_blocked_event_loop_is_not_alive(
    ct: Continuum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes from another thread, and says so."""
    monkeypatch.setattr(serving, "ANSWER_WITHIN", 0.2)
    node = ct.worker([parked])
    async with served(node) as server, node:
        answers: list[tuple[int, str]] = []
        answered = threading.Event()

        def probe() -> None:
            answers.extend(ask(server, path) for path in ("/livez", "/readyz"))
            answered.set()

        threading.Thread(target=probe).start()
        assert answered.wait(20)  # on the event loop, on purpose
        blocked = (503, "the event loop is blocked\n")
        assert answers == [blocked, blocked]
        assert await get(server, "/livez") == (200, "ok\n")


async def test_other_requests_are_refused(ct: Continuum) -> None:
    """With what there is."""
    node = ct.worker([parked])
    async with served(node) as server:
        assert await get(server, "/") == (404, "there are /metrics, /livez, /readyz\n")
        assert (await get(server, "/metrics", "POST"))[0] == 405
        assert await get(server, "/livez", "HEAD") == (200, "")
        taken = WorkerServer(node.worker, PrometheusObserver(node.worker).registry, server.address)
        with pytest.raises(ConfigurationError, match=f"cannot listen on {server.address}"):
            async with taken:
                pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9090", Address("127.0.0.1", 9090)),
        ("metrics.internal:0", Address("metrics.internal", 0)),
        (":9090", Address("0.0.0.0", 9090)),
        ("[::1]:9090", Address("::1", 9090)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    """Host and port; IPv6 in brackets."""
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9090", "host", "host:", "host:x", "host:70000", "::1:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(ConfigurationError, match="no address to listen on"):
        parse_address(text)
