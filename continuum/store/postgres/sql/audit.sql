-- name: now
SELECT transaction_timestamp();

-- name: versions
SELECT version_id, workflow, version, version_hash, runtime, source, first_seen_at, last_seen_at,
       taken, decided, patch_sites, opaque, codecs, codec_fingerprint, codec_changes
FROM continuum_workflow_versions
ORDER BY workflow, version DESC, first_seen_at, version_hash, runtime;

-- name: groups
-- One pass over the live set, whatever has ended. The limit of takeovers is that of the claims.
-- `v # (v >> 63)` is the version id, paused or not.
SELECT version_id # (version_id >> 63), lease_owner, count(*),
       count(*) FILTER (WHERE blocked_build IS NOT NULL), count(*) FILTER (WHERE takeovers >= 4)
FROM continuum_leases
GROUP BY 1, 2;

-- name: nodes
SELECT n.id, n.dead_at IS NULL AND n.expires_at > transaction_timestamp(),
       EXTRACT(EPOCH FROM n.expires_at - n.heartbeat_at)::float8,
       greatest(EXTRACT(EPOCH FROM transaction_timestamp() - least(n.dead_at, n.expires_at)),
                0)::float8,
       ARRAY(SELECT v.version_id FROM continuum_node_versions v WHERE v.node_id = n.id)
FROM continuum_nodes n
ORDER BY n.started_at, n.id;

