-- Failures of one cause are one family: ids, numbers, addresses and quoted values do not tell them
-- apart. Nothing is stored: the two indexes hold failed runs only, so no other run pays for them,
-- and runs that failed before have a family, too.

-- The same as `family_of` of journal/families.py; a test compares them.
CREATE FUNCTION continuum_error_family(state text, error_type text, error_message text)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    said text := left(coalesce(error_message, ''), 400) COLLATE "C";
BEGIN
    IF state IS DISTINCT FROM 'failed' THEN
        RETURN NULL;
    END IF;
    said := regexp_replace(said, '(^|[^A-Za-z0-9_])("[^"]*"|''[^'']*''|`[^`]*`)', '\1<text>', 'g');
    said := regexp_replace(said, '[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*', '#', 'g');
    said := regexp_replace(said, '#([,.:/+-]+#)+', '#', 'g');
    said := btrim(regexp_replace(said, '[ \t\n\r\f\v]+', ' ', 'g'), ' ');
    said := coalesce(error_type, '') || ': ' || left(said, 200);
    RETURN left(encode(sha256(convert_to(said, 'UTF8')), 'hex'), 12);
END $$;

CREATE INDEX continuum_runs_error_family_idx ON continuum_runs
    (continuum_error_family(state, error_type, error_message), completed_at DESC)
    WHERE state = 'failed';
CREATE INDEX continuum_runs_failed_idx ON continuum_runs (completed_at DESC) WHERE state = 'failed';
