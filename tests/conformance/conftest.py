"""One fixture: a store, once for each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests import servers
from tests.conformance.stage import MEMORY, Stage, open_stage


@pytest.fixture(params=[MEMORY, *servers.server_names()])
def place(
    request: pytest.FixtureRequest, _open_servers: dict[str, servers.TestServer]
) -> Iterator[str | None]:
    """A migrated database's DSN, or None for memory."""
    name: str = request.param
    if name == MEMORY:
        yield None
        return
    if name not in _open_servers:
        _open_servers[name] = servers.open_server(name)
    server = _open_servers[name]
    with server.database(server.migrated_template()) as dsn:
        yield dsn


@pytest.fixture
async def stage(place: str | None) -> AsyncIterator[Stage]:
    """An empty store."""
    async with open_stage(place) as stage:
        yield stage
