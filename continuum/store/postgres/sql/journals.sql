-- name: live_runs
SELECT l.run_id, l.version_id # (l.version_id >> 63), l.next_seq - 1
FROM continuum_leases l
WHERE l.run_id > $1::uuid
ORDER BY l.run_id
LIMIT $2::int;

-- name: live_among
SELECT l.run_id, l.version_id # (l.version_id >> 63), l.next_seq - 1
FROM continuum_leases l
WHERE l.run_id = ANY ($1::uuid[]);

-- name: heads
SELECT r.id, r.namespace, r.workflow, r.version, r.version_hash, r.runtime, r.incarnation,
       l.next_seq, l.lease_owner IS NOT NULL, l.blocked_build, r.input, r.started_at, r.parent_id,
       r.depth
FROM unnest($1::uuid[]) AS c (run_id)
JOIN continuum_leases l ON l.run_id = c.run_id
JOIN continuum_runs r ON r.id = c.run_id
ORDER BY r.id;

-- name: events
-- The place of a run in the list stands for its id, which would be read anew for every event. The
-- rows come in the order of the list, because only a nested loop can answer this; a sort would
-- read them all before the first one comes.
SELECT c.place, e.seq, e.type, e.command, e.payload, e.at
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS c (run_id, incarnation, place)
CROSS JOIN LATERAL (
    SELECT * FROM continuum_events
    WHERE run_id = c.run_id AND incarnation = c.incarnation ORDER BY seq) AS e;

-- name: registered
SELECT workflow, version, version_hash, runtime, source, taken, first_seen_at
FROM continuum_workflow_versions
WHERE version_hash <> ''
ORDER BY first_seen_at, version_id;

-- name: read_only
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: plan_by_key
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true);
