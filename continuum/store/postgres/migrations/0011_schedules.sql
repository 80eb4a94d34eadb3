-- Schedules: durable rows that start runs; each time of one is decided once.

CREATE TABLE continuum_schedules (
    namespace text NOT NULL,
    name text NOT NULL,
    workflow text NOT NULL,
    input bytea NOT NULL,                             -- arguments of its runs
    time_arguments int[] NOT NULL DEFAULT '{}',       -- which of them are the time it was due
    attributes jsonb NOT NULL DEFAULT '{}',
    cron text,
    every double precision,                           -- seconds, instead of cron
    every_offset double precision NOT NULL DEFAULT 0,
    zone text NOT NULL DEFAULT 'UTC',
    jitter double precision NOT NULL DEFAULT 0,
    starts_at timestamptz,
    ends_at timestamptz,
    overlap text NOT NULL,                            -- skip, buffer, cancel, allow
    catch_up double precision NOT NULL,               -- seconds
    back_off boolean NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    note text,
    due_at timestamptz,                               -- the next time to decide about
    look_at timestamptz,                              -- when to decide; null: paused or over
    waiting_at timestamptz,                           -- a time that waits for the run before
    failures int NOT NULL DEFAULT 0,                  -- runs that failed in a row
    judged boolean NOT NULL DEFAULT true,             -- whether the last run's end is counted
    resting_until timestamptz,                        -- nothing starts before: it fails too often
    last_error text,
    last_run_id uuid,                                 -- no reference: runs may be pruned
    last_fired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (namespace, name),
    CHECK ((cron IS NULL) <> (every IS NULL))
);

CREATE INDEX continuum_schedules_look_at_idx ON continuum_schedules (look_at)
    WHERE look_at IS NOT NULL;

-- The primary key makes it impossible that one time starts two runs.
CREATE TABLE continuum_schedule_firings (
    namespace text NOT NULL,
    name text NOT NULL,
    due_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome text NOT NULL,
    run_id uuid,
    PRIMARY KEY (namespace, name, due_at),
    FOREIGN KEY (namespace, name) REFERENCES continuum_schedules ON DELETE CASCADE
);
