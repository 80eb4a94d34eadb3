-- Pages by state, by workflow and by end walk an index in their order, however many runs there are.

CREATE INDEX continuum_runs_namespace_state_started_idx
    ON continuum_runs (namespace, state, started_at DESC, id DESC);
DROP INDEX continuum_runs_namespace_state_idx;
CREATE INDEX continuum_runs_namespace_workflow_started_idx
    ON continuum_runs (namespace, workflow, started_at DESC, id DESC);
CREATE INDEX continuum_runs_namespace_completed_idx
    ON continuum_runs (namespace, completed_at DESC, id DESC) WHERE completed_at IS NOT NULL;
