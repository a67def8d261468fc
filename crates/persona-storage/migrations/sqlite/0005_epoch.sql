-- Version 5: what is known of the database as a whole.
-- The epoch names one life of it: 32 random hexadecimal digits, new in every copy and after every step back, so that a
-- place in the feed together with the epoch is a place that was never another one (ADR 0033).

CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

INSERT INTO meta (key, value) VALUES ('epoch', lower(hex(randomblob(16))));

-- Where a clock was wrong once, and in a file that an earlier version moved here from a server, rows are not in order of
-- creation. Lists by relevance have to know it.
INSERT INTO meta (key, value)
SELECT 'unordered_rows', '1'
WHERE EXISTS (
    SELECT 1
    FROM (SELECT row_id, lag(row_id) OVER (ORDER BY created_at, id) AS earlier FROM personas)
    WHERE row_id < earlier
);
