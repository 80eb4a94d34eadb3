-- v0.5: namespaces and search attributes. Existing rows backfill through the column defaults.

ALTER TABLE continuum_runs ADD COLUMN namespace text NOT NULL DEFAULT 'default';
ALTER TABLE continuum_runs ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';
CREATE INDEX continuum_runs_attributes_gin_idx ON continuum_runs USING gin (attributes);
CREATE INDEX continuum_runs_namespace_state_idx ON continuum_runs (namespace, state);
