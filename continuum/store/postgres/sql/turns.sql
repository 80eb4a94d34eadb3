-- name: look_again
-- What became of turns that the statement above did not write. Runs after it, so it has waited for
-- whoever held the rows.
SELECT i.run_id,
       l.lease_owner IS NOT DISTINCT FROM $1::uuid AND l.lease_token = i.token AS owned,
       l.next_seq,
       r.state,
       last.type,
       last.at,
       first.at
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS i (run_id, token, last_seq)
LEFT JOIN continuum_leases l ON l.run_id = i.run_id
LEFT JOIN continuum_runs r ON r.id = i.run_id
LEFT JOIN continuum_events last ON last.run_id = i.run_id AND last.seq = i.last_seq
LEFT JOIN continuum_events first ON first.run_id = i.run_id AND first.seq = 1;

-- name: allocate_tokens
SELECT nextval('continuum_lease_token_seq') FROM generate_series(1, $1::int);

-- name: clock
SELECT clock_timestamp();
