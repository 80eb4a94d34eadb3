"""Business keys: one live run each, and a name for it everywhere."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from continuum import (
    AmbiguousKey,
    ConfigurationError,
    Continuum,
    DuplicateRun,
    KeyTaken,
    PayloadError,
    RepairRefused,
    RunNotFound,
    WorkflowFailed,
)
from continuum.errors import MalformedRunId
from tests.cli.processes import new_shell
from tests.identity import flows


async def test_a_key_names_its_run_in_every_call(ct: Continuum) -> None:
    """Look, signal, wait, change, cancel: by the key, as by the id."""
    run = await ct.start(flows.cart, "ann", key="cart-ann")
    assert run.new
    assert (await ct.get_run("cart-ann")).id == run.id
    assert (await ct.get_run("cart/cart-ann")).key == "cart-ann"
    await ct.set_attributes("cart-ann", {"vip": True})
    assert (await run.get()).attributes == {"vip": True}
    await ct.signal("cart-ann", "add", "book", namespace="default")
    await ct.signal("cart-ann", "add", "close")
    assert await ct.result("cart-ann", timeout=20) == ["ann", "book"]
    assert (await ct.history("cart-ann"))[0].type == "run_started"
    again = await ct.start(flows.cart, "ann", key="cart-ann")
    assert again.new
    assert (await ct.get_run("cart-ann")).id == again.id != run.id
    await ct.cancel("cart-ann", force=True)
    assert (await again.get()).state == "cancelled"
    for call in (ct.get_run("cart-bob"), ct.signal("cart-ann", "add", namespace="other")):
        with pytest.raises(RunNotFound, match="cart-"):
            await call


async def test_a_live_run_is_answered_or_refuses(ct: Continuum) -> None:
    """With the same key: the live run, whatever the input; or `KeyTaken` that names it."""
    run = await ct.start(flows.cart, "ann", key="k")
    again = await ct.start(flows.cart, "bob", key="k")
    assert (again.id, again.new) == (run.id, False)
    with pytest.raises(KeyTaken, match="'k'") as caught:
        await ct.start(flows.cart, "ann", key="k", on_conflict="fail")
    assert (caught.value.run_id, caught.value.key) == (run.id, "k")
    assert isinstance(caught.value, DuplicateRun)
    assert await ct.count() == 1
    await run.cancel(force=True)


@pytest.mark.parametrize("last", ["close", "fail"])
async def test_what_may_follow_the_end(ct: Continuum, last: str) -> None:
    """ "reject" nothing, "allow_if_failed" after a failure, "allow" always."""
    run = await ct.start(flows.cart, "ann", key="k")
    for item in dict.fromkeys((last, "close")):
        await run.signal("add", item)
    if last == "close":
        assert await run.result(20) == ["ann"]
    else:
        with pytest.raises(WorkflowFailed):
            await run.result(20)
    with pytest.raises(KeyTaken, match="reject"):
        await ct.start(flows.cart, "ann", key="k", key_reuse="reject")
    if last == "close":
        with pytest.raises(KeyTaken, match="allow_if_failed"):
            await ct.start(flows.cart, "ann", key="k", key_reuse="allow_if_failed")
        following = await ct.start(flows.cart, "ann", key="k")
    else:
        following = await ct.start(flows.cart, "ann", key="k", key_reuse="allow_if_failed")
    assert following.new
    await following.cancel(force=True)


async def test_a_key_of_several_runs_has_to_be_told_apart(ct: Continuum) -> None:
    """By namespace, by workflow, or by the id; the error lists the runs."""
    one = await ct.start(flows.cart, "ann", key="k")
    two = await ct.start(flows.other_cart, "ann", key="k", namespace="n")
    with pytest.raises(AmbiguousKey, match=str(two.id)) as caught:
        await ct.signal("k", "add", "close")
    assert set(caught.value.run_ids) == {one.id, two.id}
    assert (await ct.get_run("k", namespace="n")).id == two.id
    assert (await ct.get_run("other_cart/k")).id == two.id
    await ct.signal(f"{flows.cart.name}/k", "add", "close")
    await one.result(20)
    assert (await ct.get_run("k")).id == two.id, "the only live one"
    await ct.signal("k", "add", "x")
    assert await two.result(20) == "ann: x"


async def test_continue_as_new_keeps_the_key(ct: Continuum) -> None:
    """It is the same run; a start with the key still finds it."""
    run = await ct.start(flows.rounds, 2, key="k")
    for _ in range(2):
        await ct.signal("k", "next")
    again = await ct.start(flows.rounds, 9, key="k")
    assert (again.id, again.new) == (run.id, False)
    await ct.signal("k", "next")
    assert await ct.result("k", 20) == 3
    assert (await run.get()).key == "k"


async def test_queries_find_runs_by_key(ct: Continuum) -> None:
    """As text, as a condition, counted and grouped; runs without a key have none."""
    run = await ct.start(flows.cart, "ann", key="k")
    plain = await ct.start(flows.cart, "bob")
    assert [found.id for found in (await ct.query("key = 'k'")).entries] == [run.id]
    page = await ct.query(where=[("in", "key", ["k", "l"])], namespace=None)
    assert [found.id for found in page.entries] == [run.id]
    missing = await ct.query(where=[("missing", "key")])
    assert [found.id for found in missing.entries] == [plain.id]
    assert await ct.count("key like 'k%' and state in ('running', 'suspended')") == 1
    assert (await plain.get()).key is None
    for each in (run, plain):
        await each.cancel(force=True)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"key": ""}, PayloadError),
        ({"key": "a\0"}, PayloadError),
        ({"key": "k" * 256}, PayloadError),
        ({"key": str(uuid4())}, PayloadError),
        ({"key": "k", "key_reuse": "sometimes"}, ConfigurationError),
        ({"key": "k", "on_conflict": "replace"}, ConfigurationError),
    ],
)
async def test_bad_keys_write_nothing(
    ct: Continuum, options: dict[str, Any], error: type[Exception]
) -> None:
    """Each is refused before anything is written."""
    with pytest.raises(error):
        await ct.start(flows.cart, "ann", **options)
    assert await ct.count(namespace=None) == 0


@pytest.mark.parametrize("named", ["", "a\0b", "k" * 300, 7])
async def test_what_is_neither_id_nor_key_is_refused(ct: Continuum, named: Any) -> None:
    """Before anything is read."""
    with pytest.raises(MalformedRunId, match="neither a run id nor a key"):
        await ct.get_run(named)


async def test_repairs_respect_the_key(ct: Continuum) -> None:
    """A run whose key has passed to a live one is not retried, not restarted; else it keeps it."""
    run = await ct.start(flows.cart, "ann", key="k")
    await run.cancel(force=True)
    again = await ct.restart("k")
    assert (await again.get()).key == "k"
    assert (await ct.restart(run.id)).id == again.id, "the same restart"
    with pytest.raises(RepairRefused, match=f"run {again.id}"):
        await ct.restart(run.id, once="second")
    await again.cancel(force=True)


async def test_a_retry_does_not_bring_a_second_run_of_a_key_to_life(dsn: str) -> None:
    """The failed run stays failed while another has its key, also if both happen at once."""
    from tests.repair import flows as repairs

    repairs.reset("bank")
    async with Continuum(dsn) as ct, ct.worker(repairs.ALL):
        run = await ct.start(repairs.three_steps, "bank", key="k")
        with pytest.raises(WorkflowFailed):
            await run.result(20)
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            other = await ct.start(repairs.patient, "x", key="k2")
            await ct.start(repairs.three_steps, "bank", key="k", connection=connection)
            retrying = asyncio.create_task(ct.retry(run.id))
            await asyncio.sleep(0.2)
            assert not retrying.done(), "it waits for the start that is under way"
            await connection.commit()
            with pytest.raises(RepairRefused, match="its key is that of run"):
                await retrying
        await other.cancel(force=True)
        assert (await run.get()).state == "failed"


_RACER = """
import asyncio, sys
from continuum import Continuum
from tests.identity.flows import cart

