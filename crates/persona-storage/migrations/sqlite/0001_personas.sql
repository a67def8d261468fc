-- Version 1: personas, their history, the feed, and repeated requests.
-- Times are microseconds since the epoch, UTC. Identities are the 16 bytes of a UUID.

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

CREATE UNIQUE INDEX personas_by_id ON personas (id);
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX personas_by_name ON personas (name, id);
CREATE INDEX personas_by_created_at ON personas (created_at, id);
CREATE INDEX personas_by_updated_at ON personas (updated_at, id);
-- Few rows; lets the living be counted without looking at each of them.
CREATE INDEX personas_deleted ON personas (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE persona_tags (
    tag TEXT NOT NULL,
    persona INTEGER NOT NULL REFERENCES personas (row_id) ON DELETE CASCADE,
    CONSTRAINT persona_tags_key PRIMARY KEY (tag, persona)
) STRICT, WITHOUT ROWID;

CREATE INDEX persona_tags_by_persona ON persona_tags (persona);

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

-- One global sequence in commit order. AUTOINCREMENT, so that a number is never used again.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT changes_kind CHECK (kind IN ('created', 'updated', 'deleted', 'restored'))
) STRICT;

CREATE TABLE idempotency (
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    outcome TEXT NOT NULL,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (key)
) STRICT;

CREATE INDEX idempotency_by_at ON idempotency (at);
