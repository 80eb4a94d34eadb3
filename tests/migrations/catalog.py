"""What a database's schema is, as plain data that two databases can be compared by."""

from __future__ import annotations

import psycopg

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
       pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND a.attnum > 0 AND NOT a.attisdropped
"""

COLUMN_ORDER = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1
"""

INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""

OPTIONS = """
SELECT relname, relkind::text, reloptions FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v', 'm')
"""

FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
"""

TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"

QUERIES = {
    "columns": COLUMNS,
    "column order": COLUMN_ORDER,
    "indexes": INDEXES,
    "constraints": CONSTRAINTS,
    "options": OPTIONS,
    "functions": FUNCTIONS,
    "triggers": TRIGGERS,
}


def schema(dsn: str) -> dict[str, list[str]]:
    """Everything in schema public, one sorted list of rows (as text) for each kind of thing."""
    with psycopg.connect(dsn) as connection:
        return {
            kind: sorted(repr(row) for row in connection.execute(query.encode()))
            for kind, query in QUERIES.items()
        }
