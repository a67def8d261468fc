-- Version 11: whose each persona is. Handles are unique among the personas of an owner, and lists of one owner read an index
-- of their own order. The table is made anew, because SQLite reads through a long text to get to a column behind it.

CREATE TABLE personas_owned (
    row_id INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    handle TEXT,
    -- Empty where it has no owner, so that handles are unique there too: null is equal to nothing.
    owner TEXT NOT NULL DEFAULT '',
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    created_by TEXT,
    updated_by TEXT,
    content_hash BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    -- The rows of some of its revisions: where the others are.
    history BLOB NOT NULL,
    -- The two halves of the answer, ready to be joined and sent.
    head TEXT NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT personas_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT personas_revision_from_1 CHECK (revision >= 1),
    CONSTRAINT personas_hash_is_sha256 CHECK (length(content_hash) = 32),
    CONSTRAINT personas_flag CHECK (is_active IN (0, 1))
) STRICT;

INSERT INTO personas_owned (row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
                            created_by, updated_by, content_hash, checksum, history, head, document)
SELECT row_id, id, revision, name, kind, handle, is_active, created_at, updated_at, deleted_at,
       created_by, updated_by, content_hash, checksum, history, head, document
FROM personas
ORDER BY row_id;

DROP TABLE personas;
ALTER TABLE personas_owned RENAME TO personas;

CREATE UNIQUE INDEX personas_by_id ON personas (id);
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON personas (owner, handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX personas_by_name ON personas (name, id);
CREATE INDEX personas_by_created_at ON personas (created_at, id);
CREATE INDEX personas_by_updated_at ON personas (updated_at, id);
-- Few rows; lets the living be counted without looking at each of them.
CREATE INDEX personas_deleted ON personas (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX personas_by_owner_and_created_at ON personas (owner, created_at, id);
-- A change of a persona without an owner costs no more than before.
CREATE INDEX personas_by_owner_and_name ON personas (owner, name, id) WHERE owner <> '';
CREATE INDEX personas_by_owner_and_updated_at ON personas (owner, updated_at, id) WHERE owner <> '';