async def main():
    async with Continuum(sys.argv[1]) as ct:
        await ct.count()
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(20):
            run = await ct.start(cart, sys.argv[2], key=f"order-o{n}")
            print(run.id, run.new, flush=True)

asyncio.run(main())
"""


def test_eight_processes_that_start_one_key_start_one_run(dsn: str) -> None:
    """20 keys, each started by all of them at once: one run a key, and all are told the same."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, dsn, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )
        for number in range(8)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=60)[0].split("\n")[:20] for racer in racers]
    for answers in zip(*told, strict=True):
        ids = {answer.split()[0] for answer in answers}
        assert len(ids) == 1
        assert sum(answer.endswith("True") for answer in answers) == 1
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM continuum_runs").fetchone() == (20,)
        assert connection.execute("SELECT count(*) FROM continuum_leases").fetchone() == (20,)


def test_keys_on_the_command_line(dsn: str, tmp_path: Path) -> None:
    """Start, look, signal, wait and cancel by key, in processes of their own."""
    shell = new_shell(tmp_path, dsn)
    app = ["--app", "tests.identity.flows:cart"]
    started = shell.run("start", "cart", "--input", '"ann"', "--key", "cart-ann", *app)
    assert started.returncode == 0, started.stderr
    run_id = started.stdout.strip()
    again = shell.run("start", "cart", "--input", '"bob"', "--key", "cart-ann", *app)
    assert again.stdout.strip() == run_id
    taken = ["--key", "cart-ann", "--on-conflict", "fail"]
    refused = shell.run("start", "cart", "--input", '"bob"', *taken, *app)
    assert (refused.returncode, run_id in refused.stderr) == (1, True)
    sent = ["--key", "cart-ann", "--signal", "add", "--payload", '"book"', *app]
    assert shell.run("start", "cart", "--input", '"x"', *sent).stdout.strip() == run_id
    shown = shell.run("show", "cart-ann", "--format", "json")
    assert json.loads(shown.stdout)["key"] == "cart-ann"
    assert shell.run("signal", "cart-ann", "add", '"close"').returncode == 0
    found = shell.run("query", "key = 'cart-ann'", "--format", "ids")
    assert found.stdout.strip() == run_id
    cancelled = shell.run("cancel", "cart-ann", "--force", "--format", "jsonl")
    assert json.loads(cancelled.stdout)["id"] == run_id
    assert shell.run("result", "cart-ann").returncode == 1
    nobody = shell.run("show", "cart-bob")
    assert (nobody.returncode, "cart-bob" in nobody.stderr) == (1, True)
    wrong = shell.run("start", "cart", "--input", '"x"', "--signal", "add", *app)
    assert (wrong.returncode, "--key" in wrong.stderr) == (2, True)
