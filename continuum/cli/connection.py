"""Opens the public client for a command."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.cli.command import Options
    from continuum.client import Continuum


@asynccontextmanager
async def connect(options: Options) -> AsyncGenerator[Continuum]:
    """A client of the database that the options name; errors are those of the client."""
    from continuum.client import Continuum

    async with Continuum(options.dsn) as client:
        yield client
