-- How long the runs of a workflow are kept, and which runs others were made from.

-- What is said of a workflow whatever its version, by the code that joined last.
CREATE TABLE continuum_workflows (
    workflow       text PRIMARY KEY,
    retention      double precision,  -- seconds that an ended run is kept; null: for ever
    registered_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Of each fork and restart the run that it was made from. No references: either may be pruned, but
-- not the origin of a live run.
CREATE TABLE continuum_origins (
    run_id     uuid PRIMARY KEY,
    origin_id  uuid NOT NULL
);

INSERT INTO continuum_origins (run_id, origin_id)
SELECT made.id, made.origin_id
FROM (SELECT r.id, substring(
             coalesce(r.attributes ->> 'forked_from', r.attributes ->> 'restarted_from')
             FROM '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')::uuid AS origin_id
      FROM continuum_runs r
      WHERE r.attributes ?| ARRAY['forked_from', 'restarted_from']) AS made
WHERE made.origin_id IS NOT NULL;

CREATE INDEX continuum_origins_origin_idx ON continuum_origins (origin_id);

-- What one worker at a time does now and then, for all of them: when it was last begun.
CREATE TABLE continuum_duties (
    name      text PRIMARY KEY,
    begun_at  timestamptz NOT NULL
);
