-- Pauses: of single runs, and of all runs of a namespace or a workflow, or of a queue.

-- The version id of a paused run is stored as ~version_id, below zero, so no worker asks for it and
-- no claim is longer than before. A run that is held only because its namespace or its workflow is
-- paused has no `paused_at`.
ALTER TABLE continuum_leases ADD COLUMN paused_at timestamptz;

-- A row that is lifted stays until no run is held for it any more.
CREATE TABLE continuum_pauses (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace  text,                                  -- null: every one
    workflow   text,                                  -- null: every one
    queue      text,
    operator   text        NOT NULL,
    reason     text,
    paused_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    lifted_at  timestamptz,
    CHECK (CASE WHEN queue IS NULL THEN coalesce(namespace, workflow) IS NOT NULL
                ELSE namespace IS NULL AND workflow IS NULL END)
);
CREATE UNIQUE INDEX continuum_pauses_scope_idx ON continuum_pauses
    (coalesce(namespace, ''), coalesce(workflow, ''), coalesce(queue, '')) WHERE lifted_at IS NULL;
