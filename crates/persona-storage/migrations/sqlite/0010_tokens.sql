-- Version 10: access tokens. Of a secret only the SHA-256 is kept. Times are microseconds since the epoch.

CREATE TABLE tokens (
    row_id INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    -- The author of what is changed with it.
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    -- The secret before the last rotation, and until when it counts.
    previous_hash BLOB,
    previous_until INTEGER,
    scope TEXT NOT NULL,
    -- Whether a request with it may name another author.
    act_as INTEGER NOT NULL,
    -- The owner that it is bound to, and whether it reads personas without an owner too.
    owner TEXT,
    shared INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    -- About when it was used last: written once an hour at most.
    used_at INTEGER,
    -- The CRC-32 of all columns above: a damaged row must not let a request in.
    checksum INTEGER NOT NULL,
    CONSTRAINT tokens_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT tokens_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT tokens_previous_hash_is_sha256 CHECK (length(previous_hash) = 32),
    CONSTRAINT tokens_previous_has_an_end CHECK ((previous_hash IS NULL) = (previous_until IS NULL)),
    CONSTRAINT tokens_scope CHECK (scope IN ('read', 'write', 'admin')),
    CONSTRAINT tokens_flags CHECK (act_as IN (0, 1) AND shared IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX tokens_by_id ON tokens (id);
CREATE UNIQUE INDEX tokens_by_name ON tokens (name);
CREATE UNIQUE INDEX tokens_by_hash ON tokens (hash);
CREATE UNIQUE INDEX tokens_by_previous_hash ON tokens (previous_hash) WHERE previous_hash IS NOT NULL;
