-- name: lock_lease
SELECT l.lease_owner IS NOT NULL, l.paused_at IS NOT NULL
FROM continuum_leases l WHERE l.run_id = $1::uuid FOR UPDATE;

-- name: read_run
SELECT r.namespace, r.state FROM continuum_runs r WHERE r.id = $1::uuid;

-- name: pause
-- Ready, so that paused runs are found together; nobody asks for a version id below zero. Not
-- before its time, because it keeps that when it is resumed.
UPDATE continuum_leases
SET version_id = CASE WHEN version_id < 0 THEN version_id ELSE ~version_id END,
    paused_at = clock_timestamp(),
    ready = ready OR (lease_owner IS NULL
                      AND (starts_at IS NULL OR starts_at <= clock_timestamp()))
WHERE run_id = $1::uuid;

-- name: resume
-- Whoever claims it holds it if its namespace or its workflow is paused.
UPDATE continuum_leases
SET version_id = CASE WHEN version_id < 0 THEN ~version_id ELSE version_id END,
    paused_at = NULL
WHERE run_id = $1::uuid;

-- name: tell
INSERT INTO continuum_inbox (run_id, kind, name, payload)
VALUES ($1::uuid, $2::text, '', $3::bytea);

-- name: unread_pause
-- A run without an owner that was told to pause, and had no owner to read it.
SELECT EXISTS (SELECT FROM continuum_inbox m WHERE m.run_id = $1::uuid AND m.kind = 'pause');

-- name: pause_scope
INSERT INTO continuum_pauses (namespace, workflow, queue, operator, reason)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: lift
UPDATE continuum_pauses
SET lifted_at = clock_timestamp()
WHERE lifted_at IS NULL AND namespace IS NOT DISTINCT FROM $1::text
  AND workflow IS NOT DISTINCT FROM $2::text AND queue IS NOT DISTINCT FROM $3::text
RETURNING id;

-- name: pauses
SELECT namespace, workflow, queue, operator, reason, paused_at
FROM continuum_pauses WHERE lifted_at IS NULL ORDER BY id;

-- name: lock_scopes
-- Until the end of the transaction none of them is lifted: what is held now is seen by whoever lifts
-- it and then looks for what is held.
SELECT id FROM continuum_pauses WHERE lifted_at IS NULL ORDER BY id FOR SHARE;

-- name: hold
WITH held AS MATERIALIZED (
    SELECT l.run_id
    FROM unnest($2::uuid[], $3::bigint[]) AS c (run_id, token)
    JOIN continuum_leases l ON l.run_id = c.run_id
    JOIN continuum_runs r ON r.id = c.run_id
    WHERE l.lease_owner = $1::uuid AND l.lease_token = c.token
      AND EXISTS (SELECT FROM continuum_pauses p
                  WHERE p.lifted_at IS NULL AND p.queue IS NULL
                    AND (p.namespace IS NULL OR p.namespace = r.namespace)
                    AND (p.workflow IS NULL OR p.workflow = r.workflow))
    ORDER BY l.run_id
    FOR UPDATE OF l
)
UPDATE continuum_leases l
SET lease_owner = NULL,
    lease_token = nextval('continuum_lease_token_seq'),
    ready = true,
    version_id = CASE WHEN l.version_id < 0 THEN l.version_id ELSE ~l.version_id END
FROM held h
WHERE l.run_id = h.run_id
RETURNING l.run_id;

-- name: let_go
-- They lie in the indexes of the claims, below zero.
WITH marked AS MATERIALIZED (
    SELECT run_id FROM continuum_leases
    WHERE lease_owner IS NULL AND blocked_build IS NULL AND takeovers < 2 AND ready
      AND version_id < 0 AND paused_at IS NULL
    UNION
    SELECT run_id FROM continuum_leases
    WHERE lease_owner IS NULL AND blocked_build IS NOT NULL AND version_id < 0
      AND paused_at IS NULL
    UNION
    SELECT run_id FROM continuum_leases
    WHERE lease_owner IS NULL AND takeovers >= 2 AND version_id < 0 AND paused_at IS NULL
), free AS MATERIALIZED (
    SELECT l.run_id
    FROM marked m
    JOIN continuum_leases l ON l.run_id = m.run_id
    JOIN continuum_runs r ON r.id = m.run_id
    WHERE l.version_id < 0 AND l.paused_at IS NULL
      AND NOT EXISTS (SELECT FROM continuum_pauses p
                      WHERE p.lifted_at IS NULL AND p.queue IS NULL
                        AND (p.namespace IS NULL OR p.namespace = r.namespace)
                        AND (p.workflow IS NULL OR p.workflow = r.workflow))
    ORDER BY l.run_id
    LIMIT $1::int
    FOR UPDATE OF l
)
UPDATE continuum_leases l SET version_id = ~l.version_id
FROM free f
WHERE l.run_id = f.run_id AND l.version_id < 0 AND l.paused_at IS NULL
RETURNING l.run_id;

-- name: lifted
SELECT id FROM continuum_pauses WHERE lifted_at IS NOT NULL ORDER BY id;

-- name: forget
DELETE FROM continuum_pauses WHERE id = ANY ($1::bigint[]) AND lifted_at IS NOT NULL;
