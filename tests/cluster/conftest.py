"""Fixtures of the cluster tests: with CONTINUUM_TEST_POOLER=1, all of it through PgBouncer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests import poolers


@pytest.fixture
def through_pooler() -> Iterator[Callable[[str], str]]:
    """Puts PgBouncer before a database, if this run is to have it; `Cluster` goes around it."""
    with ExitStack() as stack:
        if poolers.EVERYWHERE:
            yield lambda dsn: stack.enter_context(poolers.pooler(dsn))
        else:
            yield lambda dsn: dsn


@pytest.fixture
def dsn(dsn: str, through_pooler: Callable[[str], str]) -> str:
    """A migrated database of this test's own."""
    return through_pooler(dsn)


@pytest.fixture
def new_dsn(new_dsn: Callable[[], str], through_pooler: Callable[[str], str]) -> Callable[[], str]:
    """Makes a migrated database at each call; all are dropped after the test."""
    return lambda: through_pooler(new_dsn())
