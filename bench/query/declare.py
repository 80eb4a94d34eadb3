"""Indexes on attributes, built by the product's own `attributes index` and kept with the database.

Questions without them must not see them, so they are hidden from the server while those are asked:
building one on ten million runs takes a minute.
"""

from __future__ import annotations

import psycopg

from bench.query.cases import DECLARED
from bench.query.load import say
from continuum import Continuum

_HIDE = """
UPDATE pg_index SET indisvalid = %s WHERE indexrelid::regclass::text ~ '^continuum_runs_attribute_'
AND indisvalid <> %s"""


async def build(dsn: str) -> None:
    """Declare what is not declared yet, and show it."""
    show(dsn, visible=True)
    async with Continuum(dsn) as ct:
        known = {(index.path, index.type.value) for index in await ct.attribute_indexes()}
        for key, type_ in DECLARED:
            if ((key,), type_) not in known:
                say(f"continuum attributes index {key} --type {type_}")
            await ct.index_attribute(key, value_type=type_)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE continuum_runs")


def show(dsn: str, *, visible: bool) -> None:
    """Whether the server uses the declared indexes."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_HIDE, [visible, visible])
