"""A client with a worker of `flows`, on each kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from continuum import Continuum
from continuum.testing import environment
from tests.identity import flows
from tests.servers import TestServer


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest, pg_server: TestServer) -> Iterator[str | None]:
    """A migrated database's DSN, or None for memory."""
    if request.param == "memory":
        yield None
        return
    with pg_server.database(pg_server.migrated_template()) as dsn:
        yield dsn


@pytest.fixture
async def ct(place: str | None) -> AsyncIterator[Continuum]:
    """The public client; a worker runs everything of `flows`."""
    flows.reset()
    if place is None:
        async with environment(flows.ALL) as env:
            yield env.client
        return
    async with (
        Continuum(place) as client,
        client.worker(flows.ALL),
    ):
        yield client
