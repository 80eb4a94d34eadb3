"""Operators and an application on one store, of each kind, with a worker of `flows`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from continuum import Continuum
from continuum.testing import environment
from continuum.testing.backend import MemoryClient
from tests.operators import flows
from tests.servers import TestServer


@dataclass
class Place:
    """One store.

    Attributes:
        app: a client for which nobody is named.
        ann: an operator's.
        bob: another's.
    """

    app: Continuum
    ann: Continuum
    bob: Continuum


@pytest.fixture(params=["memory", "postgres"])
def at(request: pytest.FixtureRequest, pg_server: TestServer) -> Iterator[str | None]:
    """A migrated database's DSN, or None for memory."""
    if request.param == "memory":
        yield None
        return
    with pg_server.database(pg_server.migrated_template()) as dsn:
        yield dsn


@pytest.fixture
async def place(at: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Three clients, and a worker."""
    monkeypatch.delenv("CONTINUUM_OPERATOR", raising=False)
    async with AsyncExitStack() as stack:
        if at is None:
            env = await stack.enter_async_context(environment(flows.ALL))
            app = env.client
            backend = app._backend
            others = [MemoryClient(backend, name) for name in ("ann", "bob")]  # pyright: ignore[reportArgumentType]
            for other in others:
                other._opened = backend
            yield Place(app, *others)
            return
        app = await stack.enter_async_context(Continuum(at))
        ann = await stack.enter_async_context(Continuum(at, operator="ann"))
        bob = await stack.enter_async_context(Continuum(at, operator="bob"))
        await stack.enter_async_context(app.worker(flows.ALL))
        yield Place(app, ann, bob)
