-- What the version hash does not see, and names of patches that are spent.
--
-- `codecs` maps each boundary of a version to the type by which its values are restored, such as
-- "activity shop:charge result" to "int", and "type shop.Order" to the fields of a class. They are
-- those of the code that registered the version last. `codec_fingerprint` is equal when values are
-- restored in the same way; null: not known.
--
-- `codec_changes` has one entry, oldest first, for each time that code with the same hash came with
-- another fingerprint: {"at": when, "source": "file.py:12" of the new code, "was": {boundary: type
-- before, or null}, "now": {boundary: type since, or null}}. The last 20 are kept. Runs of the
-- version that had begun before may hold values that no longer fit.
--
-- `decided` has the names of all patches that runs of the version may have taken in any code that
-- their journal was written by; `taken` only those of code that still mentions them.

ALTER TABLE continuum_workflow_versions
    ADD COLUMN decided jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN codecs jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN codec_fingerprint text,
    ADD COLUMN codec_changes jsonb NOT NULL DEFAULT '[]';

UPDATE continuum_workflow_versions SET decided = taken;

-- Every patch that code of a workflow ever mentioned. `form` is a digest of what it decides, so that
-- a name that comes back can be told from another patch with this name. `removed_at` is when code
-- without the patch took over runs that had taken it: since then no other form of it is registered.

CREATE TABLE continuum_patch_names (
    workflow       text        NOT NULL,
    name           text        NOT NULL,
    form           text        NOT NULL,
    file           text        NOT NULL,
    line           integer     NOT NULL,
    first_seen_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed_at     timestamptz,
    removed_by     text,  -- "file.py:12" of the workflow without it
    PRIMARY KEY (workflow, name, form)
);
