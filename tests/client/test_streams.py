"""Answers that are read to their end: through every page, and nothing left behind."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError, fields, replace
from random import Random
from typing import Any

import psycopg
import pytest

from continuum import Continuum
from continuum.model import Page, Run
from tests.client.rows import insert_runs, make_run


async def test_a_stream_goes_on_through_incomplete_and_empty_pages(dsn: str) -> None:
    """Only a page without a cursor is the last one, whatever the others hold."""
    insert_runs(dsn, [make_run(Random(n), "default") for n in range(7)])
    async with Continuum(dsn) as ct:
        whole = [run.id async for run in ct.stream()]
        search = ct._reads.search

        async def in_small_steps(
            query: Any, limit: int, cursor: str | None, **options: Any
        ) -> Page[Run]:
            page = await search(query, 2, cursor, **options)
            asked.append(cursor)
            if len(asked) % 2 == 0 and cursor is not None:
                return replace(page, entries=(), next_cursor=cursor, complete=False)
            return replace(page, complete=False)

        asked: list[str | None] = []
        ct._reads.search = in_small_steps  # pyright: ignore[reportAttributeAccessIssue]
        assert [run.id async for run in ct.stream()] == whole
        assert len(asked) > 4
        pages = [page async for page in ct.pages()]
        assert [run.id for page in pages for run in page.entries] == whole
        assert [page.next_cursor is None for page in pages[:-1]] == [False] * (len(pages) - 1)


async def test_a_stream_that_is_left_early_leaves_no_query(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that was fetched ahead is given up with its connection; the client goes on."""
    monkeypatch.setattr("continuum.client.looking.STREAM_PAGE", 2)
    insert_runs(dsn, [make_run(Random(n), "default") for n in range(7)])
    async with Continuum(dsn) as ct:
        for _ in range(8):  # more often than there are connections
            runs = ct.stream()
            await anext(runs)
            await runs.aclose()
            assert not [task for task in asyncio.all_tasks() if "search" in repr(task)]
        assert len([run async for run in ct.stream()]) == await ct.count() == 7


async def test_a_listed_run_is_frozen(dsn: str) -> None:
    """However it was made, it is a `Run` like any other: equal to it and unchangeable."""
    insert_runs(dsn, [make_run(Random(1), "default")])
    async with Continuum(dsn) as ct:
        [run] = (await ct.query()).entries
    assert type(run) is Run
    assert Run(**{field.name: getattr(run, field.name) for field in fields(Run)}) == run
    with pytest.raises(FrozenInstanceError):
        run.state = "completed"  # pyright: ignore[reportAttributeAccessIssue]


async def test_numbers_of_any_size_come_back_as_they_are(dsn: str) -> None:
    """Whole numbers beyond 64 bits stay exact, and a number beyond a float does no harm."""
    run = make_run(Random(1), "default")
    insert_runs(dsn, [run])
    huge = {"n": 10**40, "m": -(2**64), "f": 0.1, "deep": [{"k": 10**30}]}
    async with Continuum(dsn) as ct:
        await ct.set_attributes(run["id"], huge)
        found = (await ct.get_run(run["id"])).attributes
        assert {key: found[key] for key in huge} == huge
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE continuum_runs SET attributes = jsonb_build_object('f', 1e400 + 0.5)"
            )
        assert (await ct.get_run(run["id"])).attributes == {"f": float("inf")}
