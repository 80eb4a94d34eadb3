-- name: bounded
-- Nothing here waits for a row. Whatever else it might wait for, it gives up soon.
SELECT set_config('lock_timeout', '3s', true), set_config('statement_timeout', '120s', true),
       set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);

-- name: clock
SELECT clock_timestamp();

-- name: ended_runs
SELECT c.namespace, c.workflow, sum(c.n)::bigint, w.retention
FROM (SELECT namespace, workflow, state, n FROM continuum_counts
      UNION ALL
      SELECT namespace, workflow, state, n FROM continuum_count_deltas) c
LEFT JOIN continuum_workflows w USING (workflow)
WHERE c.state IN ('completed', 'failed', 'cancelled')
  AND ($1::text IS NULL OR c.namespace = $1)
GROUP BY c.namespace, c.workflow, w.retention
HAVING sum(c.n) > 0
ORDER BY c.namespace COLLATE "C", c.workflow COLLATE "C";

-- name: needed
-- In a statement of its own, after the locks: it sees what whoever held them before has written.
WITH candidates AS MATERIALIZED (
    SELECT r.id, r.parent_id, r.started_at FROM continuum_runs r WHERE r.id = ANY ($1::uuid[])
), parents AS MATERIALIZED (
    -- Live ones, and when their incarnation can have begun at the earliest: children of those
    -- before are nothing to it. The last event of these is found from the end of the journal.
    SELECT p.id, CASE WHEN p.incarnation > 1 THEN
               (SELECT e.at FROM continuum_events e
                WHERE e.run_id = p.id AND e.incarnation < p.incarnation
                ORDER BY e.seq DESC LIMIT 1) END AS began_at
    FROM (SELECT DISTINCT parent_id FROM candidates WHERE parent_id IS NOT NULL) AS c
    JOIN continuum_leases l ON l.run_id = c.parent_id
    JOIN continuum_runs p ON p.id = l.run_id
)
SELECT n.id, n.needed_for
FROM (SELECT c.id, CASE
          WHEN EXISTS (SELECT FROM continuum_leases l WHERE l.run_id = c.id) THEN 'in use'
          WHEN EXISTS (SELECT FROM continuum_runs k JOIN continuum_leases l ON l.run_id = k.id
                       WHERE k.parent_id = c.id) THEN 'live child'
          WHEN EXISTS (SELECT FROM parents p
                       WHERE p.id = c.parent_id
                         AND (p.began_at IS NULL
                              OR c.started_at > p.began_at - make_interval(secs => $2::float8)))
               THEN 'live parent'
          WHEN EXISTS (SELECT FROM continuum_origins o JOIN continuum_leases l USING (run_id)
                       WHERE o.origin_id = c.id) THEN 'live origin'
          WHEN c.id IN (SELECT s.last_run_id FROM continuum_schedules s
                        WHERE s.last_run_id IS NOT NULL) THEN 'schedule'
          WHEN EXISTS (SELECT FROM continuum_plan_runs g JOIN continuum_plans p ON p.id = g.plan_id
                       WHERE g.run_id = c.id AND g.outcome IS NULL
                         AND p.expires_at > clock_timestamp()) THEN 'plan'
          END AS needed_for
      FROM candidates c) AS n
WHERE n.needed_for IS NOT NULL;

-- name: measure
SELECT count(*), coalesce(sum(m.events), 0)::bigint, coalesce(sum(m.octets), 0)::bigint
FROM (SELECT e.events,
             e.octets + pg_column_size(r.input) + coalesce(pg_column_size(r.result), 0)
             + pg_column_size(r.attributes) + coalesce(pg_column_size(r.error_details), 0) AS octets
      FROM continuum_runs r
      CROSS JOIN LATERAL (
          SELECT count(*) AS events, coalesce(sum(pg_column_size(v.payload)), 0) AS octets
          FROM continuum_events v WHERE v.run_id = r.id) AS e
      WHERE r.id = ANY ($1::uuid[])) AS m;

