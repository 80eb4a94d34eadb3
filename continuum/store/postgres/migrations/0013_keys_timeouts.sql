-- Business keys, starts at a later time, execution timeouts.

ALTER TABLE continuum_runs ADD COLUMN key text;
CREATE UNIQUE INDEX continuum_runs_live_key_idx ON continuum_runs (namespace, workflow, key)
    WHERE key IS NOT NULL AND completed_at IS NULL;
CREATE INDEX continuum_runs_key_idx ON continuum_runs (key, namespace, started_at DESC, id DESC)
    WHERE key IS NOT NULL;

ALTER TABLE continuum_leases
    ADD COLUMN starts_at timestamptz,     -- mail does not make it ready before
    ADD COLUMN deadline timestamptz,      -- when it is asked to end, then when it is ended
    ADD COLUMN timeout double precision,  -- seconds, as they were asked for
    ADD COLUMN grace double precision;    -- seconds from one to the other; null: it was asked
CREATE INDEX continuum_leases_deadline_idx ON continuum_leases (deadline)
    WHERE deadline IS NOT NULL;
