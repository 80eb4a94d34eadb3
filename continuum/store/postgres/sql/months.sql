-- name: bounded
-- A step may read a large table, beside everybody else.
SELECT set_config('statement_timeout', '0', true);

-- name: make
SELECT continuum_make_months();

-- name: over
-- Partitions that may have to go, oldest first; a large default last.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.continuum_events'::regclass
  AND (c.relname = 'continuum_events_default' AND pg_relation_size(c.oid) > 8 * 1024 * 1024
       OR c.relname ~ '^continuum_events_\d{4}_\d{2}$'
          AND right(c.relname, 7) < to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY_MM'))
ORDER BY c.relname;

-- name: drop
SELECT continuum_drop_month($1::text);
