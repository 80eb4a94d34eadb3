-- What operators do, who may be asked for reasons, and plans of acts upon many runs.

-- One entry for each act, written with it. Entries are only ever added. No references: runs may be
-- pruned, what was done to them stays known.
CREATE TABLE continuum_operator_journal (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator    text        NOT NULL,
    host        text        NOT NULL,
    program     text        NOT NULL,
    act         text        NOT NULL,
    namespace   text,                                 -- null: an act upon none
    run_id      uuid,                                 -- null: an act upon no single run
    after_seq   bigint,                               -- the run's last event when it was done
    reason      text,
    expression  text,                                 -- of a plan's acts: the plan has it
    plan_id     uuid,
    outcome     text        NOT NULL,
    detail      jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX continuum_operator_journal_run_idx ON continuum_operator_journal (run_id, after_seq, id)
    WHERE run_id IS NOT NULL;
CREATE INDEX continuum_operator_journal_operator_idx ON continuum_operator_journal (operator, id);
CREATE INDEX continuum_operator_journal_at_idx ON continuum_operator_journal (at);

-- Settings of namespaces; one without a row has the defaults.
CREATE TABLE continuum_namespaces (
    namespace        text PRIMARY KEY,
    reason_required  boolean NOT NULL DEFAULT false   -- whether acts without a reason are refused
);

CREATE TABLE continuum_plans (
    id           uuid PRIMARY KEY,
    act          text        NOT NULL,
    arguments    bytea       NOT NULL,                -- of the act, sealed as payloads are
    namespace    text,                                -- null: all
    expression   text        NOT NULL,
    accepts      text[]      NOT NULL,                -- states, besides the one a run was seen in
    runs         integer     NOT NULL,                -- to act upon
    matched      integer     NOT NULL,                -- with those that the act did not fit
    reason       text,
    operator     text        NOT NULL,
    host         text        NOT NULL,
    program      text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    applied_at   timestamptz                          -- when somebody began
);
CREATE INDEX continuum_plans_created_idx ON continuum_plans (created_at DESC, id DESC);

-- The runs of a plan, in the order in which they are worked off.
CREATE TABLE continuum_plan_runs (
    plan_id  uuid    NOT NULL REFERENCES continuum_plans ON DELETE CASCADE,
    n        integer NOT NULL,
    run_id   uuid    NOT NULL,
    state    text    NOT NULL,                        -- as it was seen
    outcome  text CHECK (outcome IN ('done', 'skipped', 'failed')),
    detail   text,                                    -- what was done, or why not
    at       timestamptz,
    PRIMARY KEY (plan_id, n),
    UNIQUE (plan_id, run_id)
);
CREATE INDEX continuum_plan_runs_pending_idx ON continuum_plan_runs (plan_id, n)
    WHERE outcome IS NULL;
CREATE INDEX continuum_plan_runs_outcome_idx ON continuum_plan_runs (plan_id, outcome, n)
    WHERE outcome IS NOT NULL;
CREATE INDEX continuum_plan_runs_run_idx ON continuum_plan_runs (run_id);
