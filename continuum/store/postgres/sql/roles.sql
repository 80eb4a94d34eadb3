-- name: create
-- Two roles that may log in, once somebody has given them a way to. Safe to run again, also after a
-- migration, and by two at once.
DO $$
DECLARE
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(1129270868, 2);
    FOREACH name IN ARRAY ARRAY['continuum_reader', 'continuum_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
END $$;

-- name: reader
-- Everything that can be read. Sessions of this role are read-only besides. Partitions made later
-- get what their table has.
DO $$
DECLARE
    name text;
BEGIN
    EXECUTE format('ALTER ROLE continuum_reader IN DATABASE %I SET default_transaction_read_only = on',
                   current_database());
    GRANT USAGE ON SCHEMA public TO continuum_reader, continuum_operator;
    FOR name IN SELECT relname FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                  AND relname LIKE 'continuum\_%'
                  AND relowner = (SELECT relowner FROM pg_class
                                  WHERE oid = 'public.continuum_runs'::regclass) LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM continuum_reader, continuum_operator', name);
        EXECUTE format('GRANT SELECT ON public.%I TO continuum_reader, continuum_operator', name);
    END LOOP;
END $$;

-- name: operator
-- What the acts of an operator write, and nothing else: no lease can be taken, no event, inbox row or
-- entry of the operator journal changed or removed.
GRANT INSERT (id, run_id, kind, name, payload) ON public.continuum_inbox TO continuum_operator;
GRANT INSERT ON public.continuum_deliveries TO continuum_operator;
GRANT USAGE ON SEQUENCE public.continuum_inbox_id_seq, public.continuum_lease_token_seq
    TO continuum_operator;
GRANT INSERT (run_id, version_id, lease_token, next_seq, ready, wake_at, starts_at, waiting_on,
              deadline, timeout, grace),
      UPDATE (ready, cancel_requested_at, takeovers, lease_token, version_id, next_seq,
              blocked_build, parked, waiting_on, paused_at),
      DELETE
    ON public.continuum_leases TO continuum_operator;
GRANT INSERT ON public.continuum_events TO continuum_operator;
GRANT INSERT ON public.continuum_published, public.continuum_origins TO continuum_operator;
GRANT INSERT, DELETE ON public.continuum_questions TO continuum_operator;
GRANT INSERT (id, namespace, workflow, version, version_hash, runtime, input, attributes, incarnation,
              idempotency_key, key, parent_id, state, started_at),
      UPDATE (state, attributes, version, version_hash, runtime, result, error_type, error_message,
              error_details, updated_at, completed_at)
    ON public.continuum_runs TO continuum_operator;
GRANT INSERT ON public.continuum_count_deltas TO continuum_operator;
GRANT INSERT, UPDATE, DELETE ON public.continuum_schedules TO continuum_operator;
GRANT INSERT, DELETE ON public.continuum_schedule_firings TO continuum_operator;
GRANT INSERT, UPDATE, DELETE ON public.continuum_workflow_versions TO continuum_operator;
GRANT INSERT, UPDATE ON public.continuum_patch_names TO continuum_operator;
GRANT INSERT (namespace, workflow, queue, operator, reason), UPDATE (lifted_at), DELETE
    ON public.continuum_pauses TO continuum_operator;
GRANT INSERT ON public.continuum_operator_journal TO continuum_operator;
GRANT INSERT, UPDATE (applied_at) ON public.continuum_plans TO continuum_operator;
GRANT INSERT, UPDATE (outcome, detail, at) ON public.continuum_plan_runs TO continuum_operator;
