-- Version 7: labels, which point to revisions, and each of their moves. A move has the number of its line in the feed,
-- which says which label it is about. What is in the feed meets the new constraints, so it is not read through.

ALTER TABLE persona_store.changes ADD COLUMN label TEXT COLLATE "C";
ALTER TABLE persona_store.changes DROP CONSTRAINT changes_kind;
ALTER TABLE persona_store.changes ADD CONSTRAINT changes_kind
    CHECK (kind IN ('created', 'updated', 'deleted', 'restored', 'label', 'label_removed')) NOT VALID;
ALTER TABLE persona_store.changes ADD CONSTRAINT changes_label
    CHECK ((label IS NOT NULL) = (kind IN ('label', 'label_removed'))) NOT VALID;

CREATE TABLE persona_store.label_moves (
    -- That of the line in changes.
    sequence BIGINT NOT NULL,
    persona UUID NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    -- From 1, one more with each move of the label; it goes on where the label was removed and is set again.
    version BIGINT NOT NULL,
    -- Null where the label was removed.
    revision BIGINT,
    at BIGINT NOT NULL,
    author TEXT COLLATE "C",
    -- Which request made it: a writer whose connection broke looks here whether its own was kept.
    operation UUID NOT NULL,
    CONSTRAINT label_moves_key PRIMARY KEY (persona, label, version),
    CONSTRAINT label_moves_version_from_1 CHECK (version >= 1),
    CONSTRAINT label_moves_revision_from_1 CHECK (revision >= 1)
);

CREATE INDEX label_moves_by_sequence ON persona_store.label_moves (sequence);

-- The answer to moves of labels, where the key is that of such a request: its record names the persona of the first move.
ALTER TABLE persona_store.idempotency ADD COLUMN moves TEXT COLLATE "C";

-- The labels that are set, each with the version of the move that set it.
CREATE TABLE persona_store.labels (
    persona UUID NOT NULL,
    label TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT labels_key PRIMARY KEY (persona, label)
);
