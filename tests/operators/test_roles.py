"""`continuum migrate --roles`: what each role can do, and what not, logged in as that role."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from continuum import Continuum, ContinuumError, WorkflowFailed
from tests.cli.processes import new_shell
from tests.operators import flows

READS = (
    ["query", "-A"],
    ["query", "-A", "attributes.plan = 'pro'"],
    ["query", "-A", "--group-by", "state"],
    ["show", "RUN"],
    ["show", "RUN", "--history"],
    ["attributes", "keys", "-A"],
    ["attributes", "index"],
    ["schedules", "list", "-A"],
    ["nodes"],
    ["health"],
    ["doctor"],
    ["audit"],
    ["versions"],
    ["gc-versions"],
    ["prune", "-A", "--older-than", "0s"],
    ["journal"],
    ["reasons"],
    ["pauses"],
    ["plan", "list"],
    ["plan", "show", "PLAN"],
    ["plan", "show", "PLAN", "--runs"],
    ["migrate", "--status"],
    ["cancel", "-A", "--where", "true", "--dry-run"],
)
WRITES = (
    (
        "INSERT INTO continuum_runs (id, workflow, state, input)"
        " VALUES (gen_random_uuid(), 'x', 'running', '')"
    ),
    "UPDATE continuum_runs SET attributes = '{}'",
    "DELETE FROM continuum_runs",
    "UPDATE continuum_leases SET ready = true",
    (
        "INSERT INTO continuum_operator_journal (operator, host, program, act, outcome)"
        " VALUES ('x', 'x', 'x', 'x', 'x')"
    ),
    "UPDATE continuum_plans SET applied_at = NULL",
    "INSERT INTO continuum_namespaces (namespace, reason_required) VALUES ('x', true)",
    "SELECT nextval('continuum_lease_token_seq')",
    "CREATE TABLE mine (n int)",
)
BEYOND_ACTS = (
    "DELETE FROM continuum_operator_journal",
    "UPDATE continuum_operator_journal SET operator = 'nobody'",
    "TRUNCATE continuum_operator_journal",
    "DROP TABLE continuum_operator_journal",
    "ALTER TABLE continuum_runs ADD COLUMN mine int",
    "CREATE INDEX ON continuum_runs (workflow)",
    "UPDATE continuum_leases SET lease_owner = gen_random_uuid()",
    "UPDATE continuum_leases SET wake_at = now()",
    "UPDATE continuum_events SET payload = ''",
    "DELETE FROM continuum_events",
    "DELETE FROM continuum_inbox",
    "DELETE FROM continuum_runs",
    "UPDATE continuum_runs SET input = ''",
    "UPDATE continuum_runs SET namespace = 'x'",
    "DELETE FROM continuum_plans",
    "UPDATE continuum_plans SET runs = 1",
    "UPDATE continuum_plan_runs SET run_id = gen_random_uuid()",
    "DELETE FROM continuum_plan_runs",
    "UPDATE continuum_namespaces SET reason_required = false",
    "DELETE FROM continuum_nodes",
    (
        "INSERT INTO continuum_tasks (run_id, incarnation, command, queue, activity, payload)"
        " VALUES (gen_random_uuid(), 1, 1, 'q', 'a', '')"
    ),
    "UPDATE continuum_counts SET n = 0",
    "UPDATE continuum_pauses SET operator = 'nobody'",
    "UPDATE continuum_published SET value = ''",
    "UPDATE continuum_questions SET answer = ''",
    "DELETE FROM continuum_schema",
    "CREATE TABLE mine (n int)",
)


@pytest.fixture
def roles(dsn: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The DSN of each role."""
    with psycopg.connect(dsn, autocommit=True) as admin:  # as PostgreSQL 15 and newer have it
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    made = new_shell(tmp_path, dsn).answer("migrate", "--roles", "--format", "ids")
    assert made.split() == ["continuum_reader", "continuum_operator"]
    yield {name: conninfo.make_conninfo(dsn, user=name) for name in made.split()}
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("DROP OWNED BY continuum_reader, continuum_operator")


