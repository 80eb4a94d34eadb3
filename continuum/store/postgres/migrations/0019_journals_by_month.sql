-- Journals in partitions by month, so that a month that is over and pruned gives its disk back.

-- Ids of version 7 begin with the milliseconds of their start. What was there becomes the default
-- partition as it is, without a scan: it takes every id that no month is for.
ALTER TABLE continuum_events RENAME TO continuum_events_default;
ALTER INDEX continuum_events_pkey RENAME TO continuum_events_default_pkey;
CREATE TABLE continuum_events (LIKE continuum_events_default INCLUDING ALL)
    PARTITION BY RANGE (run_id);
ALTER TABLE continuum_events ATTACH PARTITION continuum_events_default DEFAULT;

-- The first id of version 7 that a run of this month can have. Months are those of UTC.
CREATE FUNCTION continuum_first_id(month timestamp) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Whoever may delete journals may have months made and dropped, which takes an owner: both
-- functions run as one, and look at who has logged in.
CREATE FUNCTION continuum_may_keep_months() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_table_privilege(session_user, 'public.continuum_events', 'DELETE') THEN
        RAISE insufficient_privilege
            USING MESSAGE = format('role %s may not delete journals', session_user);
    END IF;
END $$;

-- Takes the next step towards partitions for the month of a moment and the two after it, and says
-- which; 'busy' when somebody else is at it; null when there is nothing to do. One step is one
-- transaction, so that no lock that others wait for is held while a table is read. Nothing waits
-- for a lock for more than 50 ms: lock_not_available, to be tried again.
CREATE FUNCTION continuum_make_months(moment timestamptz DEFAULT clock_timestamp()) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    journals CONSTANT regclass := 'public.continuum_events';
    rest CONSTANT regclass := 'public.continuum_events_default';
    current_month CONSTANT timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    -- What begins by then is in use, or soon will be: no id of it may be refused any more.
    soon CONSTANT text := to_char((moment AT TIME ZONE 'UTC') + interval '1 day', 'YYYY_MM');
    small CONSTANT boolean := pg_relation_size(rest) <= 8 * 1024 * 1024;
    month timestamp;
    label text;
    part text;
    since uuid;
    until uuid;
    guard text;
    guarded boolean;
    strays bigint;
    options text;
BEGIN
    PERFORM public.continuum_may_keep_months();
    IF NOT pg_try_advisory_xact_lock(1129270868, 3) THEN
        RETURN 'busy';
    END IF;

    -- A guard keeps ids of a coming month out of the rest while that is read. What is left of a
    -- process that died must not do so when the month begins.
    SELECT c.conname INTO guard FROM pg_constraint c
    WHERE c.conrelid = rest AND c.conname ~ '^continuum_events_not_\d{4}_\d{2}$'
      AND (right(c.conname, 7) < to_char(current_month, 'YYYY_MM')
           OR NOT c.convalidated AND right(c.conname, 7) <= soon)
    LIMIT 1;
    IF FOUND THEN
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', rest, guard);
        RETURN 'freed ' || right(guard, 7);
    END IF;

    FOR n IN 0 .. 2 LOOP
        month := current_month + n * interval '1 month';
        label := to_char(month, 'YYYY_MM');
        part := format('public.continuum_events_%s', label);
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        since := public.continuum_first_id(month);
        until := public.continuum_first_id(month + interval '1 month');
        guard := 'continuum_events_not_' || label;
        SELECT c.convalidated INTO guarded FROM pg_constraint c
        WHERE c.conrelid = rest AND c.conname = guard;

        IF small OR guarded THEN
            -- Nobody is in the middle of writing to the rest what now belongs into the month.
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', journals);
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', rest);
        END IF;
        EXECUTE format(
            'SELECT count(*) FROM (SELECT FROM %s WHERE run_id >= $1 AND run_id < $2 LIMIT 5001) f',
            rest) INTO strays USING since, until;
        -- Few rows of the month move into it. Else, or when moving would mean to read a large
        -- table under a lock, the rest keeps this month.
        CONTINUE WHEN strays > CASE WHEN small THEN 5000 ELSE 0 END;
        IF small OR guarded THEN
            SELECT 'WITH (' || array_to_string(c.reloptions, ', ') || ')' INTO options
            FROM pg_class c WHERE c.oid = rest;
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING CONSTRAINTS) %s',
                           part, rest, options);
            PERFORM public.continuum_grant_alike(journals, part::regclass);
            IF strays > 0 THEN
                EXECUTE format(
                    'WITH moved AS (DELETE FROM %s WHERE run_id >= $1 AND run_id < $2 RETURNING *)
                     INSERT INTO %s SELECT * FROM moved', rest, part) USING since, until;
            END IF;
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                           journals, part, since, until);
            -- Not before: it tells the attachment that the rest need not be read.
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', rest, guard);
            RETURN 'made ' || label;
        ELSIF label > soon THEN
            IF guarded IS NULL THEN
                EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I
                                CHECK (run_id < %L OR run_id >= %L) NOT VALID',
                               rest, guard, since, until);
                RETURN 'guarded ' || label;
            END IF;
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', rest, guard);
            RETURN 'validated ' || label;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Drops the partition of a month that is over and has no rows left, or empties the files of the
