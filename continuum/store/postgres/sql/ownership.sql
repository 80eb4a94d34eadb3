-- name: claim
-- Free runs that are ready or overdue, for each version this node can run. The deadline is an
-- uncorrelated sub-select, so it is one value and an index bound. Runs blocked for another build
-- lie in an index of their own, on both sides of this build's name. A node that was declared dead
-- and has not heard of it gets nothing, here as below: what it took would only be freed again.
WITH found AS MATERIALIZED (
    SELECT c.run_id
    FROM unnest($2::bigint[]) AS v (version_id)
    CROSS JOIN LATERAL (
        SELECT run_id FROM (
         SELECT l.run_id FROM continuum_leases l
         WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
           AND l.takeovers < 2 AND l.ready
         ORDER BY l.run_id LIMIT $4::int FOR UPDATE SKIP LOCKED) AS ready
        UNION ALL
        SELECT run_id FROM (
         SELECT l.run_id FROM continuum_leases l
         WHERE l.version_id = v.version_id AND l.lease_owner IS NULL AND l.blocked_build IS NULL
           AND l.takeovers < 2 AND l.wake_at <= (SELECT clock_timestamp())
         ORDER BY l.wake_at LIMIT $4::int FOR UPDATE SKIP LOCKED) AS overdue
        UNION ALL
        SELECT run_id FROM (
         SELECT l.run_id FROM continuum_leases l
         WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
           AND l.blocked_build < $3::text AND l.takeovers < 2
           AND (l.ready OR l.wake_at <= (SELECT clock_timestamp()))
         ORDER BY l.blocked_build LIMIT $4::int FOR UPDATE SKIP LOCKED) AS other_build
        UNION ALL
        SELECT run_id FROM (
         SELECT l.run_id FROM continuum_leases l
         WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
           AND l.blocked_build > $3::text AND l.takeovers < 2
           AND (l.ready OR l.wake_at <= (SELECT clock_timestamp()))
         ORDER BY l.blocked_build LIMIT $4::int FOR UPDATE SKIP LOCKED) AS another_build
    ) AS c
    LIMIT $4::int
)
UPDATE continuum_leases l
SET lease_owner = $1::uuid, lease_token = nextval('continuum_lease_token_seq'), ready = false,
    parked = false
WHERE l.run_id IN (SELECT run_id FROM found)
  AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = $1::uuid AND n.dead_at IS NOT NULL)
RETURNING l.run_id;

-- name: claim_suspect
-- One run that lost its owner two or three times since it last committed a turn.
UPDATE continuum_leases l
SET lease_owner = $1::uuid, lease_token = nextval('continuum_lease_token_seq'), ready = false,
    parked = false
WHERE l.run_id = (
    SELECT c.run_id
    FROM unnest($2::bigint[]) AS v (version_id)
    CROSS JOIN LATERAL (
        SELECT s.run_id FROM continuum_leases s
        WHERE s.version_id = v.version_id AND s.lease_owner IS NULL
          AND s.takeovers >= 2 AND s.takeovers < 4 AND s.blocked_build IS DISTINCT FROM $3::text
          AND (s.ready OR s.wake_at <= (SELECT clock_timestamp()))
        ORDER BY s.takeovers LIMIT 1 FOR UPDATE SKIP LOCKED) AS c
    LIMIT 1)
  AND NOT EXISTS (SELECT FROM continuum_nodes n WHERE n.id = $1::uuid AND n.dead_at IS NOT NULL)
RETURNING l.run_id;

-- name: load_runs
SELECT r.id, r.namespace, r.workflow, r.version, r.version_hash, r.runtime, l.lease_token,
       l.next_seq, r.incarnation, l.takeovers, r.state, r.input, r.started_at, r.parent_id,
       l.cancel_requested_at IS NOT NULL, r.depth, l.blocked_build, l.lost_owner
FROM unnest($1::uuid[]) AS c (run_id)
JOIN continuum_leases l ON l.run_id = c.run_id
JOIN continuum_runs r ON r.id = c.run_id;

-- name: log_takeover
-- Of runs that this transaction has claimed: the workers they were lost with, run by run. What is
-- older than 30 days goes with it.
WITH taken AS (
    UPDATE continuum_leases l SET lost_owner = NULL
    FROM unnest($2::uuid[], $3::uuid[]) AS c (run_id, lost_owner)
    WHERE l.run_id = c.run_id
    RETURNING l.run_id, c.lost_owner
), old AS (
    DELETE FROM continuum_takeovers WHERE at < clock_timestamp() - interval '30 days'
)
INSERT INTO continuum_takeovers
    (from_node, from_host, from_pid, died_at, by_node, by_host, by_pid, run_ids)
SELECT t.lost_owner, d.host, d.pid, d.dead_at, $1::uuid, n.host, n.pid, t.run_ids
FROM (SELECT lost_owner, array_agg(run_id ORDER BY run_id) AS run_ids
      FROM taken GROUP BY lost_owner) AS t
LEFT JOIN continuum_nodes d ON d.id = t.lost_owner
LEFT JOIN continuum_nodes n ON n.id = $1::uuid;

