"""The blocking client: the same calls, anywhere, leaving no thread behind."""

from __future__ import annotations

import inspect
import threading

import psycopg
import pytest

from continuum import Continuum
from continuum.client.blocking import BlockingContinuum
from continuum.errors import ConfigurationError, DatabaseUnavailable, RunNotFound
from tests.client.flows import ALL, Order, approval, pricing, total


def test_a_run_from_start_to_result(dsn: str) -> None:
    """Start, look, signal, wait, list: each call blocks and answers what the async one does."""
    threads = threading.active_count()
    with Continuum.blocking(dsn) as ct:
        with ct.worker(ALL) as worker:
            run = ct.start(approval, "x", attributes={"plan": "pro"})
            assert run.get().state in ("running", "suspended")
            run.signal("go", "yes")
            assert run.result(timeout=10) == "x: yes"
            assert ct.result(run.id) == "x: yes"
            assert ct.start(total, Order("o", 1)).result(timeout=10) == Order("o", 2)
            asked = ct.start(pricing, namespace="asked")
            answer = ct.ask(asked.id, "price", Order("o", 1), id="q", type=Order, timeout=10)
            assert answer == asked.ask("price", id="q", type=Order) == Order("o", 2)
            assert asked.ask("price", id="q") == {"id": "o", "cents": 2}
            assert asked.result(timeout=10) == "q"
            ct.set_attributes(run.id, {"plan": "free"})
            [found] = ct.query(where=[("eq", ["attributes", "plan"], "free")]).entries
            assert found.id == run.id
            assert len(list(ct.stream())) == ct.count() == 2
            assert ct.history(run.id)[0].type == "run_started"
            assert ct.namespaces() == ["asked", "default"]
            assert [node.alive for node in ct.nodes()] == [True]
            worker.drain()
        waiting = ct.start(approval, "y")
        waiting.cancel(force=True)
        with pytest.raises(RunNotFound):
            ct.get_run(waiting.id, namespace="other")
    assert threading.active_count() == threads


def test_a_start_joins_a_synchronous_transaction(dsn: str) -> None:
    """`connection=` takes a synchronous psycopg connection; a rollback leaves no run."""
    with Continuum.blocking(dsn) as ct, psycopg.connect(dsn) as connection:
        run = ct.start(approval, "x", connection=connection)
        assert ct.count() == 0
        connection.rollback()
        assert ct.count() == 0
        run = ct.start(approval, "x", connection=connection)
        connection.commit()
        assert ct.get_run(run.id).workflow == approval.name


async def test_it_works_inside_a_running_loop(dsn: str) -> None:
    """Code called from a coroutine may use it; the loop it uses is its own."""
    with Continuum.blocking(dsn) as ct:
        run = ct.start(approval, "x")
        assert run.get().id == run.id


def test_a_failed_open_leaves_no_thread(tmp_path: object) -> None:
    """When the database is away the error comes out and nothing keeps running."""
    threads = threading.active_count()
    with pytest.raises(DatabaseUnavailable):
        Continuum.blocking("postgresql://127.0.0.1:1/none?connect_timeout=1").__enter__()
    assert threading.active_count() == threads


def test_a_closed_client_says_so(dsn: str) -> None:
    """Before and after its block every call is refused with a hint."""
    ct = Continuum.blocking(dsn)
    with pytest.raises(ConfigurationError, match="with Continuum"):
        ct.count()
    with ct:
        pass
    with pytest.raises(ConfigurationError, match="with Continuum"):
        ct.count()


def test_it_offers_every_public_call_with_the_same_parameters() -> None:
    """A call added to the asynchronous client cannot be forgotten here."""
    internal = {"blocking", "prepare_start", "prepare_signal_with_start", "wait_result"}
    for name, call in inspect.getmembers(Continuum, callable):
        if name.startswith("_") or name in internal:
            continue
        same = getattr(BlockingContinuum, name)
        assert list(inspect.signature(same).parameters) == list(
            inspect.signature(call).parameters
        ), name
