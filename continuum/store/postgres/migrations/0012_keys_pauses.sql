-- Business keys, starts at a later time, execution timeouts, and pauses.

ALTER TABLE continuum_runs ADD COLUMN key text;
CREATE UNIQUE INDEX continuum_runs_live_key_idx ON continuum_runs (namespace, workflow, key)
    WHERE key IS NOT NULL AND completed_at IS NULL;
CREATE INDEX continuum_runs_key_idx ON continuum_runs (key, namespace, started_at DESC, id DESC)
    WHERE key IS NOT NULL;

-- `version_id` is -1 - its value while the run is held: no claim looks for a negative one.
ALTER TABLE continuum_leases
    ADD COLUMN starts_at timestamptz,          -- mail does not make it ready before
    ADD COLUMN deadline timestamptz,           -- when it is asked to end, then when it is ended
    ADD COLUMN timeout double precision,       -- seconds, as they were asked for
    ADD COLUMN grace double precision,         -- seconds from one to the other; null: it was asked
    ADD COLUMN paused_at timestamptz,          -- this very run was paused
    ADD COLUMN paused_by text;
CREATE INDEX continuum_leases_deadline_idx ON continuum_leases (deadline)
    WHERE deadline IS NOT NULL;
CREATE INDEX continuum_leases_held_idx ON continuum_leases (run_id) WHERE version_id < 0;

-- What is paused as a whole. Workers read all of it every second; there are few rows.
CREATE TABLE continuum_pauses (
    scope      text        NOT NULL CHECK (scope IN ('namespace', 'workflow', 'queue')),
    name       text        NOT NULL,
    paused_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_by  text,
    PRIMARY KEY (scope, name)
);
