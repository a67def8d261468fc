-- Version 14: what is left of personas that were purged. The feed is made anew, because SQLite cannot change a constraint.

CREATE TABLE changes_14 (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- Null where the persona itself was changed.
    label TEXT,
    CONSTRAINT changes_kind CHECK (
        kind IN ('created', 'updated', 'deleted', 'restored', 'label', 'label_removed', 'purged')
    ),
    CONSTRAINT changes_label CHECK ((label IS NOT NULL) = (kind IN ('label', 'label_removed')))
) STRICT;

INSERT INTO changes_14 (sequence, persona, revision, kind, at, label)
SELECT sequence, persona, revision, kind, at, label
FROM changes
ORDER BY sequence;

-- No number is ever used again, also where the last lines are not there any more.
DELETE FROM sqlite_sequence WHERE name = 'changes_14';
INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_14', seq FROM sqlite_sequence WHERE name = 'changes';

DROP TABLE changes;
ALTER TABLE changes_14 RENAME TO changes;

CREATE TABLE purged (
    -- That of the line in `changes`.
    sequence INTEGER PRIMARY KEY,
    persona BLOB NOT NULL,
    -- The last one that it had.
    revision INTEGER NOT NULL,
    -- Empty where it had none.
    owner TEXT NOT NULL,
    at INTEGER NOT NULL,
    author TEXT,
    -- Revisions that are still to be removed, from 1 up to this one, and the rows of some of them: where the others are.
    revisions_left INTEGER NOT NULL,
    history BLOB NOT NULL,
    CONSTRAINT purged_persona_is_a_uuid CHECK (length(persona) = 16),
    CONSTRAINT purged_revision_from_1 CHECK (revision >= 1),
    CONSTRAINT purged_left CHECK (revisions_left BETWEEN 0 AND revision)
) STRICT;

CREATE UNIQUE INDEX purged_by_persona ON purged (persona);
CREATE INDEX purged_by_at ON purged (at);
CREATE INDEX purged_with_revisions ON purged (sequence) WHERE revisions_left > 0;
