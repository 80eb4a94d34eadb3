-- name: add
-- Its run is live and locked. Of two that ask at once the second waits here and adds nothing.
INSERT INTO continuum_questions (run_id, question_id, name)
VALUES ($1::uuid, $2::text, $3::text)
ON CONFLICT DO NOTHING
RETURNING name;

-- name: find
SELECT q.name FROM continuum_questions q
WHERE q.run_id = $1::uuid AND q.question_id = $2::text;

-- name: replies
-- Question and run in one statement: a run that answers and ends in one turn has answered.
SELECT q.run_id, q.question_id, q.answered_at IS NOT NULL, q.answer, q.refused, r.state
FROM unnest($1::uuid[], $2::text[]) AS g (run_id, question_id)
JOIN continuum_questions q ON q.run_id = g.run_id AND q.question_id = g.question_id
JOIN continuum_runs r ON r.id = q.run_id;

-- name: forget_lost
-- Of a run that is tried again: what it has never read went with its inbox when it failed.
DELETE FROM continuum_questions q
WHERE q.run_id = $1::uuid AND q.answered_at IS NULL AND q.question_id <> ALL ($2::text[]);
