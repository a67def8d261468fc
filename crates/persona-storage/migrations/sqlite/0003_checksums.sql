-- Version 3: a checksum on every row that is sent as it is stored, so that a damaged one is never sent as if it were right.
-- `row_checksum` is a function of this program (`sqlite/tables/checksum.rs`), the same that readers compare with.

ALTER TABLE personas ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revisions ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;

UPDATE personas
SET checksum = row_checksum(id, revision, deleted_at IS NOT NULL, head, document);

UPDATE revisions
SET checksum = row_checksum((SELECT id FROM personas WHERE row_id = persona), revision, deleted, head, document);
