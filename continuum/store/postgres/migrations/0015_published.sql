-- Values that runs show while they go on: the last one of each name.

CREATE TABLE continuum_published (
    run_id       uuid        NOT NULL REFERENCES continuum_runs (id) ON DELETE CASCADE,
    name         text        NOT NULL,
    value        bytea       NOT NULL,
    incarnation  integer     NOT NULL,               -- that published it
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, name)
);
