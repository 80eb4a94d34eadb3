"""What every test can use.

`async def test_...` and async fixtures just work: anyio's pytest plugin runs them (`anyio_mode =
"auto"` in pyproject.toml), on asyncio only. No marker is needed.

Databases (each test gets its own, on a server shared by the whole run):

- `dsn`: a freshly migrated database;
- `empty_dsn`: an empty one;
- `new_dsn`: a function that makes another migrated database each time;
- `pg_server`: the server itself (`tests.servers.TestServer`), for more databases;
- `either_store`: such a database and then None, which stands for the memory store;
- `own_server`: a server that only this test uses, and may crash.

Under CONTINUUM_PARANOID=1 a test in whose workers a replay differs fails, unless it is marked
`drifts`.

`pytestmark = pytest.mark.every_server` runs tests that use these on each server found: the
embedded PostgreSQL 18, those in /usr/lib/postgresql, and the one named by CONTINUUM_TEST_DSN.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from continuum.worker.paranoia import VARIABLE
from tests import servers
from tests.drifts import drifts

_PARANOID = os.environ.get(VARIABLE) == "1"
_OWNED: list[tuple[Path, int]] = []


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's databases from the tests; the first process makes the run's directory."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    for name in ("CONTINUUM_DSN", "CONTINUUM_DIRECT_DSN"):
        os.environ.pop(name, None)
    os.environ.setdefault("CONTINUUM_CHECK", "off")  # tests misbehave on purpose
    # A busy machine is slow: no example fails for the time it took.
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")
    if hasattr(config, "workerinput"):
        return
    directory, alive = servers.make_session_directory()
    _OWNED.append((directory, alive))
    os.environ[servers.DIRECTORY_VARIABLE] = str(directory)
    os.environ["CONTINUUM_EMBEDDED_DIR"] = str(directory / "user")


def pytest_collection_finish() -> None:
    """What was collected lives as long as the run: the garbage collector need not look at it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """The process that made the run's directory removes it, after the servers have stopped."""
    while _OWNED:
        servers.remove_session_directory(*_OWNED.pop())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests marked `every_server` on each server found."""
    marked = metafunc.definition.get_closest_marker("every_server")
    if marked is not None and "pg_server" in metafunc.fixturenames:
        metafunc.parametrize("pg_server", servers.server_names(), indirect=True)


@pytest.fixture(autouse=_PARANOID)
def _replays_alike(request: pytest.FixtureRequest) -> Iterator[None]:
    """In paranoid mode no run of a test may replay differently."""
    with drifts() as found:
        yield
    if request.node.get_closest_marker("drifts") is None:
        assert found == []


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Continuum runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def _open_servers() -> Iterator[dict[str, servers.TestServer]]:
    opened: dict[str, servers.TestServer] = {}
    yield opened
    for server in opened.values():
        server.close()


@pytest.fixture
def pg_server(
    request: pytest.FixtureRequest, _open_servers: dict[str, servers.TestServer]
) -> servers.TestServer:
    """The PostgreSQL server of this test run (see `every_server` above)."""
    name: str = getattr(request, "param", servers.EMBEDDED)
    if name not in _open_servers:
        _open_servers[name] = servers.open_server(name)
    return _open_servers[name]


@pytest.fixture
def dsn(pg_server: servers.TestServer) -> Iterator[str]:
    """A migrated database of this test's own."""
    with pg_server.database(pg_server.migrated_template()) as dsn:
        yield dsn


@pytest.fixture
def empty_dsn(pg_server: servers.TestServer) -> Iterator[str]:
    """An empty database of this test's own."""
    with pg_server.database() as dsn:
        yield dsn


@pytest.fixture
def new_dsn(pg_server: servers.TestServer) -> Iterator[Callable[[], str]]:
    """Makes a migrated database at each call; all are dropped after the test."""
    template = pg_server.migrated_template()
    with ExitStack() as databases:
        yield lambda: databases.enter_context(pg_server.database(template))


@pytest.fixture
def own_server() -> Iterator[servers.TestServer]:
    """An embedded server of this test's own: `new_database()`, `restart_immediately()`."""
    directory = servers.session_directory() / f"own-{uuid4().hex[:8]}"
    server = servers.open_server(servers.EMBEDDED, directory)
    yield server
    server.close()
    servers.wait_stopped(directory)


@pytest.fixture(params=["memory", "postgres"])
def either_store(
    request: pytest.FixtureRequest, pg_server: servers.TestServer
) -> Iterator[str | None]:
    """A migrated database's DSN, or None for memory."""
    if request.param == "memory":
        yield None
        return
    with pg_server.database(pg_server.migrated_template()) as dsn:
        yield dsn
