-- name: lock
-- A run that has ended is missing in the answer. `v # (v >> 63)` is the version id, paused or not.
SELECT l.run_id, l.lease_owner IS NOT NULL, l.next_seq, l.version_id # (l.version_id >> 63)
FROM continuum_leases l
WHERE l.run_id = ANY ($1::uuid[])
ORDER BY l.run_id
FOR UPDATE OF l;

-- name: adopt
-- Follows `lock` in the same transaction. The lease is taken and given back in one: under the new
-- token a write of an owner before finds nothing, and mail that came meanwhile is seen. A run that
-- had drifted lost its wake-up time with it, so a worker has to look at it.
WITH a AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::int[], $6::text[],
                         $7::text[], $8::bool[], $9::bytea[])
      AS a (run_id, next_seq, incarnation, version_id, version, version_hash, runtime, released,
            payload)
), kept AS (
    UPDATE continuum_leases l
    SET version_id = a.version_id # (l.version_id >> 63),  -- a paused run stays paused
        lease_token = nextval('continuum_lease_token_seq'),
        next_seq = a.next_seq + 1,
        blocked_build = NULL,
        ready = l.ready OR a.released
            OR EXISTS (SELECT FROM continuum_inbox m WHERE m.run_id = l.run_id),
        parked = l.parked AND NOT a.released,
        waiting_on = CASE WHEN NOT a.released THEN l.waiting_on END
    FROM a
    WHERE l.run_id = ANY (ARRAY[a.run_id])
), journaled AS (
    INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
    SELECT a.run_id, a.next_seq, a.incarnation, 'run_adopted', NULL, a.payload, clock_timestamp()
    FROM a
)
UPDATE continuum_runs r
SET version = a.version, version_hash = a.version_hash, runtime = a.runtime,
    state = CASE WHEN a.released THEN 'running' ELSE r.state END,
    updated_at = clock_timestamp()
FROM a
WHERE r.id = ANY (ARRAY[a.run_id]);
