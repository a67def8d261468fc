-- Version 2: what is known of the database as a whole.
-- The epoch names one life of it: 32 random hexadecimal digits, new after every step back, so that a place in the feed
-- together with the epoch is a place that was never another one (ADR 0033).

CREATE TABLE persona_store.meta (
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT meta_key PRIMARY KEY (key)
);

INSERT INTO persona_store.meta (key, value) VALUES ('epoch', replace(gen_random_uuid()::text, '-', ''));
