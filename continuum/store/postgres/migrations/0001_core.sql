-- The layout of v0.4: runs, journal, live set, inbox, nodes. No namespaces, no search attributes.

CREATE SEQUENCE continuum_lease_token_seq;

CREATE TABLE continuum_runs (
    id               uuid PRIMARY KEY,
    workflow         text        NOT NULL,
    version          integer     NOT NULL DEFAULT 0,
    version_hash     text        NOT NULL DEFAULT '',
    runtime          text        NOT NULL DEFAULT '',
    state            text        NOT NULL
        CHECK (state IN ('running', 'suspended', 'completed', 'failed', 'cancelled')),
    input            bytea       NOT NULL,
    result           bytea,
    error_type       text,
    error_message    text,
    error_details    text,
    parent_id        uuid,
    incarnation      integer     NOT NULL DEFAULT 1,
    idempotency_key  text,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at     timestamptz,
    CHECK ((completed_at IS NOT NULL) = (state IN ('completed', 'failed', 'cancelled')))
);

-- A run is live if and only if it has a lease row.
CREATE TABLE continuum_leases (
    run_id               uuid PRIMARY KEY REFERENCES continuum_runs (id) ON DELETE CASCADE,
    version_id           bigint      NOT NULL,
    lease_owner          uuid,
    lease_token          bigint      NOT NULL,
    next_seq             bigint      NOT NULL DEFAULT 1,
    ready                boolean     NOT NULL DEFAULT true,
    wake_at              timestamptz,
    parked               boolean     NOT NULL DEFAULT false,
    blocked_build        text,
    takeovers            integer     NOT NULL DEFAULT 0,
    waiting_on           text,
    cancel_requested_at  timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0);

-- What a claim looks for. Runs that only another build may take and runs that keep losing their
-- owner lie in indexes of their own, so no number of them slows the search for the others.
CREATE INDEX continuum_leases_ready_idx ON continuum_leases (version_id, run_id)
    WHERE lease_owner IS NULL AND blocked_build IS NULL AND takeovers < 2 AND ready;
CREATE INDEX continuum_leases_wake_idx ON continuum_leases (version_id, wake_at)
    WHERE lease_owner IS NULL AND blocked_build IS NULL AND takeovers < 2
      AND wake_at IS NOT NULL;
CREATE INDEX continuum_leases_blocked_idx ON continuum_leases (version_id, blocked_build)
    WHERE lease_owner IS NULL AND blocked_build IS NOT NULL;
CREATE INDEX continuum_leases_suspect_idx ON continuum_leases (version_id, takeovers)
    WHERE lease_owner IS NULL AND takeovers >= 2;
CREATE INDEX continuum_leases_owner_idx ON continuum_leases (lease_owner, parked, wake_at)
    WHERE lease_owner IS NOT NULL;

CREATE TABLE continuum_events (
    run_id       uuid        NOT NULL,
    seq          bigint      NOT NULL,
    incarnation  integer     NOT NULL,
    type         text        NOT NULL,
    command      integer,
    payload      bytea       NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE continuum_inbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id   uuid        NOT NULL REFERENCES continuum_leases (run_id) ON DELETE CASCADE,
    kind     text        NOT NULL,
    name     text        NOT NULL,
    payload  bytea       NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX continuum_inbox_run_idx ON continuum_inbox (run_id, id);

CREATE TABLE continuum_deliveries (
    run_id       uuid NOT NULL REFERENCES continuum_runs (id) ON DELETE CASCADE,
    name         text NOT NULL,
    delivery_id  text NOT NULL,
    PRIMARY KEY (run_id, name, delivery_id)
);

CREATE TABLE continuum_tasks (
    run_id        uuid        NOT NULL REFERENCES continuum_leases (run_id) ON DELETE CASCADE,
    incarnation   integer     NOT NULL,
    command       integer     NOT NULL,
    queue         text        NOT NULL,
    priority      integer     NOT NULL DEFAULT 0,
    attempt       integer     NOT NULL DEFAULT 1,
    activity      text        NOT NULL,
    payload       bytea       NOT NULL,
    lease_owner   uuid,
    lease_token   bigint,
    heartbeat_at  timestamptz,
    available_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, incarnation, command)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX continuum_tasks_queue_idx
    ON continuum_tasks (queue, priority DESC, available_at) WHERE lease_owner IS NULL;
CREATE INDEX continuum_tasks_owner_idx ON continuum_tasks (lease_owner)
    WHERE lease_owner IS NOT NULL;

CREATE TABLE continuum_nodes (
    id            uuid PRIMARY KEY,
    host          text        NOT NULL,
    pid           integer     NOT NULL,
    version       text        NOT NULL,
    build         text        NOT NULL,
    lock_key      bigint,  -- null: the session locks do not work there, only the TTL judges
    queues        text[]      NOT NULL DEFAULT '{}',
    capacity      integer     NOT NULL,
    draining      boolean     NOT NULL DEFAULT false,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL,
    dead_at       timestamptz
);

CREATE TABLE continuum_workflow_versions (
    version_id     bigint PRIMARY KEY,
    workflow       text        NOT NULL,
    version        integer     NOT NULL,
    version_hash   text        NOT NULL,
    runtime        text        NOT NULL,
    source         text,
    first_seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (workflow, version_hash, runtime)
);

CREATE TABLE continuum_node_versions (
    node_id     uuid   NOT NULL REFERENCES continuum_nodes (id) ON DELETE CASCADE,
    version_id  bigint NOT NULL,
    PRIMARY KEY (node_id, version_id)
);
CREATE INDEX continuum_node_versions_version_idx ON continuum_node_versions (version_id);
