-- name: insert_runs
-- Tables are named with their schema: this statement also runs on a caller's own connection.
WITH given AS MATERIALIZED (
    SELECT g.*
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[], $6::text[],
                $7::uuid[], $8::bigint[], $9::bytea[])
      AS g (id, namespace, workflow, input, attributes, idempotency_key, parent_id, version_id,
            trace)
), made AS (
    INSERT INTO public.continuum_runs
        (id, namespace, workflow, input, attributes, idempotency_key, parent_id, state)
    SELECT id, namespace, workflow, input, attributes, idempotency_key, parent_id, 'running'
    FROM given
    ON CONFLICT DO NOTHING
    RETURNING id, workflow
), leased AS (
    INSERT INTO public.continuum_leases (run_id, version_id, lease_token)
    SELECT g.id, g.version_id, nextval('public.continuum_lease_token_seq')
    FROM made
    -- One batch may hold the same start twice, from two callers; only one made the run.
    JOIN (SELECT DISTINCT ON (id, workflow) id, workflow, version_id FROM given) g
      USING (id, workflow)
), traced AS (
    INSERT INTO public.continuum_inbox (run_id, kind, name, payload)
    SELECT g.id, 'context', '', g.trace
    FROM made
    JOIN (SELECT DISTINCT ON (id, workflow) id, workflow, trace FROM given) g
      USING (id, workflow)
    WHERE g.trace IS NOT NULL
)
SELECT id FROM made;

-- name: existing
-- The input of a later incarnation says nothing about the start that made the run.
SELECT g.n, r.id, r.namespace, r.workflow, CASE WHEN r.incarnation = 1 THEN r.input END,
       r.attributes, r.idempotency_key, r.parent_id, r.key
FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[])
  AS g (n, id, namespace, workflow, idempotency_key)
JOIN public.continuum_runs r
  ON r.id = g.id
  OR (r.namespace = g.namespace AND r.workflow = g.workflow
      AND r.idempotency_key = g.idempotency_key)
ORDER BY g.n, r.id = g.id DESC;

-- name: notify_capable
-- A poll hint to every live node that can run one of these versions; sent when the caller commits.
SELECT pg_notify('continuum_n_' || replace(n.id::text, '-', ''), 'poll')
FROM public.continuum_nodes n
WHERE n.dead_at IS NULL AND NOT n.draining AND n.expires_at > clock_timestamp()
  AND EXISTS (SELECT FROM public.continuum_node_versions v
              WHERE v.node_id = n.id AND v.version_id = ANY ($1::bigint[]));
