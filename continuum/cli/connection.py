"""Opens the public client for a command."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.cli.command import Options
    from continuum.client import Continuum


@asynccontextmanager
async def connect(options: Options, read_dsn: str | None = None) -> AsyncGenerator[Continuum]:
    """A client of the database that the options name; errors are those of the client.

    Args:
        options: of the command.
        read_dsn: the server to ask instead, by a command that only reads.
    """
    from continuum.client import Continuum
    from continuum.operators.identity import local_user, named_operator

    operator = named_operator(options.operator) or local_user()
    # A read that is given up on purpose, as by `| head`, is no news.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    codec = None
    if options.codec is not None:
        from continuum.codec.loading import load_codec
        from continuum.settings import CodecName

        codec = load_codec(CodecName(options.codec, f"profile {options.profile}"))
    if read_dsn is not None:
        opened = Continuum(read_dsn, codec=codec, operator=operator, reason=options.reason)
    else:
        opened = Continuum(
            options.dsn,
            codec=codec,
            read_dsn=options.read_dsn,
            direct_dsn=options.direct_dsn,
            operator=operator,
            reason=options.reason,
        )
    async with opened as client:
        if options.seals:
            await client.check_codec()
        yield client
