"""Traces across processes, takeovers and replays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from continuum import Continuum
from continuum.errors import WorkflowFailed
from continuum.testing import environment
from tests.telemetry.conftest import Recorded
from tests.telemetry.flows import asked, broken, letters, mail, monthly, order_flow, ship
from tests.worker.cluster import Cluster, open_cluster

ORDER = {
    "request": [None],
    "start order": ["request"],
    "run order": ["start order"],
    "activity charge": ["run order", "run order"],
    "bank 1": ["activity charge"],
    "bank 2": ["activity charge"],
    "signal go": ["request"],
    "receive go": ["run order"],
    "run ship": ["run order"],
    "activity pack": ["run ship"],
    "robot": ["activity pack"],
}
"""Each span of an order, and its parents."""


@asynccontextmanager
async def cluster_of(dsn: str) -> AsyncIterator[Cluster]:
    """Workers to be started and killed."""
    cluster = await open_cluster(dsn)
    try:
        yield cluster
    finally:
        await cluster.close()


async def test_an_order_is_one_trace_though_its_worker_dies(dsn: str, recorded: Recorded) -> None:
    """A child and a retried activity have the right parents, and a takeover repeats no span."""
    async with cluster_of(dsn) as cluster, Continuum(dsn) as ct:
        first = recorded.observe(await cluster.join(order_flow, ship))
        with trace.get_tracer("web").start_as_current_span("request"):
            run = await ct.start(order_flow, "o1")
            await cluster.suspended(run.id, "signal")  # not on the back-off of a retry
            await recorded.kill(first)
            recorded.observe(await cluster.join(order_flow, ship))
            await run.signal("go")
        assert await run.result(timeout=30) == "shipped"
    assert recorded.tree() == ORDER
    spans = recorded.spans()
    assert len({span.context.trace_id for span in spans}) == 1
    [refused, paid] = [span for span in spans if span.name == "activity charge"]
    assert [refused.attributes["continuum.attempt"], paid.attributes["continuum.attempt"]] == [1, 2]
    assert refused.status.status_code is StatusCode.ERROR
    assert refused.status.description == "the bank is closed"
    assert refused.events[0].attributes["exception.type"] == "ConnectionError"
    [whole] = [span for span in spans if span.name == "run order"]
    assert whole.attributes["continuum.run.id"] == str(run.id)
    assert whole.start_time <= refused.start_time <= refused.end_time <= whole.end_time
    [child] = [span for span in spans if span.name == "run ship"]
    assert child.attributes["continuum.parent.id"] == str(run.id)


async def test_a_takeover_amid_an_attempt_records_the_next_one(
    dsn: str, recorded: Recorded
) -> None:
    """The attempt that died with its process leaves no span; the next has a number of its own."""
    async with cluster_of(dsn) as cluster, Continuum(dsn) as ct:
        first = recorded.observe(await cluster.join(order_flow, ship))
        begun = first.worker.activities.started.listen()
        run = await ct.start(order_flow, "o2")
        await asyncio.wait_for(begun.get(), 10)
        await recorded.kill(first)
        recorded.observe(await cluster.join(order_flow, ship))
        await run.signal("go")
        assert await run.result(timeout=30) == "shipped"
    attempts = [span for span in recorded.spans() if span.name == "activity charge"]
    numbers = [span.attributes["continuum.attempt"] for span in attempts]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] >= 2


async def test_a_run_outside_any_trace_has_one_of_its_own(dsn: str, recorded: Recorded) -> None:
    """Its trace id is the run's own id, and its span the root; no other process has to be asked."""
    async with cluster_of(dsn) as cluster:
        recorded.observe(await cluster.join(ship))
        run_id = await cluster.start(ship, "o3")
        assert await cluster.result(run_id) == "shipped"
    assert recorded.tree() == {
        "run ship": [None], "activity pack": ["run ship"], "robot": ["activity pack"],
    }  # fmt: skip
    assert {span.context.trace_id for span in recorded.spans()} == {run_id.int}


async def test_context_reaches_queues_threads_and_keyed_activities(
    dsn: str, recorded: Recorded
) -> None:
    """Wherever user code runs, what it records is under its attempt."""
    async with cluster_of(dsn) as cluster, Continuum(dsn) as ct:
        recorded.observe(await cluster.join(letters))
        recorded.observe(await cluster.join(ship, activities=[mail], queues=["mail"]))
        run = await ct.start(letters, "o4")
        await run.result(timeout=30)
    assert recorded.tree() == {
        "start letters": [None],
        "run letters": ["start letters"],
        "activity label": ["run letters"],
        "printer": ["activity label"],
        "activity mail": ["run letters"],
        "smtp": ["activity mail"],
    }
    kinds = {span.name: span.kind for span in recorded.spans()}
    assert kinds["activity label"] is SpanKind.INTERNAL
    assert kinds["activity mail"] is SpanKind.CONSUMER


