"""Families of failures: what makes one, and what the report says of them."""

from __future__ import annotations

import re
from datetime import timedelta

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import continuum
from continuum import Continuum, workflow
from continuum.health.report import Severity
from continuum.journal.families import family_of
from continuum.testing import environment
from tests.client import flows
from tests.health.looking import codes, finding, report

ALIKE = [
    ["order 17 not found", "order 4 not found", "order ord_8812 not found"],
    ["no account 'ann'", "no account 'bob o'", 'no account "x"'],
    ["10.0.0.7:5432 refused", "10.0.0.12:6432 refused", "db-3:5432 refused"],
    ["run 01a20315-3d0a-71a3-972b-4747caa3612a", "run 1b8c0315-3d0a-71a3-972b-ffffcaa3612a"],
    ["<Order object at 0x7f2669518750>", "<Order object at 0x7f2669aaaa50>"],
    ["at 2026-11-29T08:34:44.701+00:00", "at 2027-01-01T00:00:00.1+01:00"],
    ["took 1.5 s", "took 12 s"],
]
APART = [
    "order 17 not found", "account 17 not found", "can't open it", "cannot open it",
    "out of memory", "", "refused",
]  # fmt: skip
MESSAGES = st.text(st.sampled_from("aZé0129_-.:/+,'\"`# \n\t\x0b\u00a0ж"), max_size=60) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=600
)


@workflow
async def refusing(text: str) -> None:
    raise LookupError(text)


@workflow
async def another() -> None:
    """Its first registration is a deployment."""


@pytest.mark.parametrize("messages", ALIKE)
def test_what_differs_from_failure_to_failure_does_not_count(messages: list[str]) -> None:
    """Ids, numbers, addresses, times and quoted values make no family of their own."""
    assert len({family_of("ValueError", message).name for message in messages}) == 1


def test_causes_are_told_apart() -> None:
    """Type and words do make one; an apostrophe quotes nothing."""
    names = {family_of("ValueError", message).name for message in APART}
    assert len(names | {family_of("KeyError", APART[0]).name}) == len(APART) + 1
    assert re.fullmatch("[0-9a-f]{12}", min(names))


def test_a_family_keeps_its_name() -> None:
    """Names are stored in people's notes and queries: they are the same in every release."""
    family = family_of("shop.OrderRejected", "order 17 of 'ann' at 10.0.0.1:5432 failed")
    assert family.message == "shop.OrderRejected: order # of <text> at # failed"
    assert family.name == "80938e8d7fd5"


@pytest.mark.every_server
def test_the_database_gives_the_same_names(dsn: str) -> None:
    """The function that the index is on and the one of the library agree on any message."""
    with psycopg.connect(dsn, autocommit=True) as connection:

        @example([("", text) for text in ("'''", '\'"\'" a "', "'\"a\"b' c'", "`'`'", '""""')])
        @settings(max_examples=60)
        @given(st.lists(st.tuples(st.text("aé:", max_size=3), MESSAGES), min_size=1, max_size=20))
        def agree(errors: list[tuple[str, str]]) -> None:
            rows = connection.execute(
                "SELECT continuum_error_family('failed', e.type, e.message)"
                " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS e (type, message, n)"
                " ORDER BY n",
                [[type_ for type_, _ in errors], [message for _, message in errors]],
            ).fetchall()
            assert [name for (name,) in rows] == [family_of(*error).name for error in errors]

        agree()
        [row] = connection.execute(
            "SELECT continuum_error_family('failed', NULL, NULL),"
            " continuum_error_family('cancelled', 'cancelled', 'x')"
        ).fetchall()
        assert row == (family_of(None, None).name, None)


async def test_a_family_is_a_query_field(dsn: str) -> None:
    """Runs of a family are found and counted; a run that did not fail has none."""
    async with Continuum(dsn) as ct, ct.worker([*flows.ALL, refusing]):
        gone = [f"order {number} is gone" for number in range(3)]
        runs = [await ct.start(refusing, text) for text in gone]
        runs += [await ct.start(refusing, "something else")]
        done = await ct.start(flows.total, flows.Order("o", 1))
        for run in runs:
            with pytest.raises(continuum.WorkflowFailed):
                await run.result(30)
        await done.result(30)
        name = family_of("LookupError", "order 1 is gone").name
        page = await ct.query(f"error_family = '{name}'")
        assert {run.id for run in page.entries} == {run.id for run in runs[:3]}
        assert await ct.count("error_family is null") == 1
        groups = await ct.count(group_by="error_family")
        assert sorted(group.count for group in groups) == [1, 1, 3]


async def test_the_memory_store_knows_families_too() -> None:
    """Query field and report are those of PostgreSQL."""
    async with environment([refusing]) as env:
        for text in ("order 1 is gone", "order 2 is gone"):
            run = await env.start(refusing, text)
            with pytest.raises(continuum.WorkflowFailed):
                await run.result()
        name = family_of("LookupError", "order 1 is gone").name
        assert await env.client.count(f"error_family = '{name}'") == 2
        found = await env.client.health(sample=0)
        [family] = list(found.facts.families or ())
        assert (family.name, family.fact.last_hour, family.fact.last_day) == (name, 2, 2)
        assert family.message == "LookupError: order # is gone"


async def test_the_report_groups_failures_and_tells_new_ones(dsn: str) -> None:
    """New since the last deploy, merely there, and rising; each names the query for its runs."""
    async with Continuum(dsn) as ct:
        async with ct.worker([refusing]):
            gone = [f"order {number} is gone" for number in range(3)]
            runs = [await ct.start(refusing, text) for text in gone]
            for run in runs:
                with pytest.raises(continuum.WorkflowFailed):
                    await run.result(30)
            name = family_of("LookupError", "order 1 is gone").name
            new = await finding(ct, "failures-new")
            assert new.severity is Severity.WARNING
            assert "LookupError: order # is gone" in new.message
            assert f"error_family = '{name}'" in new.fix
            async with ct.worker([another]):
                known = await finding(ct, "failures")
                assert known.severity is Severity.INFO
                assert "3 in the last hour" in known.message
                assert "failures-rising" in await codes(ct, failures=3)
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute(
                        "UPDATE continuum_runs SET completed_at = completed_at - interval '2 hours'"
                        " WHERE id <> %s",
                        [runs[0].id],
                    )
                assert "failures-rising" not in await codes(ct, failures=3)
                facts = (await report(ct)).facts
        [family] = list(facts.families or ())
        assert (family.fact.last_hour, family.fact.last_day) == (1, 3)
        assert family.fact.last_at - family.fact.first_at > timedelta(hours=1)
        assert family.fact.workflows == (refusing.name,)
        assert family.fact.versions == (1,)
        assert family.is_new is False


NEWEST = """
SELECT id FROM continuum_runs
WHERE state = 'failed' AND completed_at > now() - interval '1 day'
ORDER BY completed_at DESC LIMIT 9"""
OLDEST = """
SELECT id FROM continuum_runs
WHERE state = 'failed' AND continuum_error_family(state, error_type, error_message) = 'x'
ORDER BY completed_at LIMIT 1"""


@pytest.mark.parametrize(
    ("query", "index"),
    [(NEWEST, "continuum_runs_failed_idx"), (OLDEST, "continuum_runs_error_family_idx")],
)
def test_families_are_read_by_index(dsn: str, query: str, index: str) -> None:
    """Neither the newest failures nor one family's are looked for among all runs."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN {query}".encode()).fetchall()
    plan = "\n".join(str(row[0]) for row in rows)
    assert index in plan
    assert "Sort" not in plan
