-- Version 1: personas, their history, the feed, repeated requests and the words of searches.
-- Times are microseconds since the epoch, UTC. Every text that is compared or ordered is compared bytewise, as on SQLite.
-- Everything is in a schema of its own and always named with it, so that no setting of a session decides what is found.
-- No foreign keys: personas are never removed, and each would cost a lock on the persona for every row of its history.

CREATE SCHEMA persona_store;

-- One row: whose the schema is and how new it is.
CREATE TABLE persona_store.about (
    only_row BOOLEAN NOT NULL DEFAULT true,
    application TEXT COLLATE "C" NOT NULL,
    schema_version INTEGER NOT NULL,
    -- What is added to the number of a transaction to get its place in the feed. Not 0 after the database came from
    -- another cluster, whose transactions had other numbers.
    feed_offset BIGINT NOT NULL,
    CONSTRAINT about_key PRIMARY KEY (only_row),
    CONSTRAINT about_one_row CHECK (only_row)
);

CREATE TABLE persona_store.personas (
    id UUID NOT NULL,
    revision BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    handle TEXT COLLATE "C",
    is_active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    created_by TEXT COLLATE "C",
    updated_by TEXT COLLATE "C",
    content_hash BYTEA NOT NULL,
    -- The two halves of the answer, ready to be joined and sent.
    head TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    CONSTRAINT personas_key PRIMARY KEY (id),
    CONSTRAINT personas_revision_from_1 CHECK (revision >= 1),
    CONSTRAINT personas_hash_is_sha256 CHECK (length(content_hash) = 32)
);

-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON persona_store.personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX personas_by_name ON persona_store.personas (name, id);
CREATE INDEX personas_by_created_at ON persona_store.personas (created_at, id);
CREATE INDEX personas_by_updated_at ON persona_store.personas (updated_at, id);
-- Few rows; lets the living be counted without looking at each of them.
CREATE INDEX personas_deleted ON persona_store.personas (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE persona_store.persona_tags (
    tag TEXT COLLATE "C" NOT NULL,
    persona UUID NOT NULL,
    CONSTRAINT persona_tags_key PRIMARY KEY (tag, persona)
);

CREATE INDEX persona_tags_by_persona ON persona_store.persona_tags (persona);

-- The folded words of a persona (persona-model, search.rs), with a blank before and after each.
CREATE TABLE persona_store.persona_search (
    persona UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    tags TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    -- The beginnings of all words, to find candidates; null where they are too many for an index.
    words TSVECTOR,
    CONSTRAINT persona_search_key PRIMARY KEY (persona)
);

CREATE INDEX persona_search_by_word ON persona_store.persona_search USING gin (words);
CREATE INDEX persona_search_without_words ON persona_store.persona_search (persona) WHERE words IS NULL;

CREATE TABLE persona_store.revisions (
    persona UUID NOT NULL,
    revision BIGINT NOT NULL,
    -- The revision before; null for the first.
    parent BIGINT,
    -- The revision that the writer started from, where it named one.
    base BIGINT,
    at BIGINT NOT NULL,
    author TEXT COLLATE "C",
    note TEXT COLLATE "C",
    -- The names of the fields that changed, as a JSON array.
    changed TEXT COLLATE "C" NOT NULL,
    deleted BOOLEAN NOT NULL,
    head TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C" NOT NULL,
    -- Which write made it: a writer whose connection broke looks here whether its own was kept.
    operation UUID NOT NULL,
    CONSTRAINT revisions_key PRIMARY KEY (persona, revision)
);

-- The feed. The sequence follows from the number of the transaction, so that no counter makes writers wait for each
-- other; the order is that of these numbers, and readers stop below the oldest transaction that still runs.
CREATE TABLE persona_store.changes (
    sequence BIGINT NOT NULL,
    persona UUID NOT NULL,
    revision BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT changes_key PRIMARY KEY (sequence),
    CONSTRAINT changes_kind CHECK (kind IN ('created', 'updated', 'deleted', 'restored'))
);

CREATE TABLE persona_store.idempotency (
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    persona UUID NOT NULL,
    revision BIGINT NOT NULL,
    operation UUID NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (key)
);

CREATE INDEX idempotency_by_at ON persona_store.idempotency (at);

INSERT INTO persona_store.about (application, schema_version, feed_offset)
VALUES ('persona', 0, 0);
