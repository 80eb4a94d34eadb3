"""The doctor's checks, each from the real condition where one can be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from continuum import Continuum
from continuum.errors import ConfigurationError, DatabaseUnavailable
from continuum.health.doctor import Check, Result, checks_of, worst
from continuum.store.installation import InstallationFacts
from tests import poolers, servers

SOUND = InstallationFacts(
    place="shop at db",
    server_version=180000,
    settings={"server_encoding": "UTF8", "synchronous_commit": "on"},
    replica=False,
    has_direct_dsn=False,
    pooled=False,
    prepared=True,
    lock_visible=True,
    notify_seconds=0.01,
    role="app",
    sees_all_sessions=True,
    free_connections=90,
)


def named(checks: Sequence[Check], name: str) -> Check:
    """The one check of that name."""
    [check] = [check for check in checks if check.name == name]
    return check


def set_for_database(dsn: str, setting: str) -> None:
    """A setting of every new session of this database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = conninfo.conninfo_to_dict(dsn)["dbname"]
        connection.execute(f"ALTER DATABASE {name} SET {setting}".encode())


async def test_a_sound_installation(dsn: str) -> None:
    """Against a migrated database of our own all is ok, except that its server may lose data."""
    checks = await Continuum.doctor(dsn)
    assert {check.name for check in checks if check.result is not Result.OK} == {"durability"}
    assert named(checks, "server").message.startswith("PostgreSQL 18")
    assert "fsync is off" in next(c.message for c in checks if c.name == "durability")
    assert [check.fix for check in checks if check.result is Result.OK] == [None] * (
        len(checks) - 2
    )


def test_the_blocking_client_has_a_doctor(dsn: str) -> None:
    """Without opening a client."""
    checks = Continuum.blocking(dsn).doctor(dsn)
    assert named(checks, "schema").result is Result.OK


async def test_a_server_that_is_not_there() -> None:
    """There is nothing to check: the error of any client."""
    with pytest.raises(DatabaseUnavailable):
        await Continuum.doctor("postgresql://127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(ConfigurationError):
        await Continuum.doctor("mysql://db")


async def test_an_empty_database(empty_dsn: str) -> None:
    """Without our tables: the schema check fails and names the command; nothing is created."""
    check = named(await Continuum.doctor(empty_dsn), "schema")
    assert (check.result, check.fix) == (Result.FAIL, "continuum migrate")
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regclass('continuum_runs')").fetchone() == (None,)


async def test_a_database_of_a_newer_release(dsn: str) -> None:
    """It fails with the reason."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO continuum_schema (version, name, checksum) VALUES (9999, 'later', 'x')"
        )
    check = named(await Continuum.doctor(dsn), "schema")
    assert check.result is Result.FAIL
    assert "9999" in check.message


@pytest.mark.parametrize(
    ("setting", "name", "result", "words"),
    [
        ("synchronous_commit = off", "commits", Result.WARN, "loses what it had just committed"),
        ("idle_session_timeout = '10min'", "timeouts", Result.WARN, "10min"),
        ("default_transaction_read_only = on", "writable", Result.FAIL, "read-only"),
    ],
)
async def test_settings_of_the_database(
    dsn: str, setting: str, name: str, result: Result, words: str
) -> None:
    """Settings that harm are found as a session of ours has them."""
    set_for_database(dsn, setting)
    check = named(await Continuum.doctor(dsn), name)
    assert check.result is result
    assert words in check.message
    assert check.fix is not None


async def test_an_encoding_that_holds_little(pg_server: servers.TestServer) -> None:
    """A database that is not UTF-8 fails."""
    with psycopg.connect(pg_server.admin_dsn, autocommit=True) as admin:
        admin.execute(
            "CREATE DATABASE continuum_test_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
    dsn = pg_server.dsn_of("continuum_test_latin")
    try:
        check = named(await Continuum.doctor(dsn), "encoding")
        assert (check.result, "LATIN1" in check.message) == (Result.FAIL, True)
    finally:
        pg_server.drop_database(dsn)


async def test_a_role_without_privileges(dsn: str) -> None:
    """What is missing is named, and the grant that adds it makes the check ok."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE continuum_doctor LOGIN")
        try:
            poor = conninfo.make_conninfo(dsn, user="continuum_doctor")
            checks = await Continuum.doctor(poor)
            assert "schema" in [c.name for c in checks if c.result is Result.UNKNOWN]
            assert named(checks, "statistics").result is Result.WARN
            admin.execute("GRANT SELECT ON continuum_schema TO continuum_doctor")
            checks = await Continuum.doctor(poor)
            assert named(checks, "schema").result is Result.OK
            missing = named(checks, "privileges")
            assert missing.result is Result.FAIL
            assert "continuum_activity_results" in missing.message
            assert missing.fix is not None
            admin.execute(missing.fix.encode())
            statistics = named(checks, "statistics").fix
            assert statistics is not None
            admin.execute(statistics.encode())
            checks = await Continuum.doctor(poor)
            assert named(checks, "privileges").result is Result.OK
            assert named(checks, "statistics").result is Result.OK
        finally:
            admin.execute("DROP OWNED BY continuum_doctor")
            admin.execute("DROP ROLE continuum_doctor")


async def test_a_transaction_pooler(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PgBouncer in transaction mode is refused; with a direct DSN around it all is ok."""
    with poolers.pooler(dsn) as pooled:
        checks = await Continuum.doctor(pooled)
        assert named(checks, "pooler").result is Result.FAIL
        assert "CONTINUUM_DIRECT_DSN" in (named(checks, "pooler").fix or "")
        assert named(checks, "notify").result is Result.WARN
        assert named(checks, "prepared").result is Result.FAIL
        monkeypatch.setenv("CONTINUUM_DIRECT_DSN", dsn)
        checks = await Continuum.doctor(pooled)
        for name in ("pooler", "lock", "notify", "prepared"):
            assert named(checks, name).result is Result.OK


@pytest.mark.parametrize(
    ("name", "changes", "result"),
    [
        ("server", {"server_version": 130000}, Result.FAIL),
        ("writable", {"replica": True}, Result.FAIL),
        ("pooler", {"pooled": True, "notify_seconds": None}, Result.WARN),
        ("pooler", {"pooled": True}, Result.WARN),
        ("lock", {"lock_visible": False}, Result.WARN),
        ("notify", {"notify_seconds": None}, Result.WARN),
        ("notify", {"notify_seconds": 1.0}, Result.WARN),
        ("clock", {"clock_offset": 4.0, "clock_error": 0.1}, Result.WARN),
        ("clock", {"clock_offset": 4.0, "clock_error": 3.0}, Result.OK),
        ("connections", {"free_connections": None}, Result.UNKNOWN),
        ("lock", {"unknown": {"lock": "permission denied"}}, Result.UNKNOWN),
        ("schema", {"pending": ["8 x"], "may_create": False}, Result.FAIL),
    ],
)
def test_what_cannot_be_made_here(name: str, changes: dict[str, Any], result: Result) -> None:
    """Conditions that no test can make are judged from the facts as they would be found."""
    check = named(checks_of(replace(SOUND, **changes)), name)
    assert check.result is result
    assert (check.fix is None) == (result in (Result.OK, Result.UNKNOWN))


def test_the_worst_check_counts() -> None:
    """fail before warn before unknown before ok."""
    checks = [Check("a", result, "") for result in (Result.OK, Result.UNKNOWN, Result.WARN)]
    assert worst(checks) is Result.WARN
    assert worst([*checks, Check("b", Result.FAIL, "")]) is Result.FAIL
    assert worst(checks_of(SOUND)) is Result.OK
