-- Version 13: handles that were given up, which lead to their personas until others take them, and an index of handles over
-- all owners.

CREATE TABLE former_handles (
    handle TEXT NOT NULL,
    -- Empty where the persona had no owner.
    owner TEXT NOT NULL,
    persona BLOB NOT NULL,
    CONSTRAINT former_handles_key PRIMARY KEY (handle, owner),
    CONSTRAINT former_handles_persona_is_a_uuid CHECK (length(persona) = 16)
) STRICT, WITHOUT ROWID;

CREATE INDEX former_handles_by_persona ON former_handles (persona);

-- Deleted personas are found by the handle that they had: of several with the same, the one that was deleted last.
INSERT INTO former_handles (handle, owner, persona)
SELECT handle, owner, id
FROM (
    SELECT handle, owner, id, row_number() OVER (PARTITION BY handle, owner ORDER BY updated_at DESC, id DESC) AS place
    FROM personas AS p
    WHERE handle IS NOT NULL AND deleted_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM personas AS h WHERE h.owner = p.owner AND h.handle = p.handle AND h.deleted_at IS NULL)
)
WHERE place = 1;

CREATE INDEX personas_by_handle_of_any_owner ON personas (handle, owner) WHERE handle IS NOT NULL;
