-- Version 5: access tokens. Of a secret only the SHA-256 is kept. Times are microseconds since the epoch.

CREATE TABLE persona_store.tokens (
    id UUID NOT NULL,
    -- The author of what is changed with it.
    name TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL,
    -- The secret before the last rotation, and until when it counts.
    previous_hash BYTEA,
    previous_until BIGINT,
    scope TEXT COLLATE "C" NOT NULL,
    -- Whether a request with it may name another author.
    act_as BOOLEAN NOT NULL,
    -- The owner that it is bound to, and whether it reads personas without an owner too.
    owner TEXT COLLATE "C",
    shared BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    -- About when it was used last: written once an hour at most.
    used_at BIGINT,
    CONSTRAINT tokens_key PRIMARY KEY (id),
    CONSTRAINT tokens_hash_is_sha256 CHECK (length(hash) = 32),
    CONSTRAINT tokens_previous_hash_is_sha256 CHECK (length(previous_hash) = 32),
    CONSTRAINT tokens_previous_has_an_end CHECK ((previous_hash IS NULL) = (previous_until IS NULL)),
    CONSTRAINT tokens_scope CHECK (scope IN ('read', 'write', 'admin'))
);

CREATE UNIQUE INDEX tokens_by_name ON persona_store.tokens (name);
CREATE UNIQUE INDEX tokens_by_hash ON persona_store.tokens (hash);
CREATE UNIQUE INDEX tokens_by_previous_hash ON persona_store.tokens (previous_hash) WHERE previous_hash IS NOT NULL;
