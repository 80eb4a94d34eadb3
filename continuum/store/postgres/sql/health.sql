-- Every statement is bounded in rows, walks an index, and costs the same at ten million runs. They
-- run one by one, each with a timeout, on a connection that does nothing else meanwhile.

-- name: bounded
SELECT set_config('statement_timeout', $1::text, true), set_config('lock_timeout', '500', true);

-- name: nodes
SELECT n.id, n.host, n.pid, n.build, n.started_at, n.heartbeat_at, n.expires_at, n.dead_at,
       n.draining, n.queues, n.lock_key IS NOT NULL,
       n.dead_at IS NULL AND n.expires_at > clock_timestamp(),
       EXISTS (SELECT FROM continuum_leases l WHERE l.lease_owner = n.id AND NOT l.parked)
FROM continuum_nodes n
WHERE n.dead_at IS NULL OR n.dead_at > clock_timestamp() - interval '1 day'
ORDER BY n.dead_at DESC NULLS FIRST, n.started_at DESC
LIMIT 1000;

-- name: runs
SELECT clock_timestamp(),
       (SELECT coalesce(jsonb_object_agg(c.state, c.n), '{}')
        FROM (SELECT state, sum(n) AS n
              FROM (SELECT state, n FROM continuum_counts
                    UNION ALL SELECT state, n FROM continuum_count_deltas) AS parts
              GROUP BY state) AS c),
       -- Living nodes alone know when a build came: many with the same build came with the first.
       greatest((SELECT max(first_seen_at) FROM continuum_workflow_versions),
                (SELECT max(b.since)
                 FROM (SELECT min(started_at) AS since FROM continuum_nodes
                       WHERE dead_at IS NULL GROUP BY build) AS b));

-- name: orphaned
-- Of each distinct owner one row, by index; see `dead_owners` of nodes.sql.
WITH RECURSIVE owners AS (
    (SELECT lease_owner AS owner FROM continuum_leases
     WHERE lease_owner IS NOT NULL ORDER BY lease_owner LIMIT 1)
    UNION ALL
    SELECT (SELECT l.lease_owner FROM continuum_leases l
            WHERE l.lease_owner > o.owner ORDER BY l.lease_owner LIMIT 1)
    FROM owners o WHERE o.owner IS NOT NULL
)
SELECT count(*)
FROM (SELECT FROM owners o
      JOIN continuum_leases l ON l.lease_owner = o.owner
      WHERE o.owner IS NOT NULL
        AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = o.owner AND n.dead_at IS NULL)
      LIMIT $1::bigint) AS lost;

-- name: waiting
-- Skips from version to version in the two indexes from which workers claim. Paused runs, whose
-- version ids are below zero there, wait for nobody.
WITH RECURSIVE ready AS (
    (SELECT version_id FROM continuum_leases
     WHERE lease_owner IS NULL AND blocked_build IS NULL AND takeovers < 2 AND ready
       AND version_id >= 0
     ORDER BY version_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.version_id FROM continuum_leases l
            WHERE l.lease_owner IS NULL AND l.blocked_build IS NULL AND l.takeovers < 2 AND l.ready
              AND l.version_id > p.version_id
            ORDER BY l.version_id LIMIT 1)
    FROM ready p WHERE p.version_id IS NOT NULL
), timed AS (
    (SELECT version_id FROM continuum_leases
     WHERE lease_owner IS NULL AND blocked_build IS NULL AND takeovers < 2 AND wake_at IS NOT NULL
       AND version_id >= 0
     ORDER BY version_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.version_id FROM continuum_leases l
            WHERE l.lease_owner IS NULL AND l.blocked_build IS NULL AND l.takeovers < 2
              AND l.wake_at IS NOT NULL AND l.version_id > p.version_id
            ORDER BY l.version_id LIMIT 1)
    FROM timed p WHERE p.version_id IS NOT NULL
), versions AS MATERIALIZED (
    SELECT version_id FROM (
        (SELECT version_id FROM ready LIMIT 501) UNION (SELECT version_id FROM timed LIMIT 501)
    ) AS found
    WHERE version_id IS NOT NULL LIMIT 500
), able AS MATERIALIZED (
    SELECT DISTINCT v.version_id
    FROM continuum_node_versions v JOIN continuum_nodes n ON n.id = v.node_id
    WHERE n.dead_at IS NULL AND n.expires_at > clock_timestamp()
)
SELECT r.workflow, r.version_hash, v.version_id IN (SELECT version_id FROM able),
       w.n, o.n, t.n, least(w.since, o.since), s.run_id
