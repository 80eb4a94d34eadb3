-- Questions to runs, and the answers: whoever asks again with the same id gets the same one.

CREATE TABLE continuum_questions (
    run_id       uuid        NOT NULL REFERENCES continuum_runs (id) ON DELETE CASCADE,
    question_id  text        NOT NULL,
    name         text        NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    answer       bytea,                              -- sealed
    refused      text,                               -- why
    answered_at  timestamptz,                        -- or refused
    PRIMARY KEY (run_id, question_id)
);
