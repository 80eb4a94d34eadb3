-- Heartbeats, named queues with limits, and waiting for idempotency keys.

ALTER TABLE continuum_tasks ADD COLUMN stopping boolean NOT NULL DEFAULT false;
CREATE INDEX continuum_tasks_claimed_idx ON continuum_tasks (queue) WHERE lease_owner IS NOT NULL;

-- Progress of attempts that have not ended. Rewritten in place, a row for each command.
CREATE TABLE continuum_heartbeats (
    run_id       uuid        NOT NULL REFERENCES continuum_leases (run_id) ON DELETE CASCADE,
    incarnation  integer     NOT NULL,
    command      integer     NOT NULL,
    attempt      integer     NOT NULL,
    details      bytea       NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, incarnation, command)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Limits that hold for all workers together; `tokens` is the rate's bucket at `refilled_at`.
CREATE TABLE continuum_queues (
    name               text PRIMARY KEY,
    fleet_concurrency  integer,
    rate               double precision,
    tokens             double precision NOT NULL DEFAULT 1,
    refilled_at        timestamptz      NOT NULL DEFAULT clock_timestamp()
);

-- Commands whose attempt has not begun because another call holds their idempotency key.
CREATE TABLE continuum_activity_waiters (
    run_id           uuid    NOT NULL REFERENCES continuum_leases (run_id) ON DELETE CASCADE,
    incarnation      integer NOT NULL,
    command          integer NOT NULL,
    attempt          integer NOT NULL,
    namespace        text    NOT NULL,
    activity         text    NOT NULL,
    idempotency_key  text    NOT NULL,
    PRIMARY KEY (run_id, incarnation, command)
);
CREATE INDEX continuum_activity_waiters_key_idx
    ON continuum_activity_waiters (namespace, activity, idempotency_key);
