"""Operators and an application on one store, of each kind, with a worker of `flows`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from continuum import Continuum
from continuum.testing import environment
from continuum.testing.backend import MemoryClient
from tests.operators import flows


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


@pytest.fixture
async def place(either_store: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """Three clients, and a worker."""
    monkeypatch.delenv("CONTINUUM_OPERATOR", raising=False)
    async with AsyncExitStack() as stack:
        if either_store is None:
            env = await stack.enter_async_context(environment(flows.ALL))
            app = env.client
            backend = app._backend
            others = [MemoryClient(backend, name) for name in ("ann", "bob")]  # pyright: ignore[reportArgumentType]
            for other in others:
                other._opened = backend
            yield Place(app, *others)
            return
        app = await stack.enter_async_context(Continuum(either_store))
        ann = await stack.enter_async_context(Continuum(either_store, operator="ann"))
        bob = await stack.enter_async_context(Continuum(either_store, operator="bob"))
        await stack.enter_async_context(app.worker(flows.ALL))
        yield Place(app, ann, bob)
