"""Months of journals that are over, as a database has them that has been in use for a while."""

from __future__ import annotations

from typing import Final

import psycopg

SIZE: Final = """
SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint
FROM pg_partition_tree('continuum_events') WHERE isleaf"""
"""Bytes of all journals, with their indexes."""


def make_past(connection: psycopg.Connection, months: int) -> int:
    """Make partitions for so many months before this one; answers how many there are now."""
    for ago in range(1, months + 1):
        made = True
        while made:
            [(made,)] = connection.execute(
                "SELECT continuum_make_months(clock_timestamp() - %s * interval '1 month')", [ago]
            ).fetchall()
    [(count,)] = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'continuum_events'::regclass"
    ).fetchall()
    return count