async def test_the_clients_own_worker_is_traced(dsn: str, recorded: Recorded) -> None:
    """Also when start and first turn are one commit, and over incarnations."""
    async with Continuum(dsn) as ct, ct.worker([monthly]):
        run = await ct.start(monthly, 1)
        assert await run.result(timeout=30) == 0
    tree = recorded.tree()
    assert (tree["run monthly"], tree["start monthly"]) == (["start monthly"], [None])
    assert tree["activity charge"] == ["run monthly"] * 4
    [whole] = [span for span in recorded.spans() if span.name == "run monthly"]
    assert whole.attributes["continuum.incarnation"] == 2


async def test_a_run_tried_again_has_a_span_for_each_end(dsn: str, recorded: Recorded) -> None:
    """The failure was recorded; the retry is recorded beside it, under an id of its own."""
    async with Continuum(dsn) as ct, ct.worker([broken]):
        run = await ct.start(broken, "o5")
        with pytest.raises(WorkflowFailed, match="the bank is closed"):
            await run.result(timeout=30)
        assert await ct.retry(run.id)
        assert await run.result(timeout=30) == "paid"
    ends = [span for span in recorded.spans() if span.name == "run broken"]
    assert [span.attributes["continuum.state"] for span in ends] == ["failed", "completed"]
    assert ends[1].attributes["continuum.retries"] == 1


async def test_a_start_in_a_transaction_carries_its_context(dsn: str, recorded: Recorded) -> None:
    """The context commits with the run."""
    async with cluster_of(dsn) as cluster, Continuum(dsn) as ct:
        recorded.observe(await cluster.join(ship))
        with trace.get_tracer("web").start_as_current_span("request"):
            async with await psycopg.AsyncConnection.connect(dsn) as connection:
                run = await ct.start(ship, "o6", connection=connection)
        await run.result(timeout=30)
    assert recorded.tree()["start ship"] == ["request"]
    assert recorded.tree()["run ship"] == ["start ship"]


def test_the_blocking_client_takes_the_callers_context(dsn: str, recorded: Recorded) -> None:
    """The span that is current on the calling thread."""
    with Continuum.blocking(dsn) as ct, ct.worker([ship]):
        with trace.get_tracer("web").start_as_current_span("request"):
            run = ct.start(ship, "o7")
        run.result(timeout=30)
    assert recorded.tree()["start ship"] == ["request"]
    assert recorded.tree()["run ship"] == ["start ship"]


async def test_workflows_under_test_are_traced_alike(recorded: Recorded) -> None:
    """Over the store in memory the tree is the same."""
    async with environment([order_flow, ship]) as env:
        with trace.get_tracer("web").start_as_current_span("request"):
            run = await env.client.start(order_flow, "o8")
            await run.signal("go")
        assert await run.result(timeout=30) == "shipped"
    assert recorded.tree() == ORDER


async def test_what_the_sampler_does_not_want_is_not_recorded(
    dsn: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the run nor its attempts, whether started in a trace or not."""
    off = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    off.add_span_processor(recorded.provider._active_span_processor)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: off)
    async with cluster_of(dsn) as cluster, Continuum(dsn) as ct:
        recorded.observe(await cluster.join(ship))
        await (await ct.start(ship, "o9")).result(timeout=30)
        await cluster.result(await cluster.start(ship, "o10"))
    assert recorded.spans() == []


def test_nothing_is_imported_for_those_who_collect_nothing() -> None:
    """Client and worker work without the extra."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import asyncio, continuum\n"
        "from continuum.testing import environment\n"
        "@continuum.workflow\n"
        "async def flow() -> int: return 1\n"
        "async def main() -> None:\n"
        "    async with environment([flow]) as env:\n"
        "        assert await (await env.client.start(flow)).result(timeout=20) == 1\n"
        "asyncio.run(main())\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def test_a_question_has_spans_as_a_signal_has(dsn: str, recorded: Recorded) -> None:
    """One of the call, and one of the receipt."""
    async with Continuum(dsn) as ct, ct.worker([asked]):
        run = await ct.start(asked)
        with trace.get_tracer("web").start_as_current_span("request"):
            assert await run.ask("price", id="q", timeout=30) == 7
        await run.result(timeout=30)
    tree = recorded.tree()
    assert (tree["ask price"], tree["receive price"]) == (["request"], ["run asked"])
    [received] = [span for span in recorded.spans() if span.name == "receive price"]
    assert received.attributes["continuum.question"] == "price"
