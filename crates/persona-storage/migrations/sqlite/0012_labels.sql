-- Version 12: labels, which point to revisions, and each of their moves. A move has the number of its line in the feed,
-- which says which label it is about. The feed is made anew, because SQLite cannot change a constraint.

CREATE TABLE changes_12 (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Null where the persona itself was changed.
    label TEXT,
    CONSTRAINT changes_kind CHECK (kind IN ('created', 'updated', 'deleted', 'restored', 'label', 'label_removed')),
    CONSTRAINT changes_label CHECK ((label IS NOT NULL) = (kind IN ('label', 'label_removed')))
) STRICT;

INSERT INTO changes_12 (sequence, persona, revision, kind, at)
SELECT sequence, persona, revision, kind, at
FROM changes
ORDER BY sequence;

-- No number is ever used again, also where the last lines are not there any more.
DELETE FROM sqlite_sequence WHERE name = 'changes_12';
INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_12', seq FROM sqlite_sequence WHERE name = 'changes';

DROP TABLE changes;
ALTER TABLE changes_12 RENAME TO changes;

CREATE TABLE label_moves (
    -- That of the line in `changes`.
    sequence INTEGER PRIMARY KEY,
    persona BLOB NOT NULL,
    label TEXT NOT NULL,
    -- From 1, one more with each move of the label; it goes on where the label was removed and is set again.
    version INTEGER NOT NULL,
    -- Null where the label was removed.
    revision INTEGER,
    at INTEGER NOT NULL,
    author TEXT,
    -- The CRC-32 of the columns above but the first.
    checksum INTEGER NOT NULL,
    CONSTRAINT label_moves_persona_is_a_uuid CHECK (length(persona) = 16),
    CONSTRAINT label_moves_version_from_1 CHECK (version >= 1),
    CONSTRAINT label_moves_revision_from_1 CHECK (revision >= 1)
) STRICT;

CREATE UNIQUE INDEX label_moves_by_version ON label_moves (persona, label, version);
CREATE INDEX label_moves_by_at ON label_moves (at);

-- The answer to moves of labels, where the key is that of such a request: its record names the persona of the first move.
ALTER TABLE idempotency ADD COLUMN moves TEXT;

-- The labels that are set, each with the version of the move that set it.
CREATE TABLE labels (
    persona BLOB NOT NULL,
    label TEXT NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT labels_key PRIMARY KEY (persona, label)
) STRICT, WITHOUT ROWID;