-- name: oldest_runs
-- Ids begin with the time of the start, so the lowest are the oldest. Runs are fetched one by one,
-- by key: a join could read all that have ended.
WITH numbered AS (
    SELECT version_id # (version_id >> 63) AS version_id, run_id,
           row_number() OVER (PARTITION BY version_id # (version_id >> 63) ORDER BY run_id) AS place
    FROM continuum_leases
    WHERE version_id # (version_id >> 63) = ANY ($1::bigint[])
)
SELECT o.version_id, r.*, l.waiting_on
FROM (SELECT version_id, run_id FROM numbered WHERE place <= $2::int) AS o
CROSS JOIN LATERAL (
    SELECT id, namespace, workflow, version, version_hash, runtime, started_at
    FROM continuum_runs WHERE id = o.run_id OFFSET 0) AS r
CROSS JOIN LATERAL (
    SELECT waiting_on FROM continuum_leases WHERE run_id = o.run_id OFFSET 0) AS l
ORDER BY o.version_id, r.id;

-- name: last_starts
-- The newest runs of each workflow, in the namespaces that have most of them. The counters know
-- which these are.
SELECT r.workflow, r.version_hash, r.runtime, max(r.started_at)
FROM unnest($1::text[]) AS w (workflow)
CROSS JOIN LATERAL (
    SELECT namespace FROM (
        SELECT namespace, n FROM continuum_counts WHERE workflow = w.workflow
        UNION ALL
        SELECT namespace, n FROM continuum_count_deltas WHERE workflow = w.workflow) AS c
    GROUP BY namespace ORDER BY sum(n) DESC LIMIT 10) AS s
CROSS JOIN LATERAL (
    SELECT workflow, version_hash, runtime, started_at FROM continuum_runs
    WHERE namespace = s.namespace AND workflow = w.workflow
    ORDER BY started_at DESC, id DESC LIMIT 100) AS r
WHERE r.version_hash <> ''
GROUP BY 1, 2, 3;

-- name: outlooks
-- A run may never end by itself when it is paused, drifted, is in quarantine, or waits without a deadline and
-- not for an activity. One that waits for children is as endless as they are; those are followed.
WITH RECURSIVE own AS MATERIALIZED (
    SELECT version_id # (version_id >> 63) AS version_id, run_id, wake_at, waiting_on,
           waiting_on LIKE 'child %' OR waiting_on LIKE '%, child %' AS has_child,
           version_id < 0 OR blocked_build IS NOT NULL OR takeovers >= 4
           OR (wake_at IS NULL AND NOT ready AND waiting_on IS NOT NULL
               AND (waiting_on LIKE 'nothing:%'
                    OR waiting_on NOT LIKE ALL (ARRAY['activity %', '%, activity %',
                                                      'child %', '%, child %']))) AS endless
    FROM continuum_leases
    WHERE version_id # (version_id >> 63) = ANY ($1::bigint[])
), chain AS (
    SELECT version_id, run_id AS root, run_id, wake_at, waiting_on, endless FROM own
    WHERE has_child AND NOT endless
    UNION
    SELECT c.version_id, c.root, l.run_id, l.wake_at, l.waiting_on,
           l.version_id < 0 OR l.blocked_build IS NOT NULL OR l.takeovers >= 4
           OR (l.wake_at IS NULL AND NOT l.ready AND l.waiting_on IS NOT NULL
               AND (l.waiting_on LIKE 'nothing:%'
                    OR l.waiting_on NOT LIKE ALL (ARRAY['activity %', '%, activity %',
                                                        'child %', '%, child %'])))
    FROM chain c
    CROSS JOIN LATERAL regexp_matches(c.waiting_on, '(?:^|, )child ([0-9a-f-]{36})', 'g') AS m (id)
    CROSS JOIN LATERAL (
        SELECT * FROM continuum_leases WHERE run_id = m.id[1]::uuid OFFSET 0) AS l
    WHERE NOT c.endless
), followed AS MATERIALIZED (
    SELECT root AS run_id, bool_or(endless) AS endless, max(wake_at) AS wake_at
    FROM chain GROUP BY root
), judged AS MATERIALIZED (
    SELECT o.version_id, o.run_id, coalesce(f.endless, o.endless) AS endless,
           coalesce(f.wake_at, o.wake_at) AS wake_at
    FROM own o LEFT JOIN followed f ON f.run_id = o.run_id
), counted AS (
    SELECT version_id, count(*) AS runs, max(wake_at) AS wake_at,
           count(*) FILTER (WHERE endless) AS endless
    FROM judged GROUP BY version_id
)
SELECT c.version_id, c.runs, c.wake_at, c.endless,
       ARRAY(SELECT j.run_id FROM judged j WHERE j.version_id = c.version_id AND j.endless
             ORDER BY j.run_id LIMIT $2::int)
FROM counted c
ORDER BY c.version_id;

-- name: newest_start
-- Of one version, looked at run by run; null when there are more than so many.
SELECT CASE WHEN count(*) <= $2::int THEN max(r.started_at) END
FROM (SELECT run_id FROM continuum_leases
      WHERE version_id # (version_id >> 63) = $1::bigint LIMIT $2::int + 1) AS l
CROSS JOIN LATERAL (SELECT started_at FROM continuum_runs WHERE id = l.run_id OFFSET 0) AS r;

-- name: runs_by_id
SELECT l.version_id # (l.version_id >> 63), r.*, l.waiting_on
FROM unnest($1::uuid[]) AS o (run_id)
CROSS JOIN LATERAL (
    SELECT version_id, waiting_on FROM continuum_leases WHERE run_id = o.run_id OFFSET 0) AS l
CROSS JOIN LATERAL (
    SELECT id, namespace, workflow, version, version_hash, runtime, started_at
    FROM continuum_runs WHERE id = o.run_id OFFSET 0) AS r
ORDER BY r.id;

-- name: past_runs
-- The runs that ended last; where too few of them are of this workflow, those that began last.
WITH places AS MATERIALIZED (
    SELECT w.workflow, s.namespace
    FROM unnest($1::text[]) AS w (workflow)
    CROSS JOIN LATERAL (
        SELECT namespace FROM (
            SELECT namespace, n FROM continuum_counts
            WHERE workflow = w.workflow AND state = 'completed'
            UNION ALL
            SELECT namespace, n FROM continuum_count_deltas
            WHERE workflow = w.workflow AND state = 'completed') AS c
        GROUP BY namespace HAVING sum(n) > 0 ORDER BY sum(n) DESC LIMIT 5) AS s
), ended AS MATERIALIZED (
    SELECT n.namespace, r.*
    FROM (SELECT DISTINCT namespace FROM places) AS n
    CROSS JOIN LATERAL (
        SELECT workflow, state, started_at, completed_at FROM continuum_runs
        WHERE namespace = n.namespace AND completed_at IS NOT NULL
        ORDER BY completed_at DESC, id DESC LIMIT 2000) AS r
), recent AS MATERIALIZED (
    SELECT p.workflow, e.completed_at - e.started_at AS lasted
    FROM places p
    JOIN ended e ON e.namespace = p.namespace AND e.workflow = p.workflow
    WHERE e.state = 'completed'
), rare AS (
    SELECT workflow FROM places GROUP BY workflow
    EXCEPT
    SELECT workflow FROM recent GROUP BY workflow HAVING count(*) >= 100
), samples AS (
    SELECT workflow, lasted FROM recent WHERE workflow NOT IN (SELECT workflow FROM rare)
    UNION ALL
    SELECT p.workflow, r.lasted
    FROM places p
    CROSS JOIN LATERAL (
        SELECT completed_at - started_at AS lasted, state FROM continuum_runs
        WHERE namespace = p.namespace AND workflow = p.workflow
        ORDER BY started_at DESC, id DESC LIMIT 2000) AS r
    WHERE p.workflow IN (SELECT workflow FROM rare) AND r.state = 'completed'
)
SELECT workflow, count(*),
       percentile_disc(0.99) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM lasted)::float8)
FROM samples
GROUP BY workflow;

-- name: delete_versions
-- Follows `lock_registry` in the same transaction: a worker that registers one of them now either
-- has committed before, and is seen here, or waits and then inserts the row anew.
DELETE FROM continuum_workflow_versions w
WHERE w.version_id = ANY ($1::bigint[])
  AND NOT EXISTS (
      SELECT FROM continuum_node_versions v JOIN continuum_nodes n ON n.id = v.node_id
      WHERE v.version_id = w.version_id AND n.dead_at IS NULL
        AND n.expires_at > clock_timestamp())
  AND NOT EXISTS (SELECT FROM continuum_leases l
                  WHERE l.version_id IN (w.version_id, ~w.version_id))
RETURNING w.version_id;
