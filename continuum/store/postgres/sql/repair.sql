-- name: lock_lease
SELECT l.lease_owner IS NOT NULL, l.takeovers, l.blocked_build
FROM continuum_leases l WHERE l.run_id = $1::uuid FOR UPDATE;

-- name: read_run
SELECT r.namespace, r.state FROM continuum_runs r WHERE r.id = $1::uuid;

-- name: release_quarantined
UPDATE continuum_leases
SET takeovers = 0, ready = true, lease_token = nextval('continuum_lease_token_seq')
WHERE run_id = $1::uuid;

-- name: lock_run
SELECT r.id FROM continuum_runs r WHERE r.id = $1::uuid FOR UPDATE;

-- name: read_failed
SELECT r.namespace, r.state, r.workflow, r.version, r.version_hash, r.runtime, r.incarnation,
       EXISTS (SELECT FROM continuum_leases p WHERE p.run_id = r.parent_id),
       EXISTS (SELECT FROM continuum_deliveries d
               WHERE d.run_id = r.id AND d.name = $2::text AND d.delivery_id = $3::text),
       clock_timestamp(),
       (SELECT o.id FROM continuum_runs o
        WHERE o.namespace = r.namespace AND o.workflow = r.workflow AND o.key = r.key
          AND o.completed_at IS NULL)
FROM continuum_runs r WHERE r.id = $1::uuid;

-- name: read_key
SELECT r.namespace, r.workflow, r.key FROM continuum_runs r
WHERE r.id = $1::uuid AND r.key IS NOT NULL;

-- name: read_journal
SELECT e.run_id, e.seq, e.incarnation, e.type, e.command, e.payload, e.at
FROM continuum_events e
WHERE e.run_id = $1::uuid AND e.incarnation = $2::int
ORDER BY e.seq;

-- name: revive
-- The run's row is locked and failed, so it has no lease, and nobody else gives it one.
WITH journaled AS (
    INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
    VALUES ($1::uuid, $2::bigint, $3::int, $4::text, NULL, $5::bytea, $6::timestamptz)
), leased AS (
    INSERT INTO continuum_leases (run_id, version_id, lease_token, next_seq)
    VALUES ($1::uuid, $7::bigint, nextval('continuum_lease_token_seq'), $2::bigint + 1)
), keyed AS (
    INSERT INTO continuum_deliveries (run_id, name, delivery_id)
    SELECT $1::uuid, $8::text, $9::text WHERE $9::text IS NOT NULL
)
UPDATE continuum_runs
SET state = 'running', completed_at = NULL, result = NULL, error_type = NULL,
    error_message = NULL, error_details = NULL, updated_at = clock_timestamp()
WHERE id = $1::uuid;

-- name: deliver_again
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT $1::uuid, m.kind, m.name, m.payload
FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY AS m (kind, name, payload, n)
ORDER BY m.n;

-- name: read_start
SELECT r.namespace, r.state, r.workflow, r.input, r.attributes, r.key
FROM continuum_runs r WHERE r.id = $1::uuid;

-- name: keep_run
-- Until the run that is made from it is there, nobody prunes it; nothing else waits for this.
SELECT r.id FROM continuum_runs r WHERE r.id = $1::uuid FOR KEY SHARE;

-- name: link
INSERT INTO continuum_origins (run_id, origin_id) VALUES ($1::uuid, $2::uuid);

-- name: lock_origin
-- Its incarnation, and with it its input, cannot change until the fork is there.
SELECT r.namespace, r.state, r.workflow, r.incarnation,
       (SELECT o.id FROM continuum_runs o
        WHERE o.namespace = r.namespace AND o.workflow = r.workflow
          AND o.idempotency_key = $2::text)
FROM continuum_runs r WHERE r.id = $1::uuid FOR SHARE OF r;

-- name: fork
-- Nothing of the live tables is copied: no mail, no queued attempt, no reservation of a key.
WITH made AS (
    INSERT INTO continuum_runs
        (id, namespace, workflow, version, version_hash, runtime, state, input, attributes,
         incarnation, idempotency_key, started_at)
    SELECT $2::uuid, r.namespace, r.workflow, CASE WHEN $8::bool THEN 0 ELSE r.version END,
           CASE WHEN $8::bool THEN '' ELSE r.version_hash END,
           CASE WHEN $8::bool THEN '' ELSE r.runtime END, 'running', r.input,
           r.attributes || $7::jsonb, r.incarnation, $6::text, r.started_at
    FROM continuum_runs r WHERE r.id = $1::uuid
    ON CONFLICT DO NOTHING
    RETURNING id, workflow, version_hash, runtime, incarnation
), copied AS (
    INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
    SELECT m.id, e.seq, e.incarnation, e.type, e.command, e.payload, e.at
    FROM made m CROSS JOIN continuum_events e
    WHERE e.run_id = $1::uuid AND e.seq <= $3::bigint
    UNION ALL
    SELECT m.id, $3::bigint + 1, m.incarnation, $4::text, NULL, $5::bytea, $9::timestamptz
    FROM made m
), shown AS (
    -- What earlier incarnations published; that of this one is in the events that were read.
    INSERT INTO continuum_published (run_id, name, value, incarnation, at)
    SELECT m.id, p.name, p.value, p.incarnation, p.at
    FROM made m JOIN continuum_published p ON p.run_id = $1::uuid AND p.incarnation < m.incarnation
    WHERE p.name <> ALL ($11::text[])
    UNION ALL
    SELECT m.id, p.name, p.value, m.incarnation, clock_timestamp()
    FROM made m CROSS JOIN unnest($11::text[], $12::bytea[]) AS p (name, value)
), linked AS (
    INSERT INTO continuum_origins (run_id, origin_id) SELECT m.id, $1::uuid FROM made m
), leased AS (
    INSERT INTO continuum_leases (run_id, version_id, lease_token, next_seq)
    SELECT m.id, $10::bigint, nextval('continuum_lease_token_seq'), $3::bigint + 2 FROM made m
)
SELECT id FROM made;

-- name: read_pin
SELECT r.workflow, r.version, r.version_hash, r.runtime FROM continuum_runs r WHERE r.id = $1::uuid;
