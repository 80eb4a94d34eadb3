-- name: enqueue
-- In the transaction of the turn that scheduled them, which holds the lease rows.
INSERT INTO continuum_tasks
    (run_id, incarnation, command, attempt, queue, priority, activity, payload)
SELECT t.run_id, t.incarnation, t.command, t.attempt, t.queue, t.priority, t.activity, t.payload
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[], $6::int[], $7::text[],
            $8::bytea[])
  AS t (run_id, incarnation, command, attempt, queue, priority, activity, payload)
ON CONFLICT (run_id, incarnation, command) DO UPDATE
SET attempt = excluded.attempt, queue = excluded.queue, priority = excluded.priority,
    payload = excluded.payload, lease_owner = NULL, lease_token = NULL, stopping = false,
    available_at = clock_timestamp()
WHERE continuum_tasks.attempt < excluded.attempt;

-- name: mark_stopping
-- Locks the rows: a claim in flight is waited for, so the next statement sees who has them.
UPDATE continuum_tasks t SET stopping = true
FROM unnest($1::uuid[], $2::int[], $3::int[]) AS s (run_id, incarnation, command)
WHERE t.run_id = s.run_id AND t.incarnation = s.incarnation AND t.command = s.command;

-- name: answer_unclaimed
WITH gone AS (
    DELETE FROM continuum_tasks t
    USING unnest($1::uuid[], $2::int[], $3::int[]) AS s (run_id, incarnation, command)
    WHERE t.run_id = s.run_id AND t.incarnation = s.incarnation AND t.command = s.command
      AND t.lease_owner IS NULL
    RETURNING t.run_id, t.incarnation, t.command, t.attempt
)
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT g.run_id, 'activity_result', g.incarnation || '/' || g.command || '/' || g.attempt,
       $4::bytea
FROM gone g;

-- name: set_queue
INSERT INTO continuum_queues (name, fleet_concurrency, rate)
VALUES ($1::text, $2::int, $3::float8)
ON CONFLICT (name) DO UPDATE
SET fleet_concurrency = coalesce(excluded.fleet_concurrency, continuum_queues.fleet_concurrency),
    rate = coalesce(excluded.rate, continuum_queues.rate);

-- name: lock_queue
-- One claimer at a time for a queue with limits; the count below is then exact.
SELECT q.fleet_concurrency, q.rate,
       least(greatest(q.rate, 1),
             q.tokens + q.rate * greatest(extract(epoch FROM clock_timestamp() - q.refilled_at), 0)
            )::float8
FROM continuum_queues q
WHERE q.name = $1::text AND (q.fleet_concurrency IS NOT NULL OR q.rate IS NOT NULL)
FOR UPDATE;

-- name: count_claimed
SELECT count(*) FROM continuum_tasks t WHERE t.queue = $1::text AND t.lease_owner IS NOT NULL;

-- name: spend
UPDATE continuum_queues SET tokens = $2::float8, refilled_at = clock_timestamp()
WHERE name = $1::text;

-- name: claim_tasks
WITH found AS MATERIALIZED (
    SELECT t.run_id, t.incarnation, t.command
    FROM continuum_tasks t
    WHERE t.queue = $2::text AND t.lease_owner IS NULL AND NOT t.stopping
      AND t.activity = ANY ($3::text[]) AND t.available_at <= (SELECT clock_timestamp())
    ORDER BY t.priority DESC, t.available_at
    LIMIT $4::int
    FOR UPDATE SKIP LOCKED
)
UPDATE continuum_tasks t
SET lease_owner = $1::uuid, lease_token = nextval('continuum_lease_token_seq'),
    heartbeat_at = clock_timestamp()
FROM found f
WHERE t.run_id = f.run_id AND t.incarnation = f.incarnation AND t.command = f.command
  AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = $1::uuid AND n.dead_at IS NOT NULL)
