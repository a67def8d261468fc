-- Makes a file, without a label, look as the version before owners left it.

DROP TABLE purged;
DROP TABLE former_handles;
DROP INDEX personas_by_handle_of_any_owner;
DROP TABLE labels;
DROP TABLE label_moves;
ALTER TABLE idempotency DROP COLUMN moves;
CREATE TABLE older_changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    persona BLOB NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT changes_kind CHECK (kind IN ('created', 'updated', 'deleted', 'restored'))
) STRICT;
INSERT INTO older_changes (sequence, persona, revision, kind, at)
SELECT sequence, persona, revision, kind, at
FROM changes;
DROP TABLE changes;
ALTER TABLE older_changes RENAME TO changes;

DROP INDEX personas_by_owner_and_created_at;
DROP INDEX personas_by_owner_and_name;
DROP INDEX personas_by_owner_and_updated_at;
DROP INDEX personas_by_handle;
ALTER TABLE personas DROP COLUMN owner;
ALTER TABLE personas DROP COLUMN autosaved_since;
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
PRAGMA user_version = 10;
