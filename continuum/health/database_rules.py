"""Findings about the database: what will slow it down or stop it one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from continuum.health.report import Facts, Finding, Limits, Severity
from continuum.health.wording import lasting, seconds_since
from continuum.store.health import MOST, SnapshotFact, TableFact

_FULL = 0.95
"""Share of the connections at which the next process may get none."""
_CLOGGED = 0.5
"""Share of the NOTIFY queue at which it will soon refuse."""


def server_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """NOTIFY, transaction ids and autovacuum."""
    database = facts.database
    if database is None:
        return
    if database.notify_usage > limits.notify_usage:
        severity = Severity.ERROR if database.notify_usage > _CLOGGED else Severity.WARNING
        text = f"the NOTIFY queue is {database.notify_usage:.0%} full: a session that listens has "
        text += "had a transaction open for long; when it is full, hints are lost and polling is "
        text += "all that is left"
        yield Finding(
            severity, "notify-queue", text,
            "SELECT pid, application_name, xact_start FROM pg_stat_activity "
            "WHERE state LIKE 'idle in transaction%' ORDER BY xact_start;",
        )  # fmt: skip
    if database.frozen_age > limits.frozen_age:
        close = database.frozen_age > 0.8 * database.freeze_limit
        text = f"{database.frozen_age:,} transactions since the oldest row was frozen; the server "
        text += f"stops writing at {database.freeze_limit:,}"
        severity = Severity.ERROR if close else Severity.WARNING
        yield Finding(severity, "not-frozen", text, "VACUUM (FREEZE);")
    for setting in ("autovacuum", "track_counts"):
        if database.settings.get(setting) == "off":
            text = f"{setting} is off: dead rows stay, and every query becomes slower"
            fix = f"ALTER SYSTEM SET {setting} = on;"
            yield Finding(Severity.WARNING, "autovacuum-off", text, fix)


def snapshot_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Somebody keeps vacuum from removing what is dead."""
    held, cluster = facts.snapshot, facts.cluster
    if held is None or cluster is None:
        return
    if held.holder == "replication slot":
        if held.age < limits.frozen_age // 100:
            return
        text = f"replication slot {held.name} holds back vacuum by {held.age:,} transactions"
        fix = f"SELECT pg_drop_replication_slot('{_quoted(held.name)}');"
        yield Finding(Severity.WARNING, "old-snapshot", text, fix)
    elif held.since is not None and seconds_since(held.since, cluster.now) > limits.snapshot_age:
        yield _old_transaction(held, seconds_since(held.since, cluster.now))


def table_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Dead rows and statistics of our tables."""
    for table in facts.tables or ():
        if not table.autovacuum:
            fix = f"ALTER TABLE {table.table} RESET (autovacuum_enabled);"
            text = f"autovacuum is off for {table.table}"
            yield Finding(Severity.WARNING, "autovacuum-off", text, fix)
        total = table.live + table.dead
        if table.dead > limits.dead_rows and table.dead > limits.dead_share * total:
            text = f"{table.table} has {table.dead:,} dead rows beside {table.live:,} living ones; "
            text += f"last vacuum: {_moment(table.vacuumed_at)}"
            fix = f"VACUUM (ANALYZE) {table.table};"
            yield Finding(Severity.WARNING, "dead-rows", text, fix)
        if _is_stale(table, limits):
            text = f"{table.modified:,} rows of {table.table} have changed since it was analysed "
            text += f"({_moment(table.analysed_at)}): queries are planned by old numbers"
            fix = f"ANALYZE {table.table};"
            yield Finding(Severity.WARNING, "old-statistics", text, fix)


def month_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Journals that no dropped month will give the disk of back."""
    for fact in facts.months or ():
        if fact.events:
            count = f"{fact.events:,}{' or more' if fact.events >= MOST else ''}"
            text = f"{count} events of runs of {fact.month} are in the default partition, and stay "
            text += "there: a prune deletes them, but their disk is used again, not given back"
        else:
            text = f"there is no partition for the journals of {fact.month} yet: the default one "
            text += "takes them"
        yield Finding(Severity.INFO, "no-month", text, "continuum migrate")


def index_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Indexes that cost every write and serve no query."""
    for index in facts.invalid_indexes or ():
        text = f"index {index.index} on {index.table} is not valid: its build did not end"
        fix = f"REINDEX INDEX CONCURRENTLY {index.index};"
        if index.path is not None:
            fix = f"continuum attributes index {'.'.join(index.path)}"
        yield Finding(Severity.WARNING, "invalid-index", text, fix)


def connection_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """The next process may find no connection."""
    found = facts.connections
    if found is None or found.limit <= 0 or found.used / found.limit <= limits.connections:
        return
    severity = Severity.ERROR if found.used / found.limit > _FULL else Severity.WARNING
    text = f"{found.used} of {found.limit} connections are in use, {found.ours} of them by this "
    text += "database; a process of Continuum takes up to 10"
    fix = "SELECT datname, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2;"
    yield Finding(severity, "connections", text, fix)


def load_findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """The server is busy although no run is worked on."""
    rate, cluster = facts.transactions_per_second, facts.cluster
    if rate is None or cluster is None or facts.waiting is None:
        return
    alive = [node for node in cluster.nodes if node.alive]
    if any(node.working for node in alive) or any(each.wanted for each in facts.waiting):
        return
    allowed = limits.idle_rate * max(len(alive), 1)
    if rate > allowed:
        text = f"{rate:.0f} transactions a second although no run is worked on; "
        text += f"{len(alive)} idle workers need fewer than {allowed:.0f}"
        fix = "SELECT application_name, query FROM pg_stat_activity WHERE datname = "
        yield Finding(Severity.WARNING, "idle-load", text, f"{fix}current_database();")


def _old_transaction(held: SnapshotFact, age: float) -> Finding:
    text = f"{held.holder} {held.name} has had a transaction open for {lasting(age)}: "
    text += "no row that died since can be removed"
    fix = f"SELECT pg_terminate_backend({held.pid});"
    if held.holder == "prepared transaction":
        fix = f"ROLLBACK PREPARED '{_quoted(held.name)}';"
    return Finding(Severity.WARNING, "old-snapshot", text, fix)


def _is_stale(table: TableFact, limits: Limits) -> bool:
    return table.modified > limits.unanalysed and table.modified > table.live / 2


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M %Z}"


def _quoted(name: str) -> str:
    return name.replace("'", "''")
