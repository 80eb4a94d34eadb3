-- name: compact
-- Moves up to so many gathered changes into the totals, in one transaction: every snapshot sees
-- them in one of both places. Those that another worker is moving are left to it; totals are
-- touched in one order, so workers wait for each other but never in a circle.
WITH taken AS MATERIALIZED (
    SELECT id FROM continuum_count_deltas ORDER BY id LIMIT $1::int FOR UPDATE SKIP LOCKED
), moved AS (
    DELETE FROM continuum_count_deltas d USING taken t WHERE d.id = t.id
    RETURNING d.namespace, d.workflow, d.state, d.n
), totals AS (
    INSERT INTO continuum_counts AS c (namespace, workflow, state, n)
    SELECT namespace, workflow, state, sum(n) FROM moved GROUP BY 1, 2, 3
    HAVING sum(n) <> 0 ORDER BY 1, 2, 3
    ON CONFLICT (namespace, workflow, state) DO UPDATE SET n = c.n + excluded.n
)
SELECT count(*) FROM moved;
