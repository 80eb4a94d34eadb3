-- What idempotent starts, listings and durable activity results need.

CREATE UNIQUE INDEX continuum_runs_idempotency_idx
    ON continuum_runs (namespace, workflow, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX continuum_runs_namespace_started_idx
    ON continuum_runs (namespace, started_at DESC, id DESC);
CREATE INDEX continuum_runs_started_idx ON continuum_runs (started_at DESC, id DESC);
CREATE INDEX continuum_runs_parent_idx ON continuum_runs (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE continuum_activity_results (
    namespace        text        NOT NULL,
    activity         text        NOT NULL,
    idempotency_key  text        NOT NULL,
    run_id           uuid        NOT NULL,
    incarnation      integer     NOT NULL,
    command          integer     NOT NULL,
    attempt          integer     NOT NULL,
    result           bytea,
    reserved_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at     timestamptz,
    PRIMARY KEY (namespace, activity, idempotency_key)
);
