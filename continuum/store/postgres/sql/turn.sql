-- The parts of the turn statement: one batch of turns, at most one a run. turn_statement.py joins
-- those that a batch needs: most batches of a quiet node need three, and a part costs the same
-- whether it has rows or not.
--
-- `@name` stands for the rows of that table of turn_statement.py, which also names their columns.
--
-- Everything hangs on two heads: `held`, the runs whose lease rows are locked and still carry this
-- owner, token and next_seq, and `made`, the runs that this batch inserts; `owned` is both. No
-- other part reads a table that the statement changes.
--
-- `= ANY (ARRAY[x])` instead of `= x`, and conditions on columns without an index, leave the
-- planner one way: row by row of the batch, by primary key. With plain equalities it may walk a
-- table that was small when it planned, and compare every row of it with every row of the batch.

-- name: held
SELECT i.*
FROM @held AS i
JOIN continuum_leases l ON l.run_id = ANY (ARRAY[i.run_id])
WHERE l.lease_owner IS NOT DISTINCT FROM $node::uuid AND l.lease_token = i.token
  AND l.next_seq = i.next_seq
ORDER BY i.run_id
FOR UPDATE OF l;

-- name: locked
-- Instead of `held` when turns post to other runs: rows without a token. All lease rows, own and
-- foreign, are locked in run order, so that batches with crossed parents wait for each other
-- instead of deadlocking. A run that has ended is not among them and gets nothing.
SELECT i.*, l.lease_owner IS NULL AS free
FROM @held AS i
JOIN continuum_leases l ON l.run_id = ANY (ARRAY[i.run_id])
WHERE i.token IS NULL
   OR (l.lease_owner IS NOT DISTINCT FROM $node::uuid AND l.lease_token = i.token
       AND l.next_seq = i.next_seq)
ORDER BY i.run_id
FOR UPDATE OF l;

-- name: held_of_locked
SELECT * FROM locked WHERE token IS NOT NULL;

-- name: made
INSERT INTO continuum_runs
    (id, namespace, workflow, input, attributes, idempotency_key, parent_id, version,
     version_hash, runtime, state, started_at, updated_at, completed_at, result,
     error_type, error_message, error_details, incarnation)
SELECT n.run_id, n.namespace, n.workflow, n.input, n.attributes, n.idempotency_key,
       n.parent_id, n.version, n.version_hash, n.runtime, n.state, n.started_at,
       clock_timestamp(), CASE WHEN n.ended THEN clock_timestamp() END, n.result,
       n.error_type, n.error_message, n.error_details, n.incarnation
FROM @made AS n
ON CONFLICT DO NOTHING
RETURNING id AS run_id;

-- name: owned_held
SELECT run_id FROM held;

-- name: owned_made
SELECT run_id FROM made;

-- name: owned_both
SELECT run_id FROM held UNION ALL SELECT run_id FROM made;

-- name: leased
INSERT INTO continuum_leases
    (run_id, version_id, lease_owner, lease_token, next_seq, ready, wake_at, waiting_on, parked)
SELECT n.run_id, n.version_id, $node::uuid, n.token, n.next_seq, false, n.wake_at, n.waiting_on,
       n.parked
FROM @leased AS n
WHERE (n.run_id IN (SELECT run_id FROM made)) IS TRUE;

-- name: journaled
INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
SELECT e.run_id, e.seq, e.incarnation, e.type, e.command, e.payload, e.at
FROM @journaled AS e
WHERE (e.run_id IN (SELECT run_id FROM owned)) IS TRUE;

