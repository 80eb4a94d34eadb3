-- name: lock_registry
-- What one registration concludes from the registry holds until it has written.
SELECT pg_advisory_xact_lock(1129270868, 1);

-- name: decided
SELECT version_id, decided FROM continuum_workflow_versions
WHERE version_id = ANY ($1::bigint[]) AND decided <> '[]';

-- name: patch_forms
SELECT workflow, name, form, file, line, last_seen_at, removed_at, removed_by
FROM continuum_patch_names
WHERE workflow = ANY ($1::text[]);

-- name: register_versions
-- One version may be that of several codes: with a patch, and before or after it. All patches that
-- any of them has taken are kept; what else is known is known of the code that came last.
INSERT INTO continuum_workflow_versions AS known
    (version_id, workflow, version, version_hash, runtime, source, taken, decided, patch_sites,
     opaque, codecs, codec_fingerprint)
SELECT v.version_id, v.workflow, v.version, v.version_hash, v.runtime, v.source, v.taken,
       v.decided, v.patch_sites, v.opaque, v.codecs, v.codec_fingerprint
FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
            $8::jsonb[], $9::jsonb[], $10::jsonb[], $11::jsonb[], $12::text[])
  AS v (version_id, workflow, version, version_hash, runtime, source, taken, decided, patch_sites,
        opaque, codecs, codec_fingerprint)
ORDER BY v.version_id
ON CONFLICT (version_id) DO UPDATE
SET last_seen_at = clock_timestamp(),
    source = coalesce(excluded.source, known.source),
    taken = known.taken || coalesce(
        (SELECT jsonb_agg(t.name) FROM jsonb_array_elements(excluded.taken) AS t (name)
         WHERE NOT known.taken @> jsonb_build_array(t.name)), '[]'),
    decided = excluded.decided,
    patch_sites = excluded.patch_sites,
    opaque = excluded.opaque,
    codecs = excluded.codecs,
    codec_fingerprint = excluded.codec_fingerprint,
    codec_changes = CASE WHEN known.codec_fingerprint <> excluded.codec_fingerprint THEN
        CASE WHEN jsonb_array_length(known.codec_changes) < 20 THEN known.codec_changes
             ELSE known.codec_changes - 0 END
        || jsonb_build_array(jsonb_build_object(
            'at', clock_timestamp(), 'source', excluded.source,
            'was', (SELECT jsonb_object_agg(k.key, known.codecs -> k.key)
                    FROM jsonb_object_keys(known.codecs || excluded.codecs) AS k (key)
                    WHERE known.codecs -> k.key IS DISTINCT FROM excluded.codecs -> k.key),
            'now', (SELECT jsonb_object_agg(k.key, excluded.codecs -> k.key)
                    FROM jsonb_object_keys(known.codecs || excluded.codecs) AS k (key)
                    WHERE known.codecs -> k.key IS DISTINCT FROM excluded.codecs -> k.key)))
        ELSE known.codec_changes END;

-- name: register_patches
INSERT INTO continuum_patch_names (workflow, name, form, file, line)
SELECT p.workflow, p.name, p.form, p.file, p.line
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
  AS p (workflow, name, form, file, line)
ORDER BY p.workflow, p.name, p.form
ON CONFLICT (workflow, name, form) DO UPDATE
SET last_seen_at = clock_timestamp(), file = excluded.file, line = excluded.line;

-- name: remove_patches
UPDATE continuum_patch_names n
SET removed_at = clock_timestamp(), removed_by = r.removed_by
FROM unnest($1::text[], $2::text[], $3::text[]) AS r (workflow, name, removed_by)
WHERE n.workflow = r.workflow AND n.name = r.name AND n.removed_at IS NULL;

-- name: taken_patches
-- What one code has taken, and all that runs of the version have decided in any code: a workflow
-- may mention patches that the code which registered the version no longer does.
SELECT workflow, taken FROM continuum_workflow_versions
WHERE workflow = ANY ($1::text[]) AND taken <> '[]'
UNION
SELECT workflow, decided FROM continuum_workflow_versions
WHERE workflow = ANY ($1::text[]) AND decided <> '[]';

-- name: register_node_versions
INSERT INTO continuum_node_versions (node_id, version_id)
SELECT $1::uuid, v.version_id FROM unnest($2::bigint[]) AS v (version_id)
ON CONFLICT DO NOTHING;

