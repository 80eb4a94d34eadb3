-- name: commit_turns
-- One batch of turns, at most one a run. Everything hangs on two heads: `held`, the runs whose
-- lease rows are locked and still carry this owner, token and next_seq, and `made`, the runs that
-- this batch inserts. No other part reads a table that the statement changes.
--
-- Turns may post to runs of others (rows without a token) and insert children. `locked` takes all
-- lease rows, own and foreign, in run order, so two batches with crossed parents wait for each
-- other instead of deadlocking; a run that has ended is not in it and gets nothing.
--
-- `= ANY (ARRAY[x])` instead of `= x`, and conditions on columns without an index, leave the planner
-- one way: row by row of the batch, by primary key. With plain equalities it may walk a table that
-- was small when it planned, and compare every row of it with every row of the batch.
WITH locked AS MATERIALIZED (
    SELECT i.*, l.lease_owner IS NULL AS free
    FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::int[], $6::timestamptz[], $7::text[],
                $8::bool[], $9::bool[], $10::bool[], $11::bigint[])
      AS i (run_id, token, next_seq, appended, wake_at, waiting_on, parked, cancelling, ending,
            version_id)
    JOIN continuum_leases l ON l.run_id = ANY (ARRAY[i.run_id])
    WHERE i.token IS NULL
       OR (l.lease_owner IS NOT DISTINCT FROM $1::uuid AND l.lease_token = i.token
           AND l.next_seq = i.next_seq)
    ORDER BY i.run_id
    FOR UPDATE OF l
), held AS (
    SELECT * FROM locked WHERE token IS NOT NULL
), made AS (
    INSERT INTO continuum_runs
        (id, namespace, workflow, input, attributes, idempotency_key, parent_id, version,
         version_hash, runtime, state, started_at, updated_at, completed_at, result,
         error_type, error_message, error_details, incarnation)
    SELECT n.run_id, n.namespace, n.workflow, n.input, n.attributes, n.idempotency_key,
           n.parent_id, n.version, n.version_hash, n.runtime, n.state, n.started_at,
           clock_timestamp(), CASE WHEN n.ended THEN clock_timestamp() END, n.result,
           n.error_type, n.error_message, n.error_details, n.incarnation
    FROM unnest($12::uuid[], $13::text[], $14::text[], $15::bytea[], $16::jsonb[], $17::text[],
                $18::uuid[], $19::int[], $20::text[], $21::text[], $22::text[],
                $23::timestamptz[], $24::bool[], $25::bytea[], $26::text[], $27::text[],
                $28::text[], $29::int[])
      AS n (run_id, namespace, workflow, input, attributes, idempotency_key, parent_id, version,
            version_hash, runtime, state, started_at, ended, result, error_type, error_message,
            error_details, incarnation)
    ON CONFLICT DO NOTHING
    RETURNING id AS run_id
), leased AS (
    INSERT INTO continuum_leases
        (run_id, version_id, lease_owner, lease_token, next_seq, ready, wake_at, waiting_on, parked)
    SELECT n.run_id, n.version_id, $1::uuid, n.token, n.next_seq, false, n.wake_at, n.waiting_on,
           n.parked
    FROM unnest($30::uuid[], $31::bigint[], $32::bigint[], $33::bigint[], $34::timestamptz[],
                $35::text[], $36::bool[])
      AS n (run_id, version_id, token, next_seq, wake_at, waiting_on, parked)
    WHERE (n.run_id IN (SELECT run_id FROM made)) IS TRUE
), journaled AS (
    INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
    SELECT e.run_id, e.seq, e.incarnation, e.type, e.command, e.payload, e.at
    FROM unnest($37::uuid[], $38::bigint[], $39::int[], $40::text[], $41::int[], $42::bytea[],
                $43::timestamptz[])
      AS e (run_id, seq, incarnation, type, command, payload, at)
    WHERE (e.run_id IN (SELECT run_id FROM held UNION ALL SELECT run_id FROM made)) IS TRUE
), read AS (
    DELETE FROM continuum_inbox m
    USING unnest($44::bigint[], $45::uuid[]) AS c (id, run_id)
    WHERE m.id = ANY (ARRAY[c.id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
), kept AS (
    UPDATE continuum_leases l
    SET next_seq = h.next_seq + h.appended,
        wake_at = h.wake_at,
        waiting_on = h.waiting_on,
        parked = h.parked,
        ready = false,
        takeovers = 0,
        blocked_build = NULL,
        version_id = coalesce(h.version_id, l.version_id),
        cancel_requested_at = CASE WHEN h.cancelling
            THEN coalesce(l.cancel_requested_at, clock_timestamp())
            ELSE l.cancel_requested_at END
    FROM held h
    WHERE l.run_id = ANY (ARRAY[h.run_id]) AND NOT h.ending
), changed AS (
    UPDATE continuum_runs r
    SET state = coalesce(c.state, r.state),
        version = coalesce(c.version, r.version),
        version_hash = coalesce(c.version_hash, r.version_hash),
        runtime = coalesce(c.runtime, r.runtime),
        attributes = coalesce(r.attributes || c.attributes, r.attributes),
        incarnation = coalesce(c.incarnation, r.incarnation),
        input = coalesce(c.input, r.input),
        updated_at = clock_timestamp()
    FROM unnest($46::uuid[], $47::text[], $48::int[], $49::text[], $50::text[], $51::jsonb[],
                $52::int[], $53::bytea[])
      AS c (run_id, state, version, version_hash, runtime, attributes, incarnation, input)
    WHERE r.id = ANY (ARRAY[c.run_id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
      AND r.completed_at IS NULL
), dropped AS (
    DELETE FROM continuum_leases l USING held h WHERE l.run_id = ANY (ARRAY[h.run_id]) AND h.ending
), ended AS (
    UPDATE continuum_runs r
    SET state = c.state, result = c.result, error_type = c.error_type,
        error_message = c.error_message, error_details = c.error_details,
        version = coalesce(c.version, r.version),
        version_hash = coalesce(c.version_hash, r.version_hash),
        runtime = coalesce(c.runtime, r.runtime),
        attributes = coalesce(r.attributes || c.attributes, r.attributes),
        updated_at = clock_timestamp(), completed_at = clock_timestamp()
    FROM unnest($54::uuid[], $55::text[], $56::bytea[], $57::text[], $58::text[], $59::text[],
                $60::int[], $61::text[], $62::text[], $63::jsonb[])
      AS c (run_id, state, result, error_type, error_message, error_details, version,
            version_hash, runtime, attributes)
    WHERE r.id = ANY (ARRAY[c.run_id]) AND (c.run_id IN (SELECT run_id FROM held)) IS TRUE
      AND r.completed_at IS NULL
), born AS (
    INSERT INTO continuum_runs
        (id, parent_id, namespace, workflow, input, attributes, depth, parent_close, state)
    SELECT c.run_id, c.parent_id, c.namespace, c.workflow, c.input,
           coalesce((SELECT p.attributes FROM continuum_runs p
                     WHERE p.id = ANY (ARRAY[c.parent_id])),
                    '{}'::jsonb) || c.attributes,
           c.depth, c.parent_close, 'running'
    FROM unnest($64::uuid[], $65::uuid[], $66::text[], $67::text[], $68::bytea[], $69::jsonb[],
                $70::int[], $71::text[])
      AS c (run_id, parent_id, namespace, workflow, input, attributes, depth, parent_close)
    WHERE (c.parent_id IN (SELECT run_id FROM held UNION ALL SELECT run_id FROM made)) IS TRUE
    ON CONFLICT DO NOTHING
    RETURNING id AS run_id
), nursed AS (
    INSERT INTO continuum_leases (run_id, version_id, lease_token)
    SELECT c.run_id, c.version_id, nextval('continuum_lease_token_seq')
    FROM unnest($64::uuid[], $72::bigint[]) AS c (run_id, version_id)
    WHERE (c.run_id IN (SELECT run_id FROM born)) IS TRUE
), posted AS (
    INSERT INTO continuum_inbox (run_id, kind, name, payload)
    SELECT p.run_id, p.kind, p.name, p.payload
    FROM unnest($73::uuid[], $74::uuid[], $75::text[], $76::text[], $77::bytea[])
      WITH ORDINALITY AS p (sender, run_id, kind, name, payload, n)
    WHERE (p.sender IN (SELECT run_id FROM held UNION ALL SELECT run_id FROM made)) IS TRUE
      AND (p.run_id IN (SELECT run_id FROM locked WHERE token IS NULL
                        UNION ALL SELECT run_id FROM born)) IS TRUE
      AND (p.run_id IN (SELECT run_id FROM held WHERE ending)) IS NOT TRUE
    ORDER BY p.n
    RETURNING run_id, kind
), woken AS (
    UPDATE continuum_leases l
    SET ready = true,
        cancel_requested_at = CASE
            WHEN (l.run_id IN (SELECT run_id FROM posted WHERE kind = 'cancel')) IS TRUE
            THEN coalesce(l.cancel_requested_at, clock_timestamp())
            ELSE l.cancel_requested_at END
    FROM locked f
    WHERE l.run_id = ANY (ARRAY[f.run_id]) AND f.token IS NULL AND f.free
      AND (f.run_id IN (SELECT run_id FROM posted)) IS TRUE
)
SELECT CASE WHEN d.done >= 0 THEN clock_timestamp() END,  -- read after the rows, which may have waited
       d.done, CASE WHEN d.done < $78::int
    THEN ARRAY(SELECT run_id FROM held UNION ALL SELECT run_id FROM made) END
FROM (SELECT (SELECT count(*) FROM held) + (SELECT count(*) FROM made) AS done) AS d;

-- name: look_again
-- What became of turns that the statement above did not write. Runs after it, so it has waited for
-- whoever held the rows.
SELECT i.run_id,
       l.lease_owner IS NOT DISTINCT FROM $1::uuid AND l.lease_token = i.token AS owned,
       l.next_seq,
       r.state,
       last.type,
       last.at,
       first.at
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS i (run_id, token, last_seq)
LEFT JOIN continuum_leases l ON l.run_id = i.run_id
LEFT JOIN continuum_runs r ON r.id = i.run_id
LEFT JOIN continuum_events last ON last.run_id = i.run_id AND last.seq = i.last_seq
LEFT JOIN continuum_events first ON first.run_id = i.run_id AND first.seq = 1;

-- name: allocate_tokens
SELECT nextval('continuum_lease_token_seq') FROM generate_series(1, $1::int);

-- name: clock
SELECT clock_timestamp();
