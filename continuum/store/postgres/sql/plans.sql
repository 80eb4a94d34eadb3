-- name: put
-- $1: the plan as JSON; $2 its arguments, sealed.
INSERT INTO continuum_plans
    (id, act, arguments, namespace, expression, accepts, runs, matched, reason, operator, host,
     program, expires_at)
SELECT p.id, p.act, $2::bytea, p.namespace, p.expression,
       ARRAY(SELECT jsonb_array_elements_text(p.accepts)), p.runs, p.matched, p.reason,
       p.operator, p.host, p.program, clock_timestamp() + make_interval(secs => p.expires_after)
FROM jsonb_to_record($1::text::jsonb) AS p (
    id uuid, act text, namespace text, expression text, accepts jsonb, runs int, matched int, reason text,
    operator text, host text, program text, expires_after float8);

-- name: put_runs
INSERT INTO continuum_plan_runs (plan_id, n, run_id, state, outcome, detail, at)
SELECT $1::uuid, g.n, g.run_id, g.state, g.outcome, g.detail,
       CASE WHEN g.outcome IS NOT NULL THEN clock_timestamp() END
FROM unnest($2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[])
  AS g (n, run_id, state, outcome, detail);

-- name: read
-- $1: one plan, or null for a page of them. The numbers come from the index on outcomes.
SELECT p.id, p.act, p.arguments, p.namespace, p.expression, p.runs, p.matched, p.reason, p.operator,
       p.host, p.program, p.created_at, p.expires_at, p.applied_at, n.numbers, clock_timestamp()
FROM (
    SELECT * FROM continuum_plans p
    WHERE ($1::uuid IS NULL OR p.id = $1)
      AND ($2::text IS NULL OR p.namespace = $2)
      AND ($3::timestamptz IS NULL OR (p.created_at, p.id) < ($3, $4::uuid))
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT $5::int
) AS p
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(o.outcome, o.n), '{}') AS numbers
    FROM (SELECT r.outcome, count(*) AS n FROM continuum_plan_runs r
          WHERE r.plan_id = p.id AND r.outcome IS NOT NULL GROUP BY r.outcome) AS o
) AS n
ORDER BY p.created_at DESC, p.id DESC;

-- name: sample
SELECT r.run_id FROM continuum_plan_runs r WHERE r.plan_id = $1::uuid ORDER BY r.n LIMIT $2::int;

-- name: runs
SELECT r.n, r.run_id, r.state, r.outcome, r.detail, r.at
FROM continuum_plan_runs r
WHERE r.plan_id = $1::uuid AND r.n > $2::int
ORDER BY r.n LIMIT $3::int;

-- name: pending_runs
SELECT r.n, r.run_id, r.state, r.outcome, r.detail, r.at
FROM continuum_plan_runs r
WHERE r.plan_id = $1::uuid AND r.n > $2::int AND r.outcome IS NULL
ORDER BY r.n LIMIT $3::int;

-- name: settled_runs
SELECT r.n, r.run_id, r.state, r.outcome, r.detail, r.at
FROM continuum_plan_runs r
WHERE r.plan_id = $1::uuid AND r.n > $2::int AND r.outcome = $4::text
ORDER BY r.n LIMIT $3::int;

-- name: begin
UPDATE continuum_plans SET applied_at = coalesce(applied_at, clock_timestamp())
WHERE id = $1::uuid;

-- name: settle
-- In run order, as `record` locks them.
WITH given AS MATERIALIZED (
    SELECT r.n, g.outcome, g.detail
    FROM unnest($2::uuid[], $3::text[], $4::text[]) AS g (run_id, outcome, detail)
    JOIN continuum_plan_runs r ON r.plan_id = $1::uuid AND r.run_id = g.run_id
    WHERE r.outcome IS NULL
    ORDER BY r.run_id
    FOR UPDATE OF r
)
UPDATE continuum_plan_runs r
SET outcome = g.outcome, detail = g.detail, at = clock_timestamp()
FROM given g
WHERE r.plan_id = $1::uuid AND r.n = g.n;
