-- Version 6: whose each persona is. Handles are unique among the personas of an owner, and lists of one owner read an index
-- of their own order.

-- Empty where it has no owner, so that handles are unique there too: null is equal to nothing.
ALTER TABLE persona_store.personas ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT '';

DROP INDEX persona_store.personas_by_handle;
-- A deleted persona gives its handle free.
CREATE UNIQUE INDEX personas_by_handle ON persona_store.personas (owner, handle) WHERE handle IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX personas_by_owner_and_created_at ON persona_store.personas (owner, created_at, id);
-- A change of a persona without an owner writes no entry here.
CREATE INDEX personas_by_owner_and_name ON persona_store.personas (owner, name, id) WHERE owner <> '';
CREATE INDEX personas_by_owner_and_updated_at ON persona_store.personas (owner, updated_at, id) WHERE owner <> '';
