//! The statements on `labels` and `label_moves`.

/// A persona with its labels, in one picture: at least one row where there is such a persona.
pub(super) const OF_PERSONA: &str = "
    SELECT p.revision, p.deleted_at IS NOT NULL, m.label, m.version, m.revision, m.at, m.author, p.owner
    FROM persona_store.personas AS p
    LEFT JOIN persona_store.labels AS l ON l.persona = p.id
    LEFT JOIN persona_store.label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
    WHERE p.id = $1";

/// A persona by a label, without a document of more than so many bytes: a row where there is such a
/// persona. The newest move tells where the label points, so `labels` is not read. The text of the
/// current revision is in the row of the persona, and a row of `revisions` is looked for only where
/// the label points to another one. Each row is looked up by itself: as a join, all revisions of
/// the persona were read.
pub(super) const BY_LABEL: &str = "
    SELECT p.owner, p.deleted_at IS NOT NULL, m.version, m.revision, m.at, m.author,
           CASE WHEN m.revision = p.revision THEN p.revision ELSE r.revision END,
           CASE WHEN m.revision = p.revision THEN p.deleted_at IS NOT NULL ELSE r.deleted END,
           CASE WHEN m.revision = p.revision THEN p.head ELSE r.head END,
           CASE WHEN m.revision = p.revision THEN CASE WHEN octet_length(p.document) <= $3 THEN p.document END
                WHEN octet_length(r.document) <= $3 THEN r.document END
    FROM persona_store.personas AS p
    LEFT JOIN LATERAL (
        SELECT version, revision, at, author
        FROM persona_store.label_moves
        WHERE persona = p.id AND label = $2
        ORDER BY version DESC
        LIMIT 1
    ) AS m ON true
    LEFT JOIN LATERAL (
        SELECT revision, deleted, head, document
        FROM persona_store.revisions
        WHERE persona = p.id AND revision = m.revision AND m.revision <> p.revision
        LIMIT 1
    ) AS r ON true
    WHERE p.id = $1";

/// Personas with their labels, a row for each label.
pub(super) const OF_PERSONAS: &str = "
    SELECT p.id, p.owner, p.revision, p.deleted_at IS NOT NULL, m.label, m.version, m.revision, m.at, m.author
    FROM persona_store.personas AS p
    JOIN persona_store.labels AS l ON l.persona = p.id
    JOIN persona_store.label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
    WHERE p.id = ANY ($1)";

/// The newest moves of a label before a version.
pub(super) const MOVES: &str = "
    SELECT version, revision, at, author
    FROM persona_store.label_moves
    WHERE persona = $1 AND label = $2 AND version < $3
    ORDER BY version DESC
    LIMIT $4";

/// Whether a label was ever moved.
pub(super) const IS_KNOWN: &str =
    "SELECT 1 FROM persona_store.label_moves WHERE persona = $1 AND label = $2 LIMIT 1";

/// The personas of some moves, and the version of the schema.
pub(super) const HOLDERS: &str = "
    SELECT p.id, p.revision, p.deleted_at IS NOT NULL, p.updated_at, about.schema_version, p.owner, p.handle
    FROM persona_store.personas AS p
    CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
    WHERE p.id = ANY ($1)";

/// Their labels that are set.
pub(super) const SET: &str = "
    SELECT m.persona, m.label, m.version, m.revision, m.at, m.author
    FROM persona_store.labels AS l
    JOIN persona_store.label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
    WHERE l.persona = ANY ($1)";

/// How often each of these labels was moved.
pub(super) const VERSIONS: &str = "
    SELECT m.persona, m.label, max(m.version)
    FROM unnest($1::uuid[], $2::text[]) AS wanted (persona, label)
    JOIN persona_store.label_moves AS m ON m.persona = wanted.persona AND m.label = wanted.label
    GROUP BY m.persona, m.label";

/// Keeps moves, each with its line in the feed, and says where the labels point then. Their
/// personas are locked, so that no other transaction moves a label of theirs.
pub(super) const MOVE: &str = "
    WITH new AS (
        SELECT *
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[])
             AS new (persona, label, version, revision, told, at, kind, position)
    ),
    placed AS (
        SELECT new.*, about.feed_offset + pg_current_xact_id()::text::bigint * 1024 + new.position - 1 AS sequence
        FROM new
        CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
        WHERE about.schema_version = $11
    ),
    told AS (
        INSERT INTO persona_store.changes (sequence, persona, revision, kind, at, label)
        SELECT sequence, persona, told, kind, at, label FROM placed
    ),
    kept AS (
        INSERT INTO persona_store.label_moves (sequence, persona, label, version, revision, at, author, operation)
        SELECT sequence, persona, label, version, revision, at, $9, $10 FROM placed
    ),
    removed AS (
        DELETE FROM persona_store.labels AS l
        USING placed
        WHERE l.persona = placed.persona AND l.label = placed.label AND placed.revision IS NULL
    ),
    pointed AS (
        INSERT INTO persona_store.labels (persona, label, version)
        SELECT persona, label, version FROM placed WHERE revision IS NOT NULL
        ON CONFLICT (persona, label) DO UPDATE
        SET version = excluded.version
    )
    SELECT count(*) FROM placed";

/// One of the moves that a certain request made.
pub(super) const IS_DONE: &str = "
    SELECT 1
    FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS made (persona, label, version)
    JOIN persona_store.label_moves AS m USING (persona, label, version)
    WHERE m.operation = $4
    LIMIT 1";

/// Changes nothing and commits that, where commits wait for standbys. The WAL is kept in order, so
/// what was seen before is then kept there too.
pub(super) const WAIT_FOR_STANDBYS: &str = "
    UPDATE persona_store.label_moves SET operation = operation
    WHERE persona = $1 AND label = $2 AND version = $3 AND current_setting('synchronous_standby_names') <> ''";
