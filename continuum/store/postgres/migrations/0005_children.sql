-- Child runs: how deep they nest, and what becomes of them when their parent ends.

ALTER TABLE continuum_runs ADD COLUMN depth integer NOT NULL DEFAULT 0;
ALTER TABLE continuum_runs ADD COLUMN parent_close text
    CHECK (parent_close IN ('cancel', 'abandon'));
