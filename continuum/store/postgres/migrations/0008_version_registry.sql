-- What the code of a version was known to be when a worker with it last joined.

ALTER TABLE continuum_workflow_versions
    ADD COLUMN taken jsonb NOT NULL DEFAULT '[]',  -- names of the patches that its runs have taken
    ADD COLUMN patch_sites jsonb NOT NULL DEFAULT '[]',  -- {name, file, line} of each mention
    ADD COLUMN opaque jsonb NOT NULL DEFAULT '[]';  -- {name, file, line} of what no hash can see
