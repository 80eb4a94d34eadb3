"""What the health tests share: workers in this process, and a report on their database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from continuum import Continuum
from tests.worker.cluster import Cluster, open_cluster


@pytest.fixture
async def cluster(dsn: str) -> AsyncIterator[Cluster]:
    """A migrated database and a client; the test starts the workers."""
    cluster = await open_cluster(dsn)
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
async def ct(dsn: str) -> AsyncIterator[Continuum]:
    """The public client of the same database."""
    async with Continuum(dsn) as client:
        yield client
