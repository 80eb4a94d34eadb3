-- Tables are named with their schema: these statements also run on a caller's own connection.

-- name: lock_keys
-- All starts of a key, and whoever revives a run that has one, take turns until they commit.
SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS k;

-- name: find
-- For each key the live run, else the last, and whether that has had the signal already.
SELECT g.n, r.id, r.state, CASE WHEN r.incarnation = 1 THEN r.input END, r.attributes,
       r.idempotency_key,
       EXISTS (SELECT FROM public.continuum_deliveries d
               WHERE d.run_id = r.id AND d.name = g.signal AND d.delivery_id = g.delivery_id)
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  AS g (n, namespace, workflow, key, signal, delivery_id)
LEFT JOIN LATERAL (
    SELECT v.id FROM public.continuum_runs v
    WHERE v.namespace = g.namespace AND v.workflow = g.workflow AND v.key = g.key
      AND v.completed_at IS NULL) AS live ON true
LEFT JOIN LATERAL (
    SELECT v.id FROM public.continuum_runs v
    WHERE v.key = g.key AND v.namespace = g.namespace AND v.workflow = g.workflow
    ORDER BY v.started_at DESC, v.id DESC LIMIT 1) AS last ON live.id IS NULL
JOIN public.continuum_runs r ON r.id = coalesce(live.id, last.id);

-- name: insert
WITH given AS MATERIALIZED (
    SELECT g.*, greatest(coalesce(g.start_at, clock_timestamp()
                                  + coalesce(g.delay, 0) * interval '1 s'),
                         clock_timestamp()) AS begins
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[], $6::text[],
                $7::bigint[], $8::text[], $9::float8[], $10::timestamptz[], $11::float8[],
                $12::float8[], $13::bytea[])
      AS g (id, namespace, workflow, input, attributes, idempotency_key, version_id, key, delay,
            start_at, timeout, grace, trace)
), timed AS MATERIALIZED (
    SELECT g.*, g.begins > clock_timestamp() AS waits FROM given g
), made AS (
    INSERT INTO public.continuum_runs
        (id, namespace, workflow, input, attributes, idempotency_key, key, state, started_at)
    SELECT id, namespace, workflow, input, attributes, idempotency_key, key,
           CASE WHEN waits THEN 'suspended' ELSE 'running' END, begins
    FROM timed
    ON CONFLICT DO NOTHING
    RETURNING id, workflow
), leased AS (
    INSERT INTO public.continuum_leases
        (run_id, version_id, lease_token, ready, wake_at, starts_at, waiting_on, deadline, timeout,
         grace)
    SELECT t.id, t.version_id, nextval('public.continuum_lease_token_seq'), NOT t.waits,
           CASE WHEN t.waits THEN t.begins END, CASE WHEN t.waits THEN t.begins END,
           CASE WHEN t.waits THEN 'start at ' || to_char(t.begins AT TIME ZONE 'UTC',
                                                         'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
           t.begins + t.timeout * interval '1 s', t.timeout, t.grace
    FROM made
    -- One batch may hold the same start twice, from two callers; only one made the run.
    JOIN (SELECT DISTINCT ON (id, workflow) * FROM timed) t USING (id, workflow)
), traced AS (
    INSERT INTO public.continuum_inbox (run_id, kind, name, payload)
    SELECT t.id, 'context', '', t.trace
    FROM made
    JOIN (SELECT DISTINCT ON (id, workflow) id, workflow, trace FROM timed) t
      USING (id, workflow)
    WHERE t.trace IS NOT NULL
)
SELECT id FROM made;
