"""Journeys over a real PostgreSQL, with a real worker: what an operator does, from key to row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from textual.widgets import Input

import continuum
from console.dialogs.cancel import CancelDialog
from console.source import ClientSource, RunsQuery
from continuum import Continuum, workflow
from tests.console.driving import Driver, console, wait_until
from tests.servers import TestServer


@workflow
async def review(order: str) -> str:
    """Waits for a verdict."""
    verdict = await continuum.wait_signal("fraud_review")
    return f"{order} {verdict}"


@workflow
async def quick(number: int) -> int:
    """Ends at once."""
    return number * 2


@asynccontextmanager
async def shop(dsn: str) -> AsyncGenerator[Continuum]:
    """A client with a worker of its own."""
    async with Continuum(dsn) as client, client.worker([review, quick]):
        yield client


async def suspended(client: Continuum, run_id: object) -> None:
    """The run waits for its signal."""

    async def look() -> bool:
        return (await client.get_run(str(run_id))).waiting_on is not None

    for _ in range(1000):
        if await look():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the run never waited")


async def find(ui: Driver, run_id: object) -> None:
    """Put the cursor on a run."""
    await wait_until(lambda: any(run.id == run_id for run in ui.runs.list.rows), "the run")
    index = next(i for i, run in enumerate(ui.runs.list.rows) if run.id == run_id)
    await ui.press("g", *["down"] * index)
    assert ui.runs.list.cursor_row is not None
    assert ui.runs.list.cursor_row.id == run_id


async def test_signal_a_run_to_completion(dsn: str) -> None:
    """From the list: s, a JSON payload, Send; the run completes, and the screen shows it."""
    async with shop(dsn) as client:
        run = await client.start(review, "o1", attributes={"plan": "pro"})
        await suspended(client, run.id)
        async with console(ClientSource(client), namespace="default", size=(140, 40)) as ui:
            await find(ui, run.id)
            await ui.shows("signal fraud_review")
            await ui.press("s")
            await ui.on_screen("SignalDialog")
            assert ui.app.screen.query_one("#name", Input).value == "fraud_review"
            await ui.type('"approved"')
            await ui.press("tab", "tab", "enter")
            await ui.on_screen("RunsScreen")
            assert await run.result(timeout=20) == "o1 approved"
            await ui.press("enter")
            await ui.on_screen("RunScreen")
            await ui.shows("run completed")
            await ui.shows('fraud_review "approved"')
            await ui.shows('"o1 approved"')


async def test_cancel_a_run(dsn: str) -> None:
    """X, a reason, y: the run ends cancelled and its journal holds the reason."""
    async with shop(dsn) as client:
        run = await client.start(review, "o2")
        await suspended(client, run.id)
        async with console(ClientSource(client), namespace="default", size=(140, 40)) as ui:
            await find(ui, run.id)
            await ui.press("X")
            await ui.on_screen("CancelDialog")
            dialog = ui.app.screen
            assert isinstance(dialog, CancelDialog)
            dialog.query_one("#reason", Input).value = "customer withdrew"
            dialog._deliberation._since -= 1
            await ui.press("y")
            await ui.on_screen("RunsScreen")
            await ui.press("enter")
            await ui.on_screen("RunScreen")
            await ui.shows("customer withdrew")
            await wait_until(
                lambda: ui.run.run_shown is not None and ui.run.run_shown.state == "cancelled",
                "the end",
            )


async def test_force_cancel_without_a_worker(dsn: str) -> None:
    """A run that nobody executes can still be ended; the proof is its id."""
    async with Continuum(dsn) as client:
        run = await client.start(review, "o3")
        async with console(ClientSource(client), namespace="default", size=(140, 40)) as ui:
            await find(ui, run.id)
            await ui.shows("no worker")
            await ui.press("X")
            await ui.on_screen("CancelDialog")
            dialog = ui.app.screen
            assert isinstance(dialog, CancelDialog)
            dialog._deliberation._since -= 1
            await ui.press("f")
            await ui.type(str(run.id)[-4:])
            await ui.press("enter", "y")
            await ui.on_screen("RunsScreen")
            await ui.shows("⊘ cancelled")
        assert (await client.get_run(run.id)).state == "cancelled"


async def test_namespaces_states_and_attributes(dsn: str) -> None:
    """The picker, a state tab and an attribute filter each ask the database the right question."""
    async with shop(dsn) as client:
        for number in range(6):
            namespace = ("billing", "orders")[number % 2]
            plan = {"plan": ("free", "pro")[number // 3]}
            run = await client.start(quick, number, namespace=namespace, attributes=plan)
            await run.result(timeout=20)
        waiting = await client.start(review, "o4", namespace="orders", attributes={"plan": "pro"})
        await suspended(client, waiting.id)
        async with console(ClientSource(client), namespace="billing", size=(120, 30)) as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 3, "billing")
            await ui.press("n")
            await ui.on_screen("NamespaceDialog")
            await ui.type("ord")
            await ui.press("enter")
            await wait_until(lambda: len(ui.runs.list.rows) == 4, "orders")
            await ui.shows("Completed 3")
            await ui.press("greater_than_sign", "greater_than_sign")
            await wait_until(lambda: [r.id for r in ui.runs.list.rows] == [waiting.id], "suspended")
            await ui.press("escape", "0")
            await wait_until(lambda: len(ui.runs.list.rows) == 7, "all namespaces")
            await ui.press("slash")
            await ui.type("attributes.plan = 'pro'")
            await ui.press("enter")
            await wait_until(lambda: len(ui.runs.list.rows) == 4, "the attribute")
            assert {run.attributes["plan"] for run in ui.runs.list.rows} == {"pro"}
            assert f"@{(await client.server()).host}" in ui.text()


async def test_the_header_tells_of_runs_that_nobody_can_run(dsn: str) -> None:
    """They are counted until code that can run them is back, or an operator ends them by force."""
    async with Continuum(dsn) as client:
        async with client.worker([review, quick]):
            runs = [await client.start(review, f"o{n}") for n in range(3)]
            for run in runs:
                await suspended(client, run.id)
        async with client.worker([quick]):
            source = ClientSource(client)
            async with console(source, namespace="default", size=(120, 30)) as ui:
                await ui.shows("3 stuck")
                await source.cancel(runs[0].id, reason=None, force=True)
                await ui.press("r")
                await ui.shows("2 stuck")
                async with client.worker([review]):
                    await client.signal(runs[1].id, "fraud_review", "approved")
                    assert await runs[1].result(timeout=20) == "o1 approved"
                    await ui.press("r")
                    await wait_until(lambda: "stuck" not in ui.text(), "nothing to be stuck")


async def test_paging_walks_the_keyset(dsn: str) -> None:
    """Two hundred and fifty runs come page by page, each once, newest first."""
    async with shop(dsn) as client:
        started = await asyncio.gather(*(client.start(quick, number) for number in range(250)))
        source = ClientSource(client)
        page = await source.runs(RunsQuery("default"), 1000)
        assert {run.id for run in page.runs} == {run.id for run in started}
        assert len(page.runs) == 250
        assert not page.more
        async with console(source, namespace="default") as ui:
            await wait_until(lambda: len(ui.runs.list.rows) == 100, "the first page")
            for wanted in (200, 250):
                assert ui.runs.focused is ui.runs.list
                await ui.press("G")
                await wait_until(lambda wanted=wanted: len(ui.runs.list.rows) == wanted, "more")
            order = [(run.started_at, run.id) for run in ui.runs.list.rows]
            assert order == sorted(order, reverse=True)


@pytest.mark.cluster
async def test_the_console_outlives_the_database(own_server: TestServer) -> None:
    """The server is killed under the console: banner, old rows dimmed; it returns: all is well."""
    template = await asyncio.to_thread(own_server.migrated_template)
    with own_server.database(template) as dsn:
        async with Continuum(dsn) as client:
            run = await client.start(review, "o5")
            async with console(ClientSource(client), namespace="default") as ui:
                await find(ui, run.id)
                await asyncio.to_thread(own_server.kill)
                await ui.press("r")
                await ui.shows("database unreachable")
                assert [row.id for row in ui.runs.list.rows] == [run.id]
                assert ui.runs.list.stale
                await asyncio.to_thread(own_server.start)
                await wait_until(lambda: not ui.runs.list.stale, "recovery by itself")
                assert "database unreachable" not in ui.text()
                again = await client.start(review, "o6")
                await ui.press("r")
                await find(ui, again.id)