-- default partition when that has none; answers the bytes given back, null when it may not go.
-- While it looks, nobody writes to the partition; readers and all other months go on. For the drop
-- itself it waits 50 ms at most: lock_not_available, to be tried again.
CREATE FUNCTION continuum_drop_month(part text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms'
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    is_rest CONSTANT boolean := part = 'continuum_events_default';
    found regclass;
    used_by uuid;
    size bigint;
BEGIN
    PERFORM public.continuum_may_keep_months();
    IF NOT pg_try_advisory_xact_lock(1129270868, 3) THEN
        RETURN NULL;
    END IF;
    SELECT c.oid INTO found FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.continuum_events'::regclass AND c.relname = part
      AND CASE WHEN is_rest THEN pg_relation_size(c.oid) > 8 * 1024 * 1024
               ELSE part ~ '^continuum_events_\d{4}_\d{2}$'
                    AND right(part, 7) < to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY_MM')
          END;
    IF found IS NULL THEN
        RETURN NULL;
    END IF;
    -- Without a lock, first: it finds rows, or marks the index entries of deleted ones, so that
    -- the second look is short.
    EXECUTE format('SELECT run_id FROM %s ORDER BY run_id LIMIT 1', found) INTO used_by;
    IF used_by IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- A vacuum of so many deleted rows may well be under way; it gives way to those who wait for a
    -- second. Nobody else wants this month, unless it is the default.
    PERFORM set_config('lock_timeout', CASE WHEN is_rest THEN '50ms' ELSE '1500ms' END, true);
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', found);
    PERFORM set_config('lock_timeout', '50ms', true);
    EXECUTE format('SELECT run_id FROM %s ORDER BY run_id LIMIT 1', found) INTO used_by;
    IF used_by IS NOT NULL THEN
        RETURN NULL;
    END IF;
    size := pg_total_relation_size(found);
    EXECUTE format(CASE WHEN is_rest THEN 'TRUNCATE %s' ELSE 'DROP TABLE %s' END, found);
    RETURN size;
END $$;

-- Gives one table the privileges that were granted on another one with the same columns.
CREATE FUNCTION continuum_grant_alike(given regclass, taker regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    privilege text;
BEGIN
    FOR privilege IN
        SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type || a.columns, taker,
                      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
                      CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
        FROM (SELECT x.*, '' AS columns, c.relowner
              FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS x WHERE c.oid = given
              UNION ALL
              SELECT x.*, format(' (%I)', t.attname), c.relowner
              FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped
              CROSS JOIN LATERAL aclexplode(t.attacl) AS x WHERE c.oid = given) AS a
        WHERE a.grantee <> a.relowner LOOP
        EXECUTE privilege;
    END LOOP;
END $$;

-- The table that has the name now is whose the old one was, and open to the same roles.
DO $$
DECLARE
    owner CONSTANT name := (SELECT pg_get_userbyid(relowner) FROM pg_class
                            WHERE oid = 'continuum_events_default'::regclass);
BEGIN
    IF owner <> current_user THEN
        EXECUTE format('ALTER TABLE continuum_events OWNER TO %I', owner);
        EXECUTE format('ALTER FUNCTION continuum_make_months(timestamptz) OWNER TO %I', owner);
        EXECUTE format('ALTER FUNCTION continuum_drop_month(text) OWNER TO %I', owner);
    END IF;
    PERFORM continuum_grant_alike('continuum_events_default', 'continuum_events');
END $$;

-- Of a new database, or one with few journals, the months are there at once; else workers and
-- `continuum migrate` make them.
DO $$
BEGIN
    WHILE continuum_make_months() LIKE 'made %' LOOP END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no months yet: %', SQLERRM;
END $$;