-- name: load_events
-- Run by run, which an ordered subquery leaves as the only way: of a partitioned table the planner
-- knows too little to see that everything else reads it whole.
SELECT e.run_id, e.seq, e.incarnation, e.type, e.command, e.payload, e.at
FROM unnest($1::uuid[]) AS c (run_id)
JOIN continuum_runs r ON r.id = c.run_id
CROSS JOIN LATERAL (
    SELECT * FROM continuum_events
    WHERE run_id = c.run_id AND incarnation = r.incarnation ORDER BY seq) AS e
ORDER BY e.run_id, e.seq;

-- name: load_inbox
SELECT m.id, m.run_id, m.kind, m.name, m.payload
FROM unnest($1::uuid[]) AS c (run_id)
JOIN continuum_inbox m ON m.run_id = c.run_id
ORDER BY m.id;

-- name: load_heartbeats
SELECT h.run_id, h.incarnation, h.command, h.attempt, h.details
FROM unnest($1::uuid[]) AS c (run_id)
JOIN continuum_heartbeats h ON h.run_id = c.run_id;

-- name: answer
-- Outcomes of attempts that their run has not heard of. Its lease is locked by this transaction.
INSERT INTO continuum_inbox (run_id, kind, name, payload)
SELECT a.run_id, a.kind, a.name, a.payload
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY
  AS a (run_id, kind, name, payload, n)
JOIN continuum_leases l ON l.run_id = a.run_id
ORDER BY a.n;

-- name: give_back
-- Follows the turn statement in the same transaction, which holds the lease rows FOR UPDATE: a
-- sender either committed its mail before, and this statement's snapshot has it, or waits and will
-- find the run unowned. Mail does not hurry a run that several builds could not go on with.
UPDATE continuum_leases l
SET lease_owner = NULL,
    lease_token = nextval('continuum_lease_token_seq'),
    ready = g.ready OR l.version_id < 0 OR (g.blocked_build IS NULL AND EXISTS (
        SELECT FROM continuum_inbox m WHERE m.run_id = l.run_id)),
    blocked_build = g.blocked_build
FROM unnest($2::uuid[], $3::bool[], $4::text[]) AS g (run_id, ready, blocked_build)
WHERE l.run_id = g.run_id AND l.lease_owner = $1::uuid;

-- name: read_inbox
SELECT m.id, m.run_id, m.kind, m.name, m.payload
FROM unnest($2::uuid[]) AS c (run_id)
JOIN continuum_leases l ON l.run_id = c.run_id AND l.lease_owner = $1::uuid
JOIN continuum_inbox m ON m.run_id = c.run_id
ORDER BY m.id;

-- name: attend
-- The orders are those of the indexes: without them a planner that expects many rows would read
-- the whole live table for the first one.
SELECT clock_timestamp(),
       EXISTS (
           SELECT FROM unnest($2::bigint[]) AS v (version_id)
           CROSS JOIN LATERAL (
               (SELECT FROM continuum_leases l
                WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                  AND l.blocked_build IS NULL AND l.takeovers < 2 AND l.ready
                ORDER BY l.run_id LIMIT 1)
               UNION ALL
               (SELECT FROM continuum_leases l
                WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                  AND l.blocked_build IS NULL AND l.takeovers < 2
                  AND l.wake_at <= (SELECT clock_timestamp())
                ORDER BY l.wake_at LIMIT 1)
               UNION ALL
               (SELECT FROM continuum_leases l
                WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                  AND l.blocked_build < $3::text AND l.takeovers < 2
                  AND (l.ready OR l.wake_at <= (SELECT clock_timestamp()))
                ORDER BY l.blocked_build LIMIT 1)
               UNION ALL
               (SELECT FROM continuum_leases l
                WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                  AND l.blocked_build > $3::text AND l.takeovers < 2
                  AND (l.ready OR l.wake_at <= (SELECT clock_timestamp()))
                ORDER BY l.blocked_build LIMIT 1)
           ) AS c),
       EXISTS (
           SELECT FROM unnest($2::bigint[]) AS v (version_id)
           CROSS JOIN LATERAL (
               SELECT FROM continuum_leases l
               WHERE l.version_id = v.version_id AND l.lease_owner IS NULL
                 AND l.takeovers >= 2 AND l.takeovers < 4
                 AND l.blocked_build IS DISTINCT FROM $3::text
                 AND (l.ready OR l.wake_at <= (SELECT clock_timestamp()))
               ORDER BY l.takeovers LIMIT 1) AS s),
       ARRAY(SELECT DISTINCT m.run_id FROM continuum_inbox m
             JOIN continuum_leases l ON l.run_id = m.run_id
             WHERE l.lease_owner = $1::uuid LIMIT 1000),
       ARRAY(SELECT l.run_id FROM continuum_leases l
             WHERE l.lease_owner = $1::uuid AND l.parked IN (false, true)
               AND l.wake_at <= (SELECT clock_timestamp())
             ORDER BY l.wake_at LIMIT 1000),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
            p.namespace, p.workflow, p.queue, p.lifted_at IS NOT NULL)), '[]')
        FROM continuum_pauses p);

-- name: plan_by_key
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true);
