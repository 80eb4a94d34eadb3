"""What can be known of a database before Continuum works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationFacts:
    """One look at a server, from one host. A part that failed is None, and `unknown` says why.

    Attributes:
        place: database and host.
        server_version: as `server_version_num`, such as 180000.
        settings: the server settings that matter, as `SHOW` prints them.
        replica: whether it takes no writes.
        has_direct_dsn: whether a second DSN leads around a pooler.
        pooled: whether something stands between us and the server, on the direct way.
        refused: why clients would not work through a transaction pooler, and what to do.
        prepared: whether sessions keep their prepared statements.
        lock_visible: whether a session lock taken there is seen from another connection.
        notify_seconds: how long a notification took; None: it did not arrive.
        pending: names of missing migrations.
        schema_error: why the schema is not of this release, when it is not merely older.
        clock_offset: seconds that the database is ahead of this host.
        clock_error: seconds by which that may be wrong.
        role: that we have there.
        missing: privileges that are needed and missing, such as "INSERT on continuum_runs".
        may_create: whether the role may create tables.
        sees_all_sessions: whether it sees what other sessions do.
        free_connections: that this role could still open.
        embedded: whether the embedded server is installed on this host.
        unknown: part -> reason.
    """

    place: str
    server_version: int
    settings: Mapping[str, str]
    replica: bool
    has_direct_dsn: bool
    pooled: bool | None = None
    refused: tuple[str, str] | None = None
    prepared: bool | None = None
    lock_visible: bool | None = None
    notify_seconds: float | None = None
    pending: Sequence[str] = ()
    schema_error: str | None = None
    clock_offset: float = 0.0
    clock_error: float = 0.0
    role: str = ""
    missing: Sequence[str] = ()
    may_create: bool = True
    sees_all_sessions: bool = False
    free_connections: int | None = None
    embedded: bool = False
    unknown: Mapping[str, str] = field(default_factory=dict[str, str])
