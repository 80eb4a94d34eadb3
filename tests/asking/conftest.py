"""A client with a worker of `flows`, on each kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from continuum import Continuum
from continuum.testing import environment
from tests.asking import flows


@pytest.fixture
async def ct(either_store: str | None) -> AsyncIterator[Continuum]:
    """The public client; a worker runs everything of `flows`."""
    flows.reset()
    if either_store is None:
        async with environment(flows.ALL) as env:
            yield env.client
        return
    async with Continuum(either_store) as client, client.worker(flows.ALL):
        yield client
