-- Version 9: what is left of personas that were purged. What is in the feed meets the new constraint, so it is not read
-- through.

ALTER TABLE persona_store.changes DROP CONSTRAINT changes_kind;
ALTER TABLE persona_store.changes ADD CONSTRAINT changes_kind
    CHECK (kind IN ('created', 'updated', 'deleted', 'restored', 'label', 'label_removed', 'purged')) NOT VALID;

-- The first revision of a purged persona stays in `revisions`, without its content: its key keeps the identity from being
-- used again, whatever writes at the same time.
CREATE TABLE persona_store.purged (
    persona UUID NOT NULL,
    -- That of the line in changes.
    sequence BIGINT NOT NULL,
    -- The last one that it had.
    revision BIGINT NOT NULL,
    -- Empty where it had none.
    owner TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    author TEXT COLLATE "C",
    -- Which request purged it: a writer whose connection broke looks here whether its own was kept.
    operation UUID NOT NULL,
    CONSTRAINT purged_key PRIMARY KEY (persona),
    CONSTRAINT purged_revision_from_1 CHECK (revision >= 1)
);

CREATE INDEX purged_by_sequence ON persona_store.purged (sequence);