FROM versions v
CROSS JOIN LATERAL (
    -- Since when a ready run waits is known of new ones, and of those with mail.
    SELECT count(*) AS n, min(f.since) AS since
    FROM (SELECT CASE WHEN row_number() OVER () <= 200 THEN coalesce(
                     (SELECT min(m.at) FROM continuum_inbox m WHERE m.run_id = l.run_id),
                     (SELECT r.started_at FROM continuum_runs r
                      WHERE r.id = l.run_id AND l.next_seq = 1)) END AS since
          FROM continuum_leases l
          WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
            AND l.takeovers < 2 AND l.ready
          ORDER BY l.run_id LIMIT $1::bigint) AS f) AS w
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(f.wake_at) AS since
    FROM (SELECT l.wake_at
          FROM continuum_leases l
          WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
            AND l.takeovers < 2 AND NOT l.ready AND l.wake_at <= (SELECT clock_timestamp())
          ORDER BY l.wake_at LIMIT $1::bigint) AS f) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_leases l
          WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
            AND l.takeovers < 2 AND NOT l.ready AND l.wake_at > (SELECT clock_timestamp())
          LIMIT $1::bigint) AS f) AS t
CROSS JOIN LATERAL (
    (SELECT l.run_id FROM continuum_leases l
     WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
       AND l.takeovers < 2 AND l.ready ORDER BY l.run_id LIMIT 1)
    UNION ALL
    (SELECT l.run_id FROM continuum_leases l
     WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
       AND l.takeovers < 2 AND l.wake_at IS NOT NULL ORDER BY l.wake_at LIMIT 1)
    LIMIT 1) AS s
JOIN continuum_runs r ON r.id = s.run_id;

-- name: drifted
WITH RECURSIVE versions AS (
    (SELECT version_id FROM continuum_leases
     WHERE lease_owner IS NULL AND blocked_build IS NOT NULL ORDER BY version_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.version_id FROM continuum_leases l
            WHERE l.lease_owner IS NULL AND l.blocked_build IS NOT NULL
              AND l.version_id > p.version_id
            ORDER BY l.version_id LIMIT 1)
    FROM versions p WHERE p.version_id IS NOT NULL
)
SELECT r.workflow, r.version_hash, c.n, s.ids, l.waiting_on
FROM (SELECT version_id FROM versions WHERE version_id IS NOT NULL LIMIT 500) AS v
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_leases l
          WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
            AND l.blocked_build IS NOT NULL LIMIT $1::bigint) AS f) AS c
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT l.run_id FROM continuum_leases l
                 WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                   AND l.blocked_build IS NOT NULL
                 ORDER BY l.blocked_build LIMIT 5) AS ids) AS s
JOIN continuum_runs r ON r.id = s.ids[1]
JOIN continuum_leases l ON l.run_id = s.ids[1];

-- name: quarantined
WITH RECURSIVE versions AS (
    (SELECT version_id FROM continuum_leases
     WHERE lease_owner IS NULL AND takeovers >= 2 ORDER BY version_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.version_id FROM continuum_leases l
            WHERE l.lease_owner IS NULL AND l.takeovers >= 2 AND l.version_id > p.version_id
            ORDER BY l.version_id LIMIT 1)
    FROM versions p WHERE p.version_id IS NOT NULL
)
SELECT r.workflow, r.version_hash, c.n, s.ids, l.takeovers
FROM (SELECT version_id FROM versions WHERE version_id IS NOT NULL LIMIT 500) AS v
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_leases l
          WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.takeovers >= 4
          LIMIT $1::bigint) AS f) AS c
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT l.run_id FROM continuum_leases l
                 WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.takeovers >= 4
                 ORDER BY l.takeovers LIMIT 5) AS ids) AS s
JOIN continuum_runs r ON r.id = s.ids[1]
JOIN continuum_leases l ON l.run_id = s.ids[1];

-- name: queues
WITH RECURSIVE free AS (
    (SELECT queue FROM continuum_tasks WHERE lease_owner IS NULL ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT t.queue FROM continuum_tasks t
            WHERE t.lease_owner IS NULL AND t.queue > p.queue ORDER BY t.queue LIMIT 1)
    FROM free p WHERE p.queue IS NOT NULL
), taken AS (
    (SELECT queue FROM continuum_tasks WHERE lease_owner IS NOT NULL ORDER BY queue LIMIT 1)
    UNION ALL
    SELECT (SELECT t.queue FROM continuum_tasks t
            WHERE t.lease_owner IS NOT NULL AND t.queue > p.queue ORDER BY t.queue LIMIT 1)
    FROM taken p WHERE p.queue IS NOT NULL
)
SELECT q.queue, f.n, t.n, f.head_at,
       (SELECT count(*) FROM continuum_nodes n
        WHERE n.dead_at IS NULL AND n.expires_at > clock_timestamp() AND NOT n.draining
          AND q.queue = ANY (n.queues))
