-- name: post
-- The common case in one statement: plain signals to runs that have an owner or are ready already,
-- so that only the inbox is written. What `live` returns is the row as it was locked,
-- not as the snapshot saw it: a run that was released or has ended meanwhile is not in it, and its
-- messages take the longer way. From the lock to the end of the statement no owner can release the
-- run without waiting and reading its inbox afterwards.
WITH live AS MATERIALIZED (
    SELECT l.run_id
    FROM continuum_leases l
    WHERE l.run_id = ANY ($2::uuid[]) AND (l.lease_owner IS NOT NULL OR l.ready)
    ORDER BY l.run_id
    FOR KEY SHARE
), numbered AS MATERIALIZED (
    SELECT f.*, nextval(pg_get_serial_sequence('public.continuum_inbox', 'id')) AS id
    FROM (
        SELECT g.n, g.run_id, g.name, g.payload, r.state
        FROM unnest($1::int[], $3::uuid[], $4::text[], $5::text[], $6::bytea[])
          AS g (n, run_id, namespace, name, payload)
        JOIN live l ON l.run_id = g.run_id
        JOIN continuum_runs r ON r.id = g.run_id
        WHERE g.namespace IS NULL OR g.namespace = r.namespace
        ORDER BY g.n
    ) AS f
), posted AS (
    INSERT INTO continuum_inbox (id, run_id, kind, name, payload)
    OVERRIDING SYSTEM VALUE
    SELECT id, run_id, 'signal', name, payload FROM numbered
)
SELECT n, id, state FROM numbered;

-- name: post_one
-- `post` for a single signal. It builds no sets, which is a third of the time that the server takes
-- for one (0.16 ms instead of 0.25 ms), and somebody waits for it.
WITH live AS MATERIALIZED (
    SELECT l.run_id
    FROM continuum_leases l
    WHERE l.run_id = $1::uuid AND (l.lease_owner IS NOT NULL OR l.ready)
    FOR KEY SHARE
), posted AS (
    INSERT INTO continuum_inbox (run_id, kind, name, payload)
    SELECT r.id, 'signal', $3::text, $4::bytea
    FROM live l
    JOIN continuum_runs r ON r.id = l.run_id
    WHERE $2::text IS NULL OR r.namespace = $2::text
    RETURNING id, run_id
)
SELECT 0, p.id, r.state FROM posted p JOIN continuum_runs r ON r.id = p.run_id;

-- name: lock_live
-- FOR KEY SHARE conflicts with FOR UPDATE and with the deletion of the row: from here to the end of
-- the transaction the run cannot end, be claimed or be released. A turn that goes on may commit.
SELECT l.run_id, r.state
FROM public.continuum_leases l
JOIN public.continuum_runs r ON r.id = l.run_id
WHERE l.run_id = ANY ($1::uuid[])
ORDER BY l.run_id
FOR KEY SHARE OF l;

-- name: namespaces
SELECT r.id, r.namespace, r.state FROM public.continuum_runs r WHERE r.id = ANY ($1::uuid[]);

-- name: deliver
-- Tables are named with their schema: it also runs on a caller's own connection.
-- `n` numbers the messages of the batch. A delivery id seen before takes no part in the rest.
WITH given AS MATERIALIZED (
    SELECT g.*
    FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::text[])
      AS g (n, run_id, kind, name, payload, delivery_id)
), new AS (
    INSERT INTO public.continuum_deliveries (run_id, name, delivery_id)
    SELECT run_id, name, delivery_id FROM given WHERE delivery_id IS NOT NULL
    ORDER BY run_id, name, delivery_id
    ON CONFLICT DO NOTHING
    RETURNING run_id, name, delivery_id
), numbered AS MATERIALIZED (
    SELECT f.*, nextval(pg_get_serial_sequence('public.continuum_inbox', 'id')) AS id
    FROM (
        SELECT g.* FROM given g
        WHERE g.delivery_id IS NULL
           OR EXISTS (SELECT FROM new w WHERE w.run_id = g.run_id AND w.name = g.name
                        AND w.delivery_id = g.delivery_id)
        ORDER BY g.n
    ) AS f
), posted AS (
    INSERT INTO public.continuum_inbox (id, run_id, kind, name, payload)
    OVERRIDING SYSTEM VALUE
    SELECT id, run_id, kind, name, payload FROM numbered
), due AS MATERIALIZED (
    SELECT l.run_id, w.cancels
    FROM (SELECT run_id, bool_or(kind = 'cancel') AS cancels FROM numbered GROUP BY run_id) AS w
    JOIN public.continuum_leases l ON l.run_id = w.run_id
    WHERE w.cancels
       OR (l.lease_owner IS NULL AND NOT l.ready
           AND (l.starts_at IS NULL OR l.starts_at <= clock_timestamp()))
    ORDER BY l.run_id
    FOR NO KEY UPDATE OF l
), woken AS (
    UPDATE public.continuum_leases l
    SET ready = l.ready OR l.lease_owner IS NULL,
        cancel_requested_at = CASE WHEN d.cancels
            THEN coalesce(l.cancel_requested_at, clock_timestamp())
            ELSE l.cancel_requested_at END
    FROM due d
    WHERE l.run_id = d.run_id
)
SELECT n, id FROM numbered;

-- name: lock_to_end
-- The run, its parent and its children, as far as they are known, in run order.
SELECT l.run_id FROM continuum_leases l WHERE l.run_id = ANY ($1::uuid[])
ORDER BY l.run_id FOR UPDATE;

-- name: relatives
-- Who must hear of the run's end: its parent, and children that end with it. Read after the run is
-- locked, so that a child its owner was just creating is among them.
SELECT l.run_id, 'child_result' FROM continuum_runs r
JOIN continuum_leases l ON l.run_id = r.parent_id
WHERE r.id = $1::uuid
UNION ALL
SELECT l.run_id, 'cancel' FROM continuum_runs r
JOIN continuum_leases l ON l.run_id = r.id
WHERE r.parent_id = $1::uuid AND r.parent_close = 'cancel';

-- name: read_state
SELECT r.state, r.namespace, r.incarnation, l.next_seq, clock_timestamp(),
       l.deadline <= clock_timestamp() AND l.grace IS NULL, l.timeout
FROM continuum_runs r LEFT JOIN continuum_leases l ON l.run_id = r.id
WHERE r.id = $1::uuid;

-- name: end_by_force
WITH journaled AS (
    INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
    VALUES ($1::uuid, $2::bigint, $3::int, $4::text, $5::bytea, clock_timestamp())
), dropped AS (
    DELETE FROM continuum_leases WHERE run_id = $1::uuid
)
UPDATE continuum_runs
SET state = $6::text, error_type = $7::text, error_message = $8::text,
    updated_at = clock_timestamp(), completed_at = clock_timestamp()
WHERE id = $1::uuid AND state IN ('running', 'suspended');

-- name: lock_overdue
-- Runs whose time is over and that have not been asked to end. One that is locked now is asked by
-- the next look.
SELECT l.run_id, l.timeout FROM continuum_leases l
WHERE l.deadline <= (SELECT clock_timestamp()) AND l.grace IS NOT NULL
ORDER BY l.run_id LIMIT $1::int
FOR UPDATE SKIP LOCKED;

-- name: note_asked
UPDATE continuum_leases
SET deadline = deadline + grace * interval '1 s', grace = NULL
WHERE run_id = ANY ($1::uuid[]);

-- name: read_overdue
SELECT l.run_id FROM continuum_leases l
WHERE l.deadline <= (SELECT clock_timestamp()) AND l.grace IS NULL
ORDER BY l.deadline LIMIT $1::int;
