-- name: lock_lease
SELECT l.lease_owner IS NOT NULL, l.takeovers
FROM continuum_leases l WHERE l.run_id = $1::uuid FOR UPDATE;

-- name: read_run
SELECT r.namespace, r.state FROM continuum_runs r WHERE r.id = $1::uuid;

-- name: release_quarantined
UPDATE continuum_leases
SET takeovers = 0, ready = true, lease_token = nextval('continuum_lease_token_seq')
WHERE run_id = $1::uuid;
