"""What a look at an installation means: checks, each ok, warn or fail with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from continuum.store.installation import InstallationFacts

OLDEST_SERVER: Final = 140000
CLOCK_APART: Final = 2.0
"""Seconds that host and database may differ before people are misled."""
SLOW_NOTIFY: Final = 0.5
CONNECTIONS_OF_A_PROCESS: Final = 10
_GRANT: Final = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It works, with less than it could have."""
    FAIL = "fail"
    """Runs would be lost, or nothing would work."""
    UNKNOWN = "unknown"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an installation.

    Attributes:
        name: stable name, such as "durability".
        result: how it ended.
        message: one line: what was found.
        fix: what to do; None when there is nothing to do.
    """

    name: str
    result: Result
    message: str
    fix: str | None = None


def checks_of(facts: InstallationFacts) -> list[Check]:
    """All checks, in the order in which a person would make them."""
    found = [
        _server(facts),
        _replica(facts),
        _encoding(facts),
        *_durability(facts),
        _timeouts(facts),
        _schema(facts),
        _privileges(facts),
        _statistics(facts),
        _connections(facts),
        *_sessions(facts),
        _clock(facts),
        _embedded(facts),
    ]
    return [
        Check(check.name, Result.UNKNOWN, f"could not be checked: {facts.unknown[check.name]}")
        if check.name in facts.unknown
        else check
        for check in found
    ]


def _server(facts: InstallationFacts) -> Check:
    text = f"PostgreSQL {facts.settings.get('server_version', '?')}, {facts.place}"
    if facts.server_version < OLDEST_SERVER:
        return Check("server", Result.FAIL, text, "use PostgreSQL 14 or newer")
    return Check("server", Result.OK, text)


def _replica(facts: InstallationFacts) -> Check:
    if facts.replica:
        text = "this server is a replica and takes no writes"
        return Check("writable", Result.FAIL, text, "name the primary in the DSN")
    if facts.settings.get("default_transaction_read_only") == "on":
        fix = f"ALTER ROLE {facts.role} SET default_transaction_read_only = off;"
        return Check("writable", Result.FAIL, "transactions are read-only by default", fix)
    return Check("writable", Result.OK, "takes writes")


def _encoding(facts: InstallationFacts) -> Check:
    encoding = facts.settings.get("server_encoding", "")
    if encoding != "UTF8":
        text = f"the database is encoded in {encoding}: attributes and errors may not fit"
        fix = "CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8';"
        return Check("encoding", Result.FAIL, text, fix)
    return Check("encoding", Result.OK, "UTF8")


def _durability(facts: InstallationFacts) -> Iterator[Check]:
    for name in ("fsync", "full_page_writes"):
        if facts.settings.get(name) == "off":
            text = f"{name} is off: after a crash of the server's host the database may be corrupt"
            yield Check("durability", Result.FAIL, text, f"ALTER SYSTEM SET {name} = on;")
    commit = facts.settings.get("synchronous_commit", "")
    if commit == "off":
        text = "synchronous_commit is off: a crash of the server loses what it had just committed, "
        text += "and an activity may run again although its result was there"
        fix = f"ALTER ROLE {facts.role} SET synchronous_commit = on;"
        yield Check("commits", Result.WARN, text, fix)
    else:
        yield Check("commits", Result.OK, f"synchronous_commit is {commit}")


def _timeouts(facts: InstallationFacts) -> Check:
    limit = facts.settings.get("idle_session_timeout", "0")
    if limit not in ("0", ""):
        text = f"idle_session_timeout is {limit}: the server ends connections that wait for "
        text += "notifications, and they are opened again each time"
        fix = f"ALTER ROLE {facts.role} SET idle_session_timeout = 0;"
        return Check("timeouts", Result.WARN, text, fix)
    return Check("timeouts", Result.OK, "idle sessions may stay")


def _schema(facts: InstallationFacts) -> Check:
    if facts.schema_error is not None:
        return Check("schema", Result.FAIL, facts.schema_error, "continuum migrate --status")
    if facts.pending:
        text = f"{len(facts.pending)} migrations are missing, the first is {facts.pending[0]}"
        if not facts.may_create:
            fix = "as the owner of schema public: continuum migrate"
            return Check("schema", Result.FAIL, f"{text}; role {facts.role} may not apply it", fix)
        return Check("schema", Result.FAIL, text, "continuum migrate")
    return Check("schema", Result.OK, "is of this release")


def _privileges(facts: InstallationFacts) -> Check:
    if facts.missing:
        more = f" and {len(facts.missing) - 3} more" if len(facts.missing) > 3 else ""
        text = f"role {facts.role} has not {', '.join(facts.missing[:3])}{more}"
        fix = (
            f"{_GRANT}{facts.role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {facts.role};"
        )
        return Check("privileges", Result.FAIL, text, fix)
    return Check("privileges", Result.OK, f"role {facts.role} has what it needs")


def _statistics(facts: InstallationFacts) -> Check:
    if not facts.sees_all_sessions:
        text = f"role {facts.role} does not see other sessions: health cannot tell who holds back "
        text += "vacuum"
        return Check(
            "statistics", Result.WARN, text, f"GRANT pg_read_all_stats TO {facts.role};"
        )  # fmt: skip
    return Check("statistics", Result.OK, f"role {facts.role} sees all sessions")


def _connections(facts: InstallationFacts) -> Check:
    free, limit = facts.free_connections, facts.settings.get("max_connections")
    if free is None:
        return Check("connections", Result.UNKNOWN, "the number of connections is not known")
    text = f"{free} of {limit} connections are free; a process of Continuum takes up to "
    text += f"{CONNECTIONS_OF_A_PROCESS}"
    if free < CONNECTIONS_OF_A_PROCESS:
        return Check("connections", Result.WARN, text, "ALTER SYSTEM SET max_connections = 200;")
    return Check("connections", Result.OK, text)


def _sessions(facts: InstallationFacts) -> Iterator[Check]:
    fix = "set CONTINUUM_DIRECT_DSN to a connection that goes around the pooler"
    stays = bool(facts.lock_visible) and facts.notify_seconds is not None
    if facts.refused is not None:
        yield Check("pooler", Result.FAIL, *facts.refused)
    elif facts.pooled and not stays:
        text = "a pooler stands before the server, and its sessions do not all stay"
        yield Check("pooler", Result.WARN, text, fix)
    elif facts.pooled:
        text = "a pooler stands before the server; its sessions stay, or did just now"
        yield Check("pooler", Result.WARN, text, fix)
    elif facts.has_direct_dsn:
        yield Check("pooler", Result.OK, "CONTINUUM_DIRECT_DSN leads straight to the server")
    else:
        yield Check("pooler", Result.OK, "the connection leads straight to the server")
    if facts.prepared is False:
        text = "prepared statements do not survive: a pooler gives a session to several of us"
        yield Check("prepared", Result.FAIL, text, fix)
    else:
        yield Check("prepared", Result.OK, "prepared statements stay")
    if facts.lock_visible:
        yield Check("lock", Result.OK, "a session lock is seen: a dead worker is noticed at once")
    else:
        text = "a session lock is not seen: a dead worker is noticed after its TTL, not at once"
        yield Check("lock", Result.WARN, text, fix)
    took = facts.notify_seconds
    if took is None:
        text = "a notification did not arrive: everything is found by polling, within a second"
        yield Check("notify", Result.WARN, text, fix)
    elif took > SLOW_NOTIFY:
        yield Check("notify", Result.WARN, f"a notification took {took:.1f} s", fix)
    else:
        yield Check("notify", Result.OK, f"a notification took {took * 1000:.0f} ms")


def _clock(facts: InstallationFacts) -> Check:
    apart = facts.clock_offset
    text = f"the database's clock is {abs(apart):.3f} s {'ahead of' if apart > 0 else 'behind'} "
    text += f"this host's (within {facts.clock_error:.3f} s); only the database's is used"
    if abs(apart) - facts.clock_error > CLOCK_APART:
        fix = "synchronise both hosts by NTP: times in logs would mislead"
        return Check("clock", Result.WARN, text, fix)
    return Check("clock", Result.OK, text)


def _embedded(facts: InstallationFacts) -> Check:
    if facts.embedded:
        return Check("embedded", Result.OK, "the embedded server is installed")
    return Check("embedded", Result.OK, "the embedded server is not installed, nor needed here")


def worst(checks: Sequence[Check]) -> Result:
    """The worst result."""
    order = (Result.FAIL, Result.WARN, Result.UNKNOWN, Result.OK)
    return min((check.result for check in checks), key=order.index, default=Result.OK)