RETURNING t.run_id, t.lease_token, t.incarnation, t.command, t.attempt,
          (SELECT r.namespace FROM continuum_runs r WHERE r.id = t.run_id), t.activity, t.payload,
          t.priority, t.available_at;

-- name: finish_tasks
DELETE FROM continuum_tasks t
USING unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::uuid[])
  AS d (run_id, incarnation, command, attempt, token, owner)
WHERE t.run_id = d.run_id AND t.incarnation = d.incarnation AND t.command = d.command
  AND t.attempt = d.attempt AND t.lease_token = d.token AND t.lease_owner = d.owner
RETURNING t.run_id, t.incarnation, t.command;

-- name: give_tasks_back
UPDATE continuum_tasks t
SET lease_owner = NULL, lease_token = NULL,
    available_at = clock_timestamp() + $7::float8 * interval '1 second'
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::uuid[])
  AS d (run_id, incarnation, command, attempt, token, owner)
WHERE t.run_id = d.run_id AND t.incarnation = d.incarnation AND t.command = d.command
  AND t.attempt = d.attempt AND t.lease_token = d.token AND t.lease_owner = d.owner;

-- name: look_at_tasks
SELECT t.run_id IS NULL, coalesce(t.stopping, false)
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::uuid[])
  WITH ORDINALITY AS d (run_id, incarnation, command, attempt, token, owner, n)
LEFT JOIN continuum_tasks t
  ON t.run_id = d.run_id AND t.incarnation = d.incarnation AND t.command = d.command
 AND t.attempt = d.attempt AND t.lease_token = d.token AND t.lease_owner = d.owner
ORDER BY d.n;

-- name: dead_tasks
-- Stopping tasks are among them: their answer is the same, and the run knows what it asked for.
SELECT t.run_id, t.lease_token, t.incarnation, t.command, t.attempt, t.lease_owner
FROM continuum_tasks t
WHERE t.lease_owner IS NOT NULL
  AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = t.lease_owner AND n.dead_at IS NULL)
LIMIT $1::int;

-- name: details_of
SELECT h.run_id, h.incarnation, h.command, h.details
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[])
  AS d (run_id, incarnation, command, attempt)
JOIN continuum_heartbeats h
  ON h.run_id = d.run_id AND h.incarnation = d.incarnation AND h.command = d.command
 AND h.attempt = d.attempt;

-- name: relaxed
-- Heartbeats may be lost with the server's last moments; they need no disk of their own.
SELECT set_config('synchronous_commit', 'off', true);

-- name: save_beats
INSERT INTO continuum_heartbeats (run_id, incarnation, command, attempt, details)
SELECT b.run_id, b.incarnation, b.command, b.attempt, b.details
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::uuid[], $7::bytea[],
            $8::bool[])
  AS b (run_id, incarnation, command, attempt, token, owner, details, task)
WHERE CASE WHEN b.task
    THEN EXISTS (SELECT FROM continuum_tasks t
                 WHERE t.run_id = b.run_id AND t.incarnation = b.incarnation
                   AND t.command = b.command AND t.lease_token = b.token
                   AND t.lease_owner = b.owner)
    ELSE EXISTS (SELECT FROM continuum_leases l
                 WHERE l.run_id = b.run_id AND l.lease_token = b.token
                   AND l.lease_owner = b.owner) END
ORDER BY b.run_id, b.incarnation, b.command
ON CONFLICT (run_id, incarnation, command) DO UPDATE
SET attempt = excluded.attempt, details = excluded.details, at = clock_timestamp()
WHERE continuum_heartbeats.attempt <= excluded.attempt;

-- name: forget_beats
DELETE FROM continuum_heartbeats h
USING unnest($1::uuid[], $2::int[], $3::int[], $4::int[])
  AS b (run_id, incarnation, command, attempt)
WHERE h.run_id = b.run_id AND h.incarnation = b.incarnation AND h.command = b.command
  AND h.attempt <= b.attempt;
