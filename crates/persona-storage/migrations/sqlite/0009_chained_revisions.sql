-- Version 9: the table of revisions has no index. A revision is the row with the number of its line in the feed, so it is
-- always added at the end of the table, and it is found from its persona (sqlite/tables/history.rs, ADR 0053). Long texts
-- come last in both tables, because SQLite reads through a long text to get to what stands behind it.
-- The program fills both tables, with their indexes, and gives them their names (sqlite/start/chain_revisions.rs).

CREATE TABLE revisions_9 (
    -- That of the line in `changes`.
    sequence INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    -- The rows of some revisions before: where the others are.
    earlier BLOB NOT NULL,
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
    checksum INTEGER NOT NULL,
    head TEXT NOT NULL,
    document TEXT NOT NULL,
    CONSTRAINT revisions_flag CHECK (deleted IN (0, 1))
) STRICT;

CREATE TABLE personas_9 (
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
