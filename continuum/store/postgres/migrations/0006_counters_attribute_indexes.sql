-- Exact numbers of runs by namespace, workflow and state, and the list of declared indexes.

-- Held to the end: whoever writes runs waits, then fires the triggers. The rows counted below are
-- read by a later statement, so by a snapshot that is younger than this lock.
LOCK TABLE continuum_runs IN SHARE ROW EXCLUSIVE MODE;

-- A number is the sum of both tables. Writers only append to the second, so no two of them ever
-- wait for each other; workers move what has gathered there into the first.
CREATE TABLE continuum_counts (
    namespace  text   NOT NULL,
    workflow   text   NOT NULL,
    state      text   NOT NULL,
    n          bigint NOT NULL,
    PRIMARY KEY (namespace, workflow, state)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

CREATE TABLE continuum_count_deltas (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace  text   NOT NULL,
    workflow   text   NOT NULL,
    state      text   NOT NULL,
    n          bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);

-- Tables are named with their schema: runs are also inserted on a caller's own connection.
CREATE FUNCTION continuum_count_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.continuum_count_deltas (namespace, workflow, state, n)
    SELECT namespace, workflow, state, count(*) FROM inserted GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION continuum_count_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.continuum_count_deltas (namespace, workflow, state, n)
    SELECT namespace, workflow, state, sum(n)
    FROM (SELECT namespace, workflow, state, 1 AS n FROM after
          UNION ALL
          SELECT namespace, workflow, state, -1 FROM before) AS changed
    GROUP BY 1, 2, 3
    HAVING sum(n) <> 0;
    RETURN NULL;
END $$;

CREATE FUNCTION continuum_count_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.continuum_count_deltas (namespace, workflow, state, n)
    SELECT namespace, workflow, state, -count(*) FROM deleted GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION continuum_count_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE public.continuum_counts, public.continuum_count_deltas;
    RETURN NULL;
END $$;

CREATE TRIGGER continuum_runs_count_inserted AFTER INSERT ON continuum_runs
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION continuum_count_inserted();
CREATE TRIGGER continuum_runs_count_updated AFTER UPDATE ON continuum_runs
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION continuum_count_updated();
CREATE TRIGGER continuum_runs_count_deleted AFTER DELETE ON continuum_runs
    REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION continuum_count_deleted();
CREATE TRIGGER continuum_runs_count_truncated AFTER TRUNCATE ON continuum_runs
    FOR EACH STATEMENT EXECUTE FUNCTION continuum_count_truncated();

INSERT INTO continuum_counts (namespace, workflow, state, n)
SELECT namespace, workflow, state, count(*) FROM continuum_runs GROUP BY 1, 2, 3;

-- Indexes on attributes that somebody declared; each is named after its id. Whether one is built
-- and valid is in the catalogue only.
CREATE TABLE continuum_attribute_indexes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path         text[]      NOT NULL CHECK (cardinality(path) > 0),
    type         text        NOT NULL CHECK (type IN ('text', 'number', 'boolean')),
    declared_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (path, type)
);
