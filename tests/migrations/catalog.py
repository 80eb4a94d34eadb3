"""What a database's schema is, as plain data that two databases can be compared by."""

from __future__ import annotations

import psycopg

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
       a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation::text,
       a.attstorage, a.attcompression, coalesce(a.attstattarget, -1), a.attoptions, a.attacl::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'i')
  AND a.attnum > 0 AND NOT a.attisdropped
"""

COLUMN_ORDER = """
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY 1
"""

INDEXES = """
SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, indisready, indisunique,
       indisclustered, indisreplident
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace
"""

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""

RELATIONS = """
SELECT relname, relkind::text, reloptions, relpersistence, relreplident, relrowsecurity,
       relforcerowsecurity, reltablespace, relacl::text, am.amname,
       CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
       pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm', 'i', 'I')
"""

SEQUENCES = """
SELECT seqrelid::regclass::text, seqtypid::regtype::text, seqstart, seqincrement, seqmin, seqmax,
       seqcache, seqcycle
FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid
WHERE c.relnamespace = 'public'::regnamespace
"""

FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), p.proacl::text
FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
"""

TRIGGERS = "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal"

POLICIES = """
SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check
FROM pg_policies WHERE schemaname = 'public'
"""

STATISTICS = """
SELECT pg_get_statisticsobjdef(oid), stxstattarget
FROM pg_statistic_ext WHERE stxnamespace = 'public'::regnamespace
"""

TYPES = """
SELECT t.typname, t.typtype, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_type t LEFT JOIN pg_enum e ON e.enumtypid = t.oid
WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r') GROUP BY 1, 2
"""

COMMENTS = """
SELECT identity.type, identity.identity, d.description
FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) AS identity
WHERE identity.schema = 'public'
"""

DEFAULT_GRANTS = "SELECT defaclobjtype, defaclacl::text FROM pg_default_acl"

RULES = "SELECT tablename, rulename, definition FROM pg_rules WHERE schemaname = 'public'"

QUERIES = {
    "columns": COLUMNS,
    "column order": COLUMN_ORDER,
    "indexes": INDEXES,
    "constraints": CONSTRAINTS,
    "relations": RELATIONS,
    "sequences": SEQUENCES,
    "functions": FUNCTIONS,
    "triggers": TRIGGERS,
    "policies": POLICIES,
    "statistics": STATISTICS,
    "types": TYPES,
    "comments": COMMENTS,
    "default grants": DEFAULT_GRANTS,
    "rules": RULES,
}


def schema(dsn: str) -> dict[str, list[str]]:
    """Everything in schema public, one sorted list of rows (as text) for each kind of thing."""
    with psycopg.connect(dsn) as connection:
        return {
            kind: sorted(repr(row) for row in connection.execute(query.encode()))
            for kind, query in QUERIES.items()
        }


def differences(left: str, right: str) -> set[str]:
    """The kinds of things in which two databases differ."""
    ours, theirs = schema(left), schema(right)
    return {kind for kind in QUERIES if ours[kind] != theirs[kind]}
