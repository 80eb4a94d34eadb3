-- name: fence_run
-- FOR KEY SHARE: from here to the end of the transaction nobody takes the run over or ends it.
SELECT l.run_id FROM continuum_leases l
WHERE l.run_id = $1::uuid AND l.lease_owner = $2::uuid AND l.lease_token = $3::bigint
FOR KEY SHARE;

-- name: fence_task
SELECT t.run_id FROM continuum_tasks t
WHERE t.run_id = $1::uuid AND t.lease_owner = $2::uuid AND t.lease_token = $3::bigint
  AND t.incarnation = $4::int AND t.command = $5::int AND t.attempt = $6::int
FOR UPDATE;

-- name: bounded
-- From here on the lease row is locked: a worker that hangs before its commit must not keep it.
SELECT set_config('idle_in_transaction_session_timeout', '10s', true);

-- name: wait_for_run
-- The lease row's lock waits for the transaction whose outcome is unknown.
SELECT l.run_id FROM continuum_leases l
WHERE l.run_id = $1::uuid AND l.lease_owner = $2::uuid AND l.lease_token = $3::bigint
FOR UPDATE;

-- name: find_answer
SELECT m.id, m.run_id, m.kind, m.name, m.payload FROM continuum_inbox m
WHERE m.run_id = $1::uuid AND m.kind = 'activity_result' AND m.name = $2::text
ORDER BY m.id LIMIT 1;

-- name: reserve
INSERT INTO continuum_activity_results
    (namespace, activity, idempotency_key, run_id, incarnation, command, attempt)
VALUES ($1::text, $2::text, $3::text, $4::uuid, $5::int, $6::int, $7::int)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: look
SELECT r.run_id, r.incarnation, r.command, r.completed_at IS NOT NULL, r.result
FROM continuum_activity_results r
WHERE r.namespace = $1::text AND r.activity = $2::text AND r.idempotency_key = $3::text
FOR UPDATE;

-- name: holder_lives
-- Its run is alive in the same incarnation and has not journaled the end of that command.
SELECT EXISTS (SELECT FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id
               WHERE l.run_id = $1::uuid AND r.incarnation = $2::int)
   AND NOT EXISTS (SELECT FROM continuum_events e
                   WHERE e.run_id = $1::uuid AND e.incarnation = $2::int AND e.command = $3::int
                     AND e.type IN ('activity_completed', 'activity_failed'));

-- name: take_over
UPDATE continuum_activity_results
SET run_id = $4::uuid, incarnation = $5::int, command = $6::int, attempt = $7::int,
    reserved_at = clock_timestamp()
WHERE namespace = $1::text AND activity = $2::text AND idempotency_key = $3::text
  AND completed_at IS NULL;

-- name: wait_for_key
INSERT INTO continuum_activity_waiters
    (namespace, activity, idempotency_key, run_id, incarnation, command, attempt)
VALUES ($1::text, $2::text, $3::text, $4::uuid, $5::int, $6::int, $7::int)
ON CONFLICT (run_id, incarnation, command) DO UPDATE SET attempt = excluded.attempt;

-- name: complete
INSERT INTO continuum_activity_results
    (namespace, activity, idempotency_key, run_id, incarnation, command, attempt, result,
     completed_at)
VALUES ($1::text, $2::text, $3::text, $4::uuid, $5::int, $6::int, $7::int, $8::bytea,
        clock_timestamp())
ON CONFLICT (namespace, activity, idempotency_key) DO UPDATE
SET result = excluded.result, completed_at = excluded.completed_at
WHERE continuum_activity_results.run_id = excluded.run_id
  AND continuum_activity_results.incarnation = excluded.incarnation
  AND continuum_activity_results.command = excluded.command
  AND continuum_activity_results.attempt = excluded.attempt
  AND continuum_activity_results.completed_at IS NULL;

-- name: release
DELETE FROM continuum_activity_results
WHERE namespace = $1::text AND activity = $2::text AND idempotency_key = $3::text
  AND run_id = $4::uuid AND incarnation = $5::int AND command = $6::int AND attempt = $7::int
  AND completed_at IS NULL;

-- name: waiters
SELECT w.run_id FROM continuum_activity_waiters w
WHERE w.namespace = $1::text AND w.activity = $2::text AND w.idempotency_key = $3::text
LIMIT 1000;

-- name: take_waiters
DELETE FROM continuum_activity_waiters w
WHERE w.namespace = $1::text AND w.activity = $2::text AND w.idempotency_key = $3::text
  AND w.run_id = ANY ($4::uuid[])
RETURNING w.run_id, w.incarnation, w.command, w.attempt;

-- name: settled_keys
-- Keys with waiters that nobody alive works on: their waiters try again.
SELECT DISTINCT w.namespace, w.activity, w.idempotency_key
FROM continuum_activity_waiters w
LEFT JOIN continuum_activity_results r
  ON r.namespace = w.namespace AND r.activity = w.activity
 AND r.idempotency_key = w.idempotency_key
WHERE r.run_id IS NULL OR r.completed_at IS NOT NULL
   OR NOT EXISTS (SELECT FROM continuum_leases l JOIN continuum_runs u ON u.id = l.run_id
                  WHERE l.run_id = r.run_id AND u.incarnation = r.incarnation)
   OR EXISTS (SELECT FROM continuum_events e
              WHERE e.run_id = r.run_id AND e.incarnation = r.incarnation
                AND e.command = r.command AND e.type IN ('activity_completed', 'activity_failed'))
LIMIT $1::int;
