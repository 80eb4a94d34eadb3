-- name: record
-- $1: acts as a JSON list, numbered by `n`. Writes all of them or none, and answers why not. It
-- comes after the locks that the act needs, and before what changes the run's state. The runs of
-- a plan are locked in run order; of two who work off one run the second finds it done.
WITH given AS MATERIALIZED (
    SELECT g.n, g.operator, g.host, g.program, g.act, coalesce(g.namespace, r.namespace) AS namespace,
           g.run_id, g.reason, g.expression, g.plan_id, g.outcome, g.detail, r.state
    FROM jsonb_to_recordset($1::text::jsonb) AS g (
        n int, operator text, host text, program text, act text, namespace text, run_id uuid,
        reason text, expression text, plan_id uuid, outcome text, detail jsonb)
    LEFT JOIN continuum_runs r ON r.id = g.run_id
), held AS MATERIALIZED (
    SELECT g.n, p.plan_id, p.run_id, g.outcome,
           (g.state = p.state OR g.state = ANY (l.accepts)) AS fits
    FROM given g
    JOIN continuum_plan_runs p ON p.plan_id = g.plan_id AND p.run_id = g.run_id
    JOIN continuum_plans l ON l.id = g.plan_id
    WHERE p.outcome IS NULL
    ORDER BY p.run_id, p.plan_id
    FOR UPDATE OF p
), refused AS MATERIALIZED (
    SELECT g.n, g.run_id, g.namespace, h.n IS NULL AS settled, g.state,
           g.reason IS NULL AND coalesce(s.reason_required, false) AS unreasoned
    FROM given g
    LEFT JOIN held h ON h.n = g.n
    LEFT JOIN continuum_namespaces s ON s.namespace = g.namespace
    WHERE (g.reason IS NULL AND s.reason_required)
       OR (g.plan_id IS NOT NULL AND g.run_id IS NOT NULL AND h.fits IS NOT TRUE)
), settled AS (
    UPDATE continuum_plan_runs p
    SET outcome = 'done', detail = h.outcome, at = clock_timestamp()
    FROM held h
    WHERE p.plan_id = h.plan_id AND p.run_id = h.run_id AND NOT EXISTS (SELECT FROM refused)
), recorded AS (
    INSERT INTO continuum_operator_journal
        (operator, host, program, act, namespace, run_id, after_seq, reason, expression, plan_id,
         outcome, detail)
    SELECT g.operator, g.host, g.program, g.act, g.namespace, g.run_id,
           CASE WHEN g.run_id IS NOT NULL THEN coalesce(
               (SELECT max(e.seq) FROM continuum_events e WHERE e.run_id = g.run_id), 0) END,
           g.reason, g.expression, g.plan_id, g.outcome, g.detail
    FROM given g
    WHERE NOT EXISTS (SELECT FROM refused)
    ORDER BY g.n
)
SELECT run_id, namespace, unreasoned, settled, state FROM refused ORDER BY n;

-- name: acts
-- Newest first. A plan's expression stands for those of its acts.
SELECT j.id, j.at, j.operator, j.host, j.program, j.act, j.namespace, j.run_id, j.reason,
       coalesce(j.expression, p.expression), j.plan_id, j.outcome, j.detail
FROM continuum_operator_journal j LEFT JOIN continuum_plans p ON p.id = j.plan_id
WHERE ($1::bigint IS NULL OR j.id < $1)
  AND ($2::uuid IS NULL OR j.run_id = $2)
  AND ($3::text IS NULL OR j.operator = $3)
  AND ($4::text IS NULL OR j.namespace = $4)
  AND ($5::text IS NULL OR j.act = $5)
  AND ($6::uuid IS NULL OR j.plan_id = $6)
  AND ($7::timestamptz IS NULL OR j.at >= $7)
  AND ($8::float8 IS NULL OR j.at >= clock_timestamp() - make_interval(secs => $8))
ORDER BY j.id DESC
LIMIT $9::int;

-- name: clock
SELECT clock_timestamp();

-- name: reasons_required
SELECT namespace FROM continuum_namespaces WHERE reason_required ORDER BY namespace COLLATE "C";

-- name: require_reasons
INSERT INTO continuum_namespaces (namespace, reason_required) VALUES ($1::text, $2::boolean)
ON CONFLICT (namespace) DO UPDATE SET reason_required = excluded.reason_required;
