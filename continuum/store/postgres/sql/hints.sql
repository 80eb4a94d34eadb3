-- name: runs_changed
-- One notification per node: to the owner, or for an unowned run to one node that can run it.
-- None of these statements waits for the disk, and none changes its session, which may be lent to
-- somebody else by a transaction pooler.
WITH unhurried AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), changed AS MATERIALIZED (
    SELECT l.run_id, l.lease_owner, l.version_id
    FROM unnest($1::uuid[]) AS c (run_id)
    JOIN continuum_leases l ON l.run_id = c.run_id
), addressed AS (
    SELECT lease_owner AS node_id, run_id FROM changed WHERE lease_owner IS NOT NULL
    UNION ALL
    SELECT t.node_id, c.run_id
    FROM changed c
    CROSS JOIN LATERAL (
        SELECT n.id AS node_id
        FROM continuum_node_versions v
        JOIN continuum_nodes n ON n.id = v.node_id
        WHERE v.version_id = c.version_id AND n.dead_at IS NULL AND NOT n.draining
          AND n.expires_at > clock_timestamp()
        ORDER BY hashtext(n.id::text || c.run_id::text)
        LIMIT 1) AS t
    WHERE c.lease_owner IS NULL
), grouped AS (
    SELECT node_id, string_agg(replace(run_id::text, '-', ''), ',') AS names
    FROM addressed GROUP BY node_id
)
SELECT pg_notify('continuum_n_' || replace(node_id::text, '-', ''),
                 CASE WHEN length(names) <= $2::int THEN names ELSE 'poll' END)
FROM unhurried, grouped;

-- name: runs_ended
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
SELECT pg_notify('continuum_ended', $1::text) FROM unhurried;

-- name: poll_now
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
SELECT pg_notify('continuum_n_' || replace(n.id::text, '-', ''), 'poll')
FROM unhurried, continuum_nodes n
WHERE n.dead_at IS NULL AND n.expires_at > clock_timestamp();

-- name: tasks_queued
WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
SELECT pg_notify('continuum_n_' || replace(n.id::text, '-', ''), 'poll')
FROM unhurried, continuum_nodes n
WHERE n.dead_at IS NULL AND n.expires_at > clock_timestamp() AND NOT n.draining
  AND n.queues && $1::text[];
