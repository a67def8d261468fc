-- Makes a file look as the version before owners left it.

DROP INDEX personas_by_owner_and_created_at;
DROP INDEX personas_by_owner_and_name;
DROP INDEX personas_by_owner_and_updated_at;
DROP INDEX personas_by_handle;
ALTER TABLE personas DROP COLUMN owner;
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON personas (handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
PRAGMA user_version = 10;
