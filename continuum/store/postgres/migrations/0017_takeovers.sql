-- The log of takeovers: which worker went on with which runs of one that died.

-- The worker that died with the run, until another one claims it. No statement looks for it.
ALTER TABLE continuum_leases ADD COLUMN lost_owner uuid;

-- One row for each claim that had such runs, and each worker they were of. No references: rows of
-- workers and runs go, what happened stays known, for 30 days.
CREATE TABLE continuum_takeovers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_node  uuid        NOT NULL,
    from_host  text,                                  -- null: its row was gone already
    from_pid   integer,
    died_at    timestamptz,
    by_node    uuid        NOT NULL,
    by_host    text,
    by_pid     integer,
    run_ids    uuid[]      NOT NULL
);
CREATE INDEX continuum_takeovers_at_idx ON continuum_takeovers (at);
