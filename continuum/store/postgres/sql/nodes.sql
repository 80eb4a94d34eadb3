-- name: register_node
-- The lock key is kept only if this session sees the node's session lock: where a pooler eats it,
-- the lock must not be used to judge the node (rule 25).
INSERT INTO continuum_nodes
    (id, host, pid, version, build, lock_key, queues, capacity, expires_at)
SELECT $1::uuid, $2::text, $3::int, $4::text, $5::text,
       CASE WHEN EXISTS (SELECT FROM pg_locks k
                         WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1
                           AND k.database = (SELECT oid FROM pg_database
                                             WHERE datname = current_database())
                           AND ((k.classid::bigint << 32) | k.objid::bigint) = $6::bigint)
            THEN $6::bigint END,
       $7::text[], $8::int, clock_timestamp() + $9::float8 * interval '1 second'
RETURNING clock_timestamp(), lock_key IS NOT NULL;

-- name: forget_node
DELETE FROM continuum_nodes WHERE id = $1::uuid;

-- name: set_draining
UPDATE continuum_nodes SET draining = true WHERE id = $1::uuid;

-- name: heartbeat
UPDATE continuum_nodes
SET heartbeat_at = clock_timestamp(),
    expires_at = clock_timestamp() + $2::float8 * interval '1 second'
WHERE id = $1::uuid AND dead_at IS NULL
RETURNING heartbeat_at;

-- name: suspects
-- Looks at the locks, never tries to take them. Nobody is a suspect on a server younger than one
-- TTL: after its restart all locks are gone at once and come back one by one.
WITH held AS MATERIALIZED (
    SELECT (k.classid::bigint << 32) | k.objid::bigint AS lock_key
    FROM pg_locks k
    WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1
      AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT n.id
FROM continuum_nodes n
WHERE n.dead_at IS NULL AND n.id <> $1::uuid AND n.lock_key IS NOT NULL
  AND n.lock_key NOT IN (SELECT lock_key FROM held)
  AND pg_postmaster_start_time() < clock_timestamp() - (n.expires_at - n.heartbeat_at);

-- name: declare_dead
-- One compare-and-set. `lost` looks at the locks once more; `expired` needs no suspicion.
WITH held AS MATERIALIZED (
    SELECT (k.classid::bigint << 32) | k.objid::bigint AS lock_key
    FROM pg_locks k
    WHERE k.locktype = 'advisory' AND k.granted AND k.objsubid = 1
      AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
), condemned AS MATERIALIZED (
    SELECT n.id
    FROM continuum_nodes n
    WHERE n.dead_at IS NULL
      AND pg_postmaster_start_time() < clock_timestamp() - (n.expires_at - n.heartbeat_at)
      AND ((n.id = ANY ($1::uuid[]) AND n.lock_key IS NOT NULL
            AND n.lock_key NOT IN (SELECT lock_key FROM held))
           OR n.expires_at <= clock_timestamp())
    ORDER BY n.id
    FOR UPDATE OF n
)
UPDATE continuum_nodes n SET dead_at = clock_timestamp()
FROM condemned c
WHERE n.id = c.id AND n.dead_at IS NULL
RETURNING n.id;

-- name: dead_owners
-- Walks the distinct owners of the live set by index, one probe each, and keeps those that are not
-- living nodes. An id is never used twice, so the answer cannot go stale.
WITH RECURSIVE owners AS (
    (SELECT lease_owner AS owner FROM continuum_leases
     WHERE lease_owner IS NOT NULL ORDER BY lease_owner LIMIT 1)
    UNION ALL
    SELECT (SELECT l.lease_owner FROM continuum_leases l
            WHERE l.lease_owner > o.owner ORDER BY l.lease_owner LIMIT 1)
    FROM owners o WHERE o.owner IS NOT NULL
)
SELECT o.owner FROM owners o
WHERE o.owner IS NOT NULL
  AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = o.owner AND n.dead_at IS NULL);

-- name: lock_abandoned
SELECT c.run_id
FROM unnest($1::uuid[]) AS d (owner)
CROSS JOIN LATERAL (
    SELECT l.run_id FROM continuum_leases l
    WHERE l.lease_owner = d.owner AND l.parked = $2::bool
    LIMIT $3::int
    FOR UPDATE SKIP LOCKED) AS c
LIMIT $3::int;

-- name: lock_owned
SELECT l.run_id FROM continuum_leases l
WHERE l.lease_owner = $1::uuid AND l.run_id <> ALL ($2::uuid[])
ORDER BY l.run_id
FOR UPDATE;

-- name: free_locked
-- Follows one of the two statements above in the same transaction. A new token, so that a write of
-- the old owner finds nothing; mail posted while the run was owned makes it ready.
UPDATE continuum_leases l
SET lease_owner = NULL,
    lease_token = nextval('continuum_lease_token_seq'),
    ready = NOT l.parked OR EXISTS (SELECT FROM continuum_inbox m WHERE m.run_id = l.run_id),
    takeovers = l.takeovers + CASE WHEN $2::bool AND NOT l.parked THEN 1 ELSE 0 END,
    lost_owner = CASE WHEN $2::bool THEN l.lease_owner ELSE l.lost_owner END
WHERE l.run_id = ANY ($1::uuid[]);

-- name: nodes
SELECT n.id, n.host, n.pid, n.version, n.build, n.started_at, n.heartbeat_at, n.expires_at,
       n.dead_at, n.draining, n.queues, n.capacity,
       (SELECT count(*) FROM continuum_leases l WHERE l.lease_owner = n.id),
       ARRAY(SELECT DISTINCT w.workflow FROM continuum_node_versions v
             JOIN continuum_workflow_versions w ON w.version_id = v.version_id
             WHERE v.node_id = n.id ORDER BY w.workflow),
       n.dead_at IS NULL AND n.expires_at > clock_timestamp()
FROM continuum_nodes n
ORDER BY n.started_at, n.id;