FROM (SELECT queue FROM ((SELECT queue FROM free LIMIT 501)
                         UNION (SELECT queue FROM taken LIMIT 501)
                         UNION (SELECT name FROM continuum_queues LIMIT 500)) AS named
      WHERE queue IS NOT NULL LIMIT 500) AS q
CROSS JOIN LATERAL (
    SELECT count(*) AS n,
           min(w.available_at) FILTER (WHERE w.available_at <= clock_timestamp()) AS head_at
    FROM (SELECT available_at FROM continuum_tasks w
          WHERE w.queue = q.queue AND w.lease_owner IS NULL LIMIT $1::bigint) AS w) AS f
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_tasks w
          WHERE w.queue = q.queue AND w.lease_owner IS NOT NULL LIMIT $1::bigint) AS w) AS t
ORDER BY f.head_at, q.queue;

-- name: paused
-- Where claims would look for them, below zero; a start that waits for its time is not ready.
SELECT (SELECT count(*)
        FROM (SELECT FROM continuum_leases l
              WHERE l.lease_owner IS NULL AND l.blocked_build IS NULL AND l.takeovers < 2 AND l.ready
                AND l.version_id < 0 AND l.paused_at IS NOT NULL LIMIT $1::bigint) AS r),
       (SELECT count(*)
        FROM (SELECT FROM continuum_leases l
              WHERE l.lease_owner IS NULL AND l.blocked_build IS NULL AND l.takeovers < 2 AND l.ready
                AND l.version_id < 0 AND l.paused_at IS NULL LIMIT $1::bigint) AS h);

-- name: inbox
SELECT (SELECT count(*) FROM (SELECT FROM continuum_inbox LIMIT $1::bigint) AS m), h.at, h.run_id
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT m.at, m.run_id
    FROM (SELECT id, run_id, at FROM continuum_inbox ORDER BY id LIMIT 1000) AS m
    JOIN continuum_leases l ON l.run_id = m.run_id
    WHERE l.blocked_build IS NULL AND l.takeovers < 4 AND l.version_id >= 0
    ORDER BY m.at LIMIT 1) AS h ON true;

-- name: families
WITH recent AS MATERIALIZED (
    SELECT r.id, r.workflow, r.version, r.completed_at,
           continuum_error_family(r.state, r.error_type, r.error_message) AS family
    FROM continuum_runs r
    WHERE r.state = 'failed' AND r.completed_at > statement_timestamp() - interval '1 day'
    ORDER BY r.completed_at DESC LIMIT 2000
), kinds AS MATERIALIZED (
    SELECT family, count(*) AS n, (array_agg(id ORDER BY completed_at DESC))[1] AS id,
           array_agg(DISTINCT workflow) AS workflows, array_agg(DISTINCT version) AS versions
    FROM recent GROUP BY family
    ORDER BY n DESC, family LIMIT $2::bigint
)
SELECT k.family, r.error_type, r.error_message, k.workflows, k.versions, f.completed_at,
       r.completed_at, h.n, d.n, k.id
FROM kinds k
JOIN continuum_runs r ON r.id = k.id
CROSS JOIN LATERAL (
    SELECT e.completed_at FROM continuum_runs e
    WHERE e.state = 'failed'
      AND continuum_error_family(e.state, e.error_type, e.error_message) = k.family
    ORDER BY e.completed_at LIMIT 1) AS f
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_runs e
          WHERE e.state = 'failed'
            AND continuum_error_family(e.state, e.error_type, e.error_message) = k.family
            AND e.completed_at > statement_timestamp() - interval '1 hour' LIMIT $1::bigint) AS e) AS h
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT FROM continuum_runs e
          WHERE e.state = 'failed'
            AND continuum_error_family(e.state, e.error_type, e.error_message) = k.family
            AND e.completed_at > statement_timestamp() - interval '1 day' LIMIT $1::bigint) AS e) AS d
ORDER BY d.n DESC, r.completed_at DESC;