-- name: read
DELETE FROM continuum_inbox m
USING @read AS c
WHERE m.id = ANY (ARRAY[c.id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE;

-- name: kept
UPDATE continuum_leases l
SET next_seq = h.next_seq + h.appended,
    wake_at = h.wake_at,
    waiting_on = h.waiting_on,
    parked = h.parked,
    ready = false,
    takeovers = 0,
    blocked_build = NULL,
    version_id = coalesce(h.version_id # (l.version_id >> 63), l.version_id),  -- paused or not
    cancel_requested_at = CASE WHEN h.cancelling
        THEN coalesce(l.cancel_requested_at, clock_timestamp())
        ELSE l.cancel_requested_at END
FROM held h
WHERE l.run_id = ANY (ARRAY[h.run_id]) AND NOT h.ending;

-- name: changed
UPDATE continuum_runs r
SET state = coalesce(c.state, r.state),
    version = coalesce(c.version, r.version),
    version_hash = coalesce(c.version_hash, r.version_hash),
    runtime = coalesce(c.runtime, r.runtime),
    updated_at = clock_timestamp()
FROM @changed AS c
WHERE r.id = ANY (ARRAY[c.run_id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
  AND r.completed_at IS NULL;

-- name: amended
-- As `changed`, for runs whose attributes were set or whose next incarnation begins.
UPDATE continuum_runs r
SET state = coalesce(c.state, r.state),
    version = coalesce(c.version, r.version),
    version_hash = coalesce(c.version_hash, r.version_hash),
    runtime = coalesce(c.runtime, r.runtime),
    attributes = coalesce(r.attributes || c.attributes, r.attributes),
    incarnation = coalesce(c.incarnation, r.incarnation),
    input = coalesce(c.input, r.input),
    updated_at = clock_timestamp()
FROM @amended AS c
WHERE r.id = ANY (ARRAY[c.run_id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
  AND r.completed_at IS NULL;

-- name: dropped
DELETE FROM continuum_leases l USING held h WHERE l.run_id = ANY (ARRAY[h.run_id]) AND h.ending;

-- name: ended
UPDATE continuum_runs r
SET state = c.state, result = c.result, error_type = c.error_type,
    error_message = c.error_message, error_details = c.error_details,
    version = coalesce(c.version, r.version),
    version_hash = coalesce(c.version_hash, r.version_hash),
    runtime = coalesce(c.runtime, r.runtime),
    attributes = coalesce(r.attributes || c.attributes, r.attributes),
    updated_at = clock_timestamp(), completed_at = clock_timestamp()
FROM @ended AS c
WHERE r.id = ANY (ARRAY[c.run_id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
  AND r.completed_at IS NULL;

-- name: published
INSERT INTO continuum_published (run_id, name, value, incarnation)
SELECT p.run_id, p.name, p.value, p.incarnation
FROM @published AS p
WHERE (p.run_id IN (SELECT run_id FROM owned)) IS TRUE
ON CONFLICT (run_id, name) DO UPDATE
SET value = excluded.value, incarnation = excluded.incarnation, at = excluded.at;

-- name: answered
-- The first answer to a question counts; of a question that another run was asked there is no row.
UPDATE continuum_questions q
SET answer = a.answer, refused = a.refused, answered_at = clock_timestamp()
FROM @answered AS a
WHERE q.run_id = ANY (ARRAY[a.run_id]) AND q.question_id = ANY (ARRAY[a.question_id])
  AND (a.run_id IN (SELECT run_id FROM owned)) IS TRUE
  AND q.answered_at IS NULL;

-- name: born
-- Children, if their parent's turn was written.
INSERT INTO continuum_runs
    (id, parent_id, namespace, workflow, input, attributes, depth, parent_close, state)
SELECT c.run_id, c.parent_id, c.namespace, c.workflow, c.input,
       coalesce((SELECT p.attributes FROM continuum_runs p
                 WHERE p.id = ANY (ARRAY[c.parent_id])), '{}'::jsonb) || c.attributes,
       c.depth, c.parent_close, 'running'
FROM @born AS c
WHERE (c.parent_id IN (SELECT run_id FROM owned)) IS TRUE
ON CONFLICT DO NOTHING
RETURNING id AS run_id;

-- name: nursed
INSERT INTO continuum_leases (run_id, version_id, lease_token)
SELECT c.run_id, c.version_id, nextval('continuum_lease_token_seq')
FROM @nursed AS c
WHERE (c.run_id IN (SELECT run_id FROM born)) IS TRUE;

-- name: targets
-- Runs that may get mail: live ones that do not end in this very batch.
SELECT run_id FROM locked WHERE token IS NULL
EXCEPT SELECT run_id FROM held WHERE ending;

-- name: targets_and_born
(SELECT run_id FROM locked WHERE token IS NULL EXCEPT SELECT run_id FROM held WHERE ending)
UNION ALL SELECT run_id FROM born;

-- name: posted
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT p.run_id, p.kind, p.name, p.payload
FROM @posted AS p
WHERE (p.sender IN (SELECT run_id FROM owned)) IS TRUE
  AND (p.run_id IN (SELECT run_id FROM targets)) IS TRUE
ORDER BY p.n
RETURNING run_id, kind;

-- name: woken
UPDATE continuum_leases l
SET ready = true,
    cancel_requested_at = CASE
        WHEN (l.run_id IN (SELECT run_id FROM posted WHERE kind = 'cancel')) IS TRUE
        THEN coalesce(l.cancel_requested_at, clock_timestamp())
        ELSE l.cancel_requested_at END
FROM locked f
WHERE l.run_id = ANY (ARRAY[f.run_id]) AND f.token IS NULL AND f.free
  AND (f.run_id IN (SELECT run_id FROM posted)) IS TRUE;

-- name: outcome
-- The clock is read after the rows, which may have been waited for.
SELECT CASE WHEN d.done >= 0 THEN clock_timestamp() END, d.done,
   CASE WHEN d.done < $total::int THEN ARRAY(SELECT run_id FROM owned) END
FROM (SELECT count(*) AS done FROM owned) AS d;

-- name: fence
-- Of a turn that is alone: in the statement's first part, which changes the lease row, instead of
-- whether the run ends.
l.lease_owner IS NOT DISTINCT FROM $node::uuid AND l.lease_token = h.token
  AND l.next_seq = h.next_seq;

-- name: lone_outcome
SELECT clock_timestamp() FROM owned;