-- name: delete
-- Their rows are locked, and they have no lease. `= ANY (ARRAY[x])` as in turn.sql.
WITH events AS (
    DELETE FROM continuum_events e USING unnest($1::uuid[]) AS g (id)
    WHERE e.run_id = ANY (ARRAY[g.id])
    RETURNING pg_column_size(e.payload) AS octets
), origins AS (
    DELETE FROM continuum_origins o USING unnest($1::uuid[]) AS g (id)
    WHERE o.run_id = ANY (ARRAY[g.id])
), runs AS (
    DELETE FROM continuum_runs r USING unnest($1::uuid[]) AS g (id)
    WHERE r.id = ANY (ARRAY[g.id])
    RETURNING pg_column_size(r.input) + coalesce(pg_column_size(r.result), 0)
              + pg_column_size(r.attributes) + coalesce(pg_column_size(r.error_details), 0) AS octets
)
SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM events),
       (SELECT coalesce(sum(octets), 0)::bigint FROM runs)
       + (SELECT coalesce(sum(octets), 0)::bigint FROM events);

-- name: next_results
SELECT a.namespace, a.activity, a.idempotency_key,
       ($1::text IS NULL OR a.namespace = $1)
       AND coalesce(a.completed_at, a.reserved_at) <= $2::timestamptz
FROM continuum_activity_results a
WHERE $3::text IS NULL OR (a.namespace, a.activity, a.idempotency_key) > ($3, $4::text, $5::text)
ORDER BY a.namespace, a.activity, a.idempotency_key
LIMIT $6::int;

-- name: lock_results
SELECT a.namespace, a.activity, a.idempotency_key
FROM unnest($1::text[], $2::text[], $3::text[]) AS g (namespace, activity, idempotency_key)
JOIN continuum_activity_results a USING (namespace, activity, idempotency_key)
WHERE coalesce(a.completed_at, a.reserved_at) <= $4::timestamptz
FOR UPDATE OF a SKIP LOCKED;

-- name: forgettable_results
-- A result outlives its run; while somebody waits for the key, it is about to be read.
SELECT a.namespace, a.activity, a.idempotency_key
FROM unnest($1::text[], $2::text[], $3::text[]) AS g (namespace, activity, idempotency_key)
JOIN continuum_activity_results a USING (namespace, activity, idempotency_key)
WHERE coalesce(a.completed_at, a.reserved_at) <= $4::timestamptz
  AND NOT EXISTS (SELECT FROM continuum_runs r WHERE r.id = a.run_id)
  AND NOT EXISTS (SELECT FROM continuum_activity_waiters w
                  WHERE w.namespace = a.namespace AND w.activity = a.activity
                    AND w.idempotency_key = a.idempotency_key);

-- name: forget_results
DELETE FROM continuum_activity_results a
USING unnest($1::text[], $2::text[], $3::text[]) AS g (namespace, activity, idempotency_key)
WHERE a.namespace = g.namespace AND a.activity = g.activity
  AND a.idempotency_key = g.idempotency_key;

-- name: next_deliveries
-- Runs with delivery ids, each once. Those without a name are the keys of retries, which stay.
WITH RECURSIVE found AS (
    (SELECT d.run_id, 1 AS n FROM continuum_deliveries d
     WHERE $1::uuid IS NULL OR d.run_id > $1 ORDER BY d.run_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.run_id FROM continuum_deliveries d
            WHERE d.run_id > f.run_id ORDER BY d.run_id LIMIT 1), f.n + 1
    FROM found f WHERE f.run_id IS NOT NULL AND f.n < $2::int
)
SELECT f.run_id, (r.completed_at <= $3::timestamptz) IS TRUE
                 AND ($4::text IS NULL OR r.namespace = $4)
FROM found f JOIN continuum_runs r ON r.id = f.run_id;

-- name: lock_ended
SELECT r.id FROM continuum_runs r
WHERE r.id = ANY ($1::uuid[]) AND r.completed_at <= $2::timestamptz
ORDER BY r.id FOR UPDATE SKIP LOCKED;

-- name: count_deliveries
SELECT count(*) FROM continuum_deliveries d WHERE d.run_id = ANY ($1::uuid[]) AND d.name <> '';

-- name: forget_deliveries
DELETE FROM continuum_deliveries d WHERE d.run_id = ANY ($1::uuid[]) AND d.name <> '';

-- name: take_duty
-- One statement: of workers that come at once, one finds it undone.
INSERT INTO continuum_duties AS d (name, begun_at) VALUES ($1::text, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET begun_at = excluded.begun_at
WHERE d.begun_at <= excluded.begun_at - make_interval(secs => $2::float8)
RETURNING true;

-- name: register_workflows
INSERT INTO continuum_workflows AS w (workflow, retention)
SELECT g.workflow, g.retention FROM unnest($1::text[], $2::float8[]) AS g (workflow, retention)
ORDER BY g.workflow
ON CONFLICT (workflow) DO UPDATE
SET retention = excluded.retention, registered_at = excluded.registered_at;
