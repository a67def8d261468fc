-- Makes a file of version 15, without a label, look as version 8 left it. Foreign keys are to be off while it runs.

DROP TABLE purged;
DROP TABLE former_handles;
DROP INDEX personas_by_handle_of_any_owner;
DROP TABLE labels;
DROP TABLE label_moves;
ALTER TABLE idempotency DROP COLUMN moves;
DROP TABLE tokens;
PRAGMA legacy_alter_table = ON;
ALTER TABLE changes RENAME TO newer_changes;

-- One global sequence in commit order. AUTOINCREMENT, so that a number is never used again.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT changes_kind CHECK (kind IN ('created', 'updated', 'deleted', 'restored'))
) STRICT;

INSERT INTO changes (sequence, persona, revision, kind, at)
SELECT sequence, persona, revision, kind, at
FROM newer_changes;

DROP TABLE newer_changes;
ALTER TABLE revisions RENAME TO newer_revisions;
ALTER TABLE personas RENAME TO newer_personas;
DROP INDEX personas_by_id;
DROP INDEX personas_by_handle;
DROP INDEX personas_by_name;
DROP INDEX personas_by_created_at;
DROP INDEX personas_by_updated_at;
DROP INDEX personas_deleted;

CREATE TABLE personas (
    row_id INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    handle TEXT,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    created_by TEXT,
    updated_by TEXT,
    content_hash BLOB NOT NULL,
    -- The two halves of the answer, ready to be joined and sent.
    head TEXT NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT personas_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT personas_revision_from_1 CHECK (revision >= 1),
    CONSTRAINT personas_hash_is_sha256 CHECK (length(content_hash) = 32),
    CONSTRAINT personas_flag CHECK (is_active IN (0, 1))
) STRICT;

ALTER TABLE personas ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

INSERT INTO personas (row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                      created_by, updated_by, content_hash, head, document, checksum)
SELECT row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
       created_by, updated_by, content_hash, head, document, checksum
FROM newer_personas;

CREATE UNIQUE INDEX personas_by_id ON personas (id);
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX personas_by_name ON personas (name, id);
CREATE INDEX personas_by_created_at ON personas (created_at, id);
CREATE INDEX personas_by_updated_at ON personas (updated_at, id);
-- Few rows; lets the living be counted without looking at each of them.
CREATE INDEX personas_deleted ON personas (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE revisions (
    persona INTEGER NOT NULL REFERENCES personas (row_id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    -- The revision before; null for the first.
    parent INTEGER,
    -- The revision that the writer started from, where it named one.
    base INTEGER,
    at INTEGER NOT NULL,
    author TEXT,
    note TEXT,
    -- The names of the fields that changed, as a JSON array.
    changed TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    head TEXT NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT revisions_key UNIQUE (persona, revision),
    CONSTRAINT revisions_flag CHECK (deleted IN (0, 1))
) STRICT;

ALTER TABLE revisions ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

INSERT INTO revisions (persona, revision, parent, base, at, author, note, changed, deleted, head, document, checksum)
SELECT p.row_id, r.revision, r.parent, r.base, r.at, r.author, r.note, r.changed, r.deleted, r.head, r.document, r.checksum
FROM changes AS c
JOIN personas AS p ON p.id = c.persona
JOIN newer_revisions AS r ON r.sequence = c.sequence
ORDER BY c.sequence;

DROP TABLE newer_revisions;
DROP TABLE newer_personas;
PRAGMA user_version = 8;
