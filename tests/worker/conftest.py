"""Fixtures of the worker's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.worker.cluster import Cluster, open_cluster


@pytest.fixture
async def cluster(dsn: str) -> AsyncIterator[Cluster]:
    """A migrated database and a client; the test starts the workers."""
    cluster = await open_cluster(dsn)
    try:
        yield cluster
    finally:
        await cluster.close()
