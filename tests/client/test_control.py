"""Signals, cancels, attributes; runs of other namespaces stay unseen."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from continuum import Continuum
from continuum.errors import (
    AttributesError,
    ConfigurationError,
    ContinuumError,
    MalformedRunId,
    PayloadError,
    RunNotFound,
    RunTerminal,
    WorkflowCancelled,
)
from tests.client.flows import approval, collecting


async def test_simultaneous_signals_arrive_once_each_in_order(dsn: str) -> None:
    """Signals of one caller keep their order; a delivery id seen before counts once."""
    async with Continuum(dsn) as ct, ct.worker([collecting]):
        run = await ct.start(collecting, 5)
        await asyncio.gather(*(run.signal("go", n) for n in range(3)))
        await run.signal("go", 3, delivery_id="d")
        await run.signal("go", 99, delivery_id="d")
        await run.signal("go", 4)
        assert await run.result(timeout=10) == [0, 1, 2, 3, 4]


async def test_a_finished_run_takes_nothing_more(dsn: str) -> None:
    """Signal, cancel and forced cancel of a finished run raise RunTerminal."""
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x")
        await run.cancel(force=True, reason="test")
        for call in (run.signal("go"), run.cancel(), run.cancel(force=True)):
            with pytest.raises(RunTerminal, match="cancelled"):
                await call
        with pytest.raises(WorkflowCancelled, match="test"):
            await run.result(timeout=5)


async def test_a_cooperative_cancel_ends_the_run(dsn: str) -> None:
    """The reason given is the reason shown."""
    async with Continuum(dsn) as ct, ct.worker([approval]):
        run = await ct.start(approval, "x")
        await run.cancel(reason="withdrawn")
        with pytest.raises(WorkflowCancelled):
            await run.result(timeout=10)
        assert (await run.get()).state == "cancelled"


async def test_another_namespace_reveals_nothing(dsn: str) -> None:
    """With the wrong namespace a run answers exactly as one that does not exist."""
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x", namespace="billing")
        await run.cancel(force=True)
        missing = uuid4()
        for run_id in (run.id, missing):
            calls = (
                ct.get_run(run_id, namespace="orders"),
                ct.signal(run_id, "go", namespace="orders"),
                ct.ask(run_id, "go", namespace="orders"),
                ct.cancel(run_id, namespace="orders"),
                ct.cancel(run_id, namespace="orders", force=True),
                ct.result(run_id, timeout=5, namespace="orders"),
                ct.history(run_id, namespace="orders"),
                ct.set_attributes(run_id, {"a": 1}, namespace="orders"),
            )
            for call in calls:
                with pytest.raises(RunNotFound) as raised:
                    await call
                assert type(raised.value) is RunNotFound
                assert str(raised.value) == str(RunNotFound(run_id))
        assert (await ct.get_run(run.id, namespace="billing")).id == run.id
        assert dict((await run.get()).attributes) == {}


@pytest.mark.parametrize("run_id", ["", "a\0b", "k" * 256, 7, None])
async def test_a_malformed_run_id_is_told_apart(dsn: str, run_id: Any) -> None:
    """Every call that takes a run id refuses what is neither a UUID nor a key before it reads."""
    async with Continuum(dsn) as ct:
        calls = (
            ct.get_run(run_id),
            ct.signal(run_id, "go"),
            ct.cancel(run_id),
            ct.result(run_id),
            ct.history(run_id),
            ct.set_attributes(run_id, {}),
        )
        for call in calls:
            with pytest.raises(MalformedRunId, match="neither a run id nor a key"):
                await call


@pytest.mark.parametrize(
    ("name", "payload", "delivery_id"),
    [
        ("", 1, None),
        ("a\0", 1, None),
        ("n" * 256, 1, None),
        (7, 1, None),
        ("go", object(), None),
        ("go", float("nan"), None),
        ("go", "\ud800", None),
        ("go", 1, ""),
        ("go", 1, "d\0"),
    ],
)
async def test_a_bad_signal_is_not_posted(
    dsn: str, name: Any, payload: Any, delivery_id: Any
) -> None:
    """Bad names, payloads and delivery ids raise PayloadError; the run gets nothing."""
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x")
        with pytest.raises(PayloadError):
            await ct.signal(run.id, name, payload, delivery_id=delivery_id)
        async with ct.worker([approval]):
            await run.signal("go", "good")
            assert await run.result(timeout=10) == "x: good"


async def test_concurrent_attribute_merges_lose_no_key(dsn: str) -> None:
    """Twenty clients setting a key each, at once, all get their key in."""
    async with Continuum(dsn) as ct, Continuum(dsn) as other:
        run = await ct.start(approval, "x", attributes={"old": 1, "keep": {"a": 1}})
        await asyncio.gather(
            *((ct, other)[n % 2].set_attributes(run.id, {f"k{n}": n}) for n in range(20))
        )
        await ct.set_attributes(str(run.id), {"keep": {"b": 2}}, unset=["old", "never"])
        expected = {f"k{n}": n for n in range(20)} | {"keep": {"b": 2}}
        assert dict((await run.get()).attributes) == expected
        assert await ct.history(run.id) == []


@pytest.mark.parametrize(
    ("attributes", "unset"),
    [
        (["a"], ()),
        ({"a": "\0"}, ()),
        ({"a": "\ud800"}, ()),
        ({1: 1}, ()),
        ({"a": float("inf")}, ()),
        ({"a": 1}, ("a",)),
        ({}, ("a\0",)),
        ({}, "abc"),
        ({"a": "x" * 70_000}, ()),
        ({"more": "x" * 40_000}, ()),
    ],
)
async def test_bad_attributes_change_nothing(dsn: str, attributes: Any, unset: Any) -> None:
    """What cannot be stored, or would grow beyond the limit, leaves the attributes as they are."""
    async with Continuum(dsn) as ct:
        before = {"a": 0, "b": "y" * 30_000}
        run = await ct.start(approval, "x", attributes=before)
        with pytest.raises(AttributesError):
            await ct.set_attributes(run.id, attributes, unset=unset)
        assert dict((await run.get()).attributes) == before


async def test_history_pages_join_up(dsn: str) -> None:
    """Pages by `after` give the whole journal once, in order, decoded."""
    async with Continuum(dsn) as ct, ct.worker([collecting]):
        run = await ct.start(collecting, 3)
        for n in range(3):
            await run.signal("go", n)
        await run.result(timeout=10)
        whole = await ct.history(run.id)
        paged: list[Any] = []
        while page := await ct.history(run.id, after=paged[-1].seq if paged else None, limit=2):
            paged += page
        assert paged == whole
        assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
        assert [e.data["value"] for e in whole if e.type == "signal_received"] == [0, 1, 2]
        for limit in (0, -1, 5001, True, "x"):
            with pytest.raises(ConfigurationError):
                await ct.history(run.id, limit=limit)  # pyright: ignore
        with pytest.raises(RunNotFound):
            await ct.history(UUID(int=1))


async def test_every_error_says_what_to_do(dsn: str) -> None:
    """Errors about runs are ContinuumErrors on one line with a hint."""
    async with Continuum(dsn) as ct:
        with pytest.raises(ContinuumError) as raised:
            await ct.get_run(UUID(int=1))
        assert raised.value.hint
        assert "\n" not in str(raised.value)