def refused(dsn: str, statements: tuple[str, ...]) -> None:
    """Each of them is denied, and nothing but a missing privilege is the reason."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


async def test_a_reader_reads_everything_and_writes_nothing(
    dsn: str, roles: dict[str, str], tmp_path: Path
) -> None:
    """Every command that looks works as `continuum_reader`; no command and no statement writes."""
    async with Continuum(dsn, operator="ann") as ct, ct.worker(flows.ALL):
        run = await ct.start(flows.waiting, attributes={"plan": "pro"})
        plan = await ct.plan("signal", "true", arguments={"name": "go"})
        reader = roles["continuum_reader"]
        shell = new_shell(tmp_path, reader)
        for words in READS:
            given = [{"RUN": str(run.id), "PLAN": str(plan.id)}.get(word, word) for word in words]
            done = await asyncio.to_thread(shell.run, *given)
            assert done.returncode in (0, 1 if words[0] in ("health", "doctor", "audit") else 0), (
                words, done.stderr,
            )  # fmt: skip
            assert "permission denied" not in done.stderr, words
            assert "internal error" not in done.stderr, words
        refused(reader, WRITES)
        async with Continuum(reader) as mine:
            for act in (
                mine.start(flows.waiting),
                mine.signal(run.id, "go"),
                mine.ask(run.id, "add", 1, timeout=0),
                mine.cancel(run.id),
                mine.set_attributes(run.id, {"a": 1}),
                mine.pause(run.id),
                mine.pause(namespace="default"),
                mine.plan("cancel", "true"),
                mine.apply_plan(plan.id, count=1),
            ):
                with pytest.raises((psycopg.Error, ContinuumError), match=r"permission|read-only"):
                    await act
        assert (await ct.get_plan(plan.id)).status == "planned"
        assert dict((await run.get()).attributes) == {"plan": "pro"}
        assert len((await ct.operator_journal()).entries) == 1


async def test_an_operator_can_act_and_nothing_else(dsn: str, roles: dict[str, str]) -> None:
    """Every act works as `continuum_operator`; what no act needs is denied."""
    operator = roles["continuum_operator"]
    async with (
        Continuum(dsn) as ct,
        ct.worker(flows.ALL),
        Continuum(operator, operator="ann") as me,
    ):
        flows.broken.add("bank")
        failed = await ct.start(flows.asking, "bank")
        with pytest.raises(WorkflowFailed):
            await failed.result(30)
        flows.broken.clear()
        runs = [await ct.start(flows.waiting) for _ in range(4)]
        await me.signal(runs[0].id, "go", 1, delivery_id="d")
        assert await runs[0].result(30) == "1"
        await me.set_attributes(runs[1].id, {"a": 1})
        adding = await ct.start(flows.asked)
        assert await me.ask(adding.id, "add", 1, id="q", timeout=30) == 1
        assert await me.ask(adding.id, "add", 1, id="q", timeout=30) == 1
        await adding.cancel(force=True)
        await me.cancel(runs[1].id)
        await me.cancel(runs[2].id, force=True)
        assert await me.retry(failed.id, once="k")
        assert await failed.result(30) == "bank"
        again = await me.restart(failed.id)
        assert await ct.result(again.id, 30) == "bank"
        assert await (await me.fork(again.id, at=1)).result(30) == "bank"
        keyed = await ct.start(flows.waiting, key="k")
        await me.signal_with_start(flows.waiting, key="k", signal="go", payload=2)
        assert await keyed.result(30) == "2"
        anew = await me.restart("k")
        await me.cancel("k", force=True)
        assert (await anew.get()).state == "cancelled"
        assert await me.pause(runs[3].id)
        assert await me.resume(runs[3].id)
        assert await me.pause(namespace="default")
        assert await me.resume(namespace="default")
        await me.create_schedule("n", flows.waiting, every=3600)
        await me.pause_schedule("n")
        await me.resume_schedule("n")
        await me.trigger_schedule("n")
        await me.delete_schedule("n")
        await me.gc_versions(execute=True)
        plan = await me.plan("signal", "state = 'suspended'", arguments={"name": "go"})
        done = await me.apply_plan(plan.id, count=plan.count)
        assert (done.done, done.failed) == (plan.count, 0)
        changes = {"attributes": {"b": 2}}
        plan = await me.plan("attributes", "true", arguments=changes, namespace=None)
        assert (await me.apply_plan(plan.id, count=plan.count)).failed == 0
        acts = {entry.act for entry in (await me.operator_journal(limit=1000)).entries}
        assert acts >= {
            "signal",
            "ask",
            "attributes set",
            "cancel",
            "retry",
            "restart",
            "fork",
            "apply",
        }
        assert "x" not in await me.reasons_required()
    refused(operator, BEYOND_ACTS)


async def test_roles_can_be_created_again(dsn: str, roles: dict[str, str], tmp_path: Path) -> None:
    """Twice, by several at once, and from the printed script; what was granted by hand goes."""
    shell = new_shell(tmp_path, dsn)
    migrate = partial(asyncio.to_thread, shell.run_process, "migrate", "--roles")
    created = await asyncio.gather(migrate(), migrate(), migrate())
    assert [done.returncode for done in created] == [0, 0, 0]
    script = await asyncio.to_thread(shell.answer, "migrate", "--roles", "--sql")
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("GRANT DELETE ON continuum_operator_journal TO continuum_operator")
        admin.execute(script.encode())
        tables = admin.execute(
            "SELECT relname, has_table_privilege('continuum_reader', oid, 'SELECT')"
            " FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE 'continuum\\_%'"
        ).fetchall()
    assert len(tables) > 20
    assert all(readable for _, readable in tables)
    refused(roles["continuum_operator"], BEYOND_ACTS)
