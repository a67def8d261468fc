-- Version 8: handles that were given up, which lead to their personas until others take them, and an index of handles over
-- all owners.

CREATE TABLE persona_store.former_handles (
    handle TEXT COLLATE "C" NOT NULL,
    -- Empty where the persona had no owner.
    owner TEXT COLLATE "C" NOT NULL,
    persona UUID NOT NULL,
    CONSTRAINT former_handles_key PRIMARY KEY (handle, owner)
);

CREATE INDEX former_handles_by_persona ON persona_store.former_handles (persona);

-- Deleted personas are found by the handle that they had: of several with the same, the one that was deleted last.
INSERT INTO persona_store.former_handles (handle, owner, persona)
SELECT handle, owner, id
FROM (
    SELECT handle, owner, id, row_number() OVER (PARTITION BY handle, owner ORDER BY updated_at DESC, id DESC) AS place
    FROM persona_store.personas AS p
    WHERE handle IS NOT NULL AND deleted_at IS NOT NULL
          AND NOT EXISTS (
              SELECT 1 FROM persona_store.personas AS h
              WHERE h.owner = p.owner AND h.handle = p.handle AND h.deleted_at IS NULL
          )
) AS deleted
WHERE place = 1;

CREATE INDEX personas_by_handle_of_any_owner ON persona_store.personas (handle, owner) WHERE handle IS NOT NULL;