-- name: database
SELECT current_setting('server_version'), pg_notification_queue_usage(),
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()),
       (SELECT jsonb_object_agg(name, setting) FROM pg_settings
        WHERE name IN ('autovacuum', 'track_counts', 'fsync', 'synchronous_commit',
                       'max_connections'));

-- name: sees_all_sessions
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), current_user;

-- name: oldest_snapshot
SELECT holder, name, pid, since, age
FROM (SELECT 'session' AS holder, coalesce(nullif(application_name, ''), usename, '') AS name, pid,
             xact_start AS since, greatest(age(backend_xmin), age(backend_xid)) AS age
      FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
        AND backend_type = 'client backend'
      UNION ALL
      SELECT 'replication slot', slot_name, NULL, NULL, greatest(age(xmin), age(catalog_xmin))
      FROM pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
      UNION ALL
      SELECT 'prepared transaction', gid, NULL, prepared, age(transaction)
      FROM pg_prepared_xacts WHERE database = current_database()) AS holders
ORDER BY age DESC NULLS LAST, since
LIMIT 1;

-- name: tables
-- Partitions are told as their table, but for those that somebody has excepted from autovacuum.
SELECT t.name, sum(t.n_live_tup)::bigint, sum(t.n_dead_tup)::bigint,
       max(greatest(t.last_vacuum, t.last_autovacuum)),
       max(greatest(t.last_analyze, t.last_autoanalyze)), sum(t.n_mod_since_analyze)::bigint,
       bool_and(t.autovacuum)
FROM (SELECT CASE WHEN o.autovacuum THEN coalesce(p.relname, s.relname) ELSE s.relname END AS name,
             s.*, o.autovacuum
      FROM pg_stat_user_tables s
      JOIN pg_class c ON c.oid = s.relid AND c.relkind = 'r'
      LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
      LEFT JOIN pg_class p ON p.oid = i.inhparent
      CROSS JOIN LATERAL (
          SELECT coalesce((SELECT r.option_value::boolean FROM pg_options_to_table(c.reloptions) AS r
                           WHERE r.option_name = 'autovacuum_enabled'), true) AS autovacuum) AS o
      WHERE s.schemaname = 'public' AND s.relname LIKE 'continuum\_%') AS t
GROUP BY t.name
ORDER BY t.name;

-- name: months
-- This month and the next, when their journals go to the default partition.
SELECT to_char(m.month, 'YYYY-MM'),
       (SELECT count(*)
        FROM (SELECT FROM continuum_events e
              WHERE e.run_id >= continuum_first_id(m.month)
                AND e.run_id < continuum_first_id(m.month + interval '1 month')
              LIMIT $1::bigint) AS f)
FROM (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')
             + n * interval '1 month' AS month
      FROM generate_series(0, 1) AS n) AS m
WHERE to_regclass('public.continuum_events_' || to_char(m.month, 'YYYY_MM')) IS NULL
ORDER BY m.month;

-- name: takeovers
-- The claims of one worker that follow each other are one takeover, however many they were.
SELECT g.first_at, g.last_at, g.from_node, g.from_host, g.from_pid, g.died_at, g.by_node,
       g.by_host, g.by_pid, g.runs, f.run_ids[1:5]
FROM (SELECT min(id) AS first, min(at) AS first_at, max(at) AS last_at, from_node,
             max(from_host) AS from_host, max(from_pid) AS from_pid, max(died_at) AS died_at,
             by_node, max(by_host) AS by_host, max(by_pid) AS by_pid,
             sum(cardinality(run_ids))::bigint AS runs
      FROM (SELECT * FROM continuum_takeovers ORDER BY id DESC LIMIT $1::int) AS t
      GROUP BY from_node, by_node) AS g
JOIN continuum_takeovers f ON f.id = g.first
ORDER BY g.last_at DESC, g.first DESC;

-- name: invalid_indexes
SELECT c.relname, t.relname, a.path
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
LEFT JOIN continuum_attribute_indexes a
  ON c.relname = 'continuum_runs_attribute_' || a.id || '_idx'
WHERE t.relname LIKE 'continuum\_%' AND t.relnamespace = 'public'::regnamespace
  AND NOT (i.indisvalid AND i.indisready)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
ORDER BY c.relname;

-- name: connections
SELECT count(*) FILTER (WHERE backend_type = 'client backend'),
       count(*) FILTER (WHERE backend_type = 'client backend' AND datname = current_database()),
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0)
FROM pg_stat_activity;

-- name: activity
SELECT xact_commit + xact_rollback, clock_timestamp()
FROM pg_stat_database WHERE datname = current_database();
