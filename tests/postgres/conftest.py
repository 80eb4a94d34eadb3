"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.postgres.scene import Scene, open_scene


@pytest.fixture
async def scene(dsn: str) -> AsyncIterator[Scene]:
    """A migrated database with a store on it."""
    async with open_scene(dsn) as scene:
        yield scene
