-- name: put
-- $20: whether one of that name is replaced. Its last run and its failures stay.
INSERT INTO continuum_schedules AS s
    (namespace, name, workflow, input, time_arguments, attributes, cron, every, every_offset, zone,
     jitter, starts_at, ends_at, overlap, catch_up, back_off, paused, note, due_at, look_at)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        $19, CASE WHEN NOT $17 THEN $21::timestamptz END)
ON CONFLICT (namespace, name) DO UPDATE SET
    workflow = excluded.workflow, input = excluded.input,
    time_arguments = excluded.time_arguments, attributes = excluded.attributes,
    cron = excluded.cron, every = excluded.every, every_offset = excluded.every_offset,
    zone = excluded.zone, jitter = excluded.jitter, starts_at = excluded.starts_at,
    ends_at = excluded.ends_at, overlap = excluded.overlap, catch_up = excluded.catch_up,
    back_off = excluded.back_off, paused = excluded.paused, note = excluded.note,
    due_at = excluded.due_at, look_at = excluded.look_at, waiting_at = NULL,
    updated_at = clock_timestamp()
WHERE $20
RETURNING name;

-- name: lock
SELECT name FROM continuum_schedules WHERE namespace = $1 AND name = $2 FOR UPDATE;

-- name: clock
SELECT clock_timestamp();

-- name: read
SELECT namespace, name, workflow, cron, every, every_offset, zone, jitter, starts_at, ends_at,
       overlap, catch_up, back_off, attributes, paused, note, look_at, waiting_at, failures,
       resting_until, last_error, last_run_id, last_fired_at, created_at, updated_at,
       clock_timestamp()
FROM continuum_schedules
WHERE ($1::text IS NULL OR namespace = $1) AND ($2::text IS NULL OR name = $2)
ORDER BY namespace COLLATE "C", name COLLATE "C";

-- name: pause
UPDATE continuum_schedules
SET paused = true, note = $3, due_at = NULL, look_at = NULL, waiting_at = NULL,
    updated_at = clock_timestamp()
WHERE namespace = $1 AND name = $2
RETURNING name;

-- name: resume
UPDATE continuum_schedules
SET due_at = CASE WHEN paused THEN $4 ELSE due_at END,
    look_at = CASE WHEN paused THEN $5 ELSE look_at END,
    paused = false, note = $3, failures = 0, resting_until = NULL, updated_at = clock_timestamp()
WHERE namespace = $1 AND name = $2
RETURNING name;

-- name: delete
DELETE FROM continuum_schedules WHERE namespace = $1 AND name = $2 RETURNING name;

-- name: firings
SELECT f.due_at, f.fired_at, f.outcome, f.run_id, r.state
FROM continuum_schedule_firings f LEFT JOIN continuum_runs r ON r.id = f.run_id
WHERE f.namespace = $1 AND f.name = $2
ORDER BY f.due_at DESC
LIMIT $3;

-- name: lock_due
SELECT namespace, name
FROM continuum_schedules
WHERE look_at <= (SELECT clock_timestamp())  -- once, so that the index ends there
ORDER BY look_at
LIMIT $1
FOR UPDATE SKIP LOCKED;

-- name: read_due
-- A statement of its own, after the locks: it sees what whoever held them before has written.
SELECT s.namespace, s.name, s.workflow, s.input, s.time_arguments, s.attributes, s.cron, s.every,
       s.every_offset, s.zone, s.jitter, s.starts_at, s.ends_at, s.overlap, s.catch_up, s.back_off,
       s.due_at, s.waiting_at, s.failures, s.judged, s.resting_until, s.last_error, s.last_run_id,
       r.state, l.cancel_requested_at IS NOT NULL, r.completed_at, r.error_message
FROM unnest($1::text[], $2::text[]) AS locked (namespace, name)
JOIN continuum_schedules s USING (namespace, name)
LEFT JOIN continuum_runs r ON r.id = s.last_run_id
LEFT JOIN continuum_leases l ON l.run_id = s.last_run_id;

-- name: read_one
SELECT s.workflow, s.input, s.time_arguments, s.attributes
FROM continuum_schedules s WHERE s.namespace = $1 AND s.name = $2;

-- name: next_look
SELECT min(look_at) FROM continuum_schedules WHERE look_at IS NOT NULL;

-- name: decided
UPDATE continuum_schedules s
SET due_at = d.due_at, look_at = d.look_at, waiting_at = d.waiting_at, failures = d.failures,
    judged = d.judged, resting_until = d.resting_until, last_error = d.last_error,
    last_run_id = coalesce(d.run_id, s.last_run_id),
    last_fired_at = coalesce(d.fired_for, s.last_fired_at)
FROM jsonb_to_recordset($1::text::jsonb) AS d (
    namespace text, name text, due_at timestamptz, look_at timestamptz, waiting_at timestamptz,
    failures int, judged boolean, resting_until timestamptz, last_error text, run_id uuid,
    fired_for timestamptz)
WHERE s.namespace = d.namespace AND s.name = d.name;

-- name: triggered
UPDATE continuum_schedules
SET last_run_id = $3, last_fired_at = $4, judged = false
WHERE namespace = $1 AND name = $2;

-- name: record
INSERT INTO continuum_schedule_firings (namespace, name, due_at, outcome, run_id)
SELECT namespace, name, due_at, outcome, run_id
FROM jsonb_to_recordset($1::text::jsonb) AS f (
    namespace text, name text, due_at timestamptz, outcome text, run_id uuid);

-- name: trim
-- All but the newest $3 times of these schedules.
DELETE FROM continuum_schedule_firings f
USING unnest($1::text[], $2::text[]) AS s (namespace, name)
CROSS JOIN LATERAL (
    SELECT due_at FROM continuum_schedule_firings l
    WHERE l.namespace = s.namespace AND l.name = s.name
    ORDER BY due_at DESC OFFSET $3 LIMIT 1
) oldest
WHERE f.namespace = s.namespace AND f.name = s.name AND f.due_at <= oldest.due_at;
