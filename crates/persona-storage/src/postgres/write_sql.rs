//! The text of the statement that writes new revisions. It has the parts that the revisions need:
//! each part takes the server time, also one that writes nothing.

use std::sync::OnceLock;

use super::new_row::NewRow;

/// The new revisions, as one list that is given column by column. Each column is behind a `SELECT`,
/// so that the plan does not depend on how many there are: for a list of a known length
/// PostgreSQL makes a plan at each execution, which took a quarter of its time for a write.
const NEW: &str = "
    WITH new AS (
        SELECT *
        FROM unnest((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::bigint[]), (SELECT $4::text[]),
                    (SELECT $5::text[]), (SELECT $6::text[]), (SELECT $7::boolean[]), (SELECT $8::bigint[]),
                    (SELECT $9::bigint[]), (SELECT $10::bigint[]), (SELECT $11::text[]),
                    (SELECT $12::text[]), (SELECT $13::bytea[]), (SELECT $14::text[]), (SELECT $15::text[]),
                    (SELECT $16::bigint[]), (SELECT $17::text[]), (SELECT $18::uuid[]), (SELECT $19::text[]),
                    (SELECT $20::text[]), (SELECT $21::text[]), (SELECT $22::text[]), (SELECT $23::text[]),
                    (SELECT $24::text[]), (SELECT $25::text[]), (SELECT $26::text[]), (SELECT $27::bytea[]),
                    (SELECT $28::text[]), (SELECT $29::text[]), (SELECT $30::bigint[]), (SELECT $31::text[]),
                    (SELECT $33::bigint[]), (SELECT $34::bigint[]))
             AS new (id, revision, parent, name, kind, handle, is_active,
                     created_at, updated_at, deleted_at, created_by, updated_by, content_hash, head,
                     document, base, changed, operation, change, tags, title_name,
                     title_tags, title_words, text, text_words, key, fingerprint, outcome,
                     note, position, owner, previous, autosaved_since)
    ),";

/// The rows of those that were there. They are locked, because a row that a purge takes away while
/// the statement waits for it would come into being again. Each row is looked up by itself, however
/// small the table was when this was planned.
const HELD: &str = "
    held AS (
        SELECT p.id
        FROM new
        CROSS JOIN LATERAL (
            SELECT id FROM persona_store.personas
            WHERE id = new.id AND revision = new.parent
            LIMIT 1
            FOR UPDATE";
/// The same without the rows that other transactions hold.
const NOT_BY_OTHERS: &str = " SKIP LOCKED";
const HELD_END: &str = "
        ) AS p
    ),";

/// The next revision is written over the one that the writer saw, and over no other; a persona
/// comes into being unless there is one with its identity. The index of identities finds the row,
/// however small the table was when this was planned.
const WRITTEN: &str = "
    written AS (
        INSERT INTO persona_store.personas AS p (id, revision, name, kind, handle, owner, is_active, created_at, updated_at, deleted_at,
                                                 created_by, updated_by, content_hash, autosaved_since, head, document)
        SELECT new.id, new.revision, new.name, new.kind, new.handle, new.owner, new.is_active, new.created_at, new.updated_at, new.deleted_at,
               new.created_by, new.updated_by, new.content_hash, new.autosaved_since, new.head, new.document
        FROM new
        CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
        WHERE about.schema_version = $32";
const OF_HELD: &str = " AND (new.parent IS NULL OR new.id IN (SELECT id FROM held))";
const WRITTEN_OVER: &str = "
        ON CONFLICT (id) DO UPDATE
        SET revision = excluded.revision, name = excluded.name, kind = excluded.kind, handle = excluded.handle,
            owner = excluded.owner, is_active = excluded.is_active, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
            updated_by = excluded.updated_by, content_hash = excluded.content_hash,
            autosaved_since = excluded.autosaved_since, head = excluded.head, document = excluded.document
        WHERE p.revision = ";
const THE_ONE_BEFORE: &str = "excluded.revision - 1";
/// Where revisions were dropped between an imported one and the one before it.
const THE_LAST_KEPT: &str = "(SELECT new.parent FROM new WHERE new.id = excluded.id)";
const WRITTEN_END: &str = "
        RETURNING id
    ),";

/// What every change writes beside the persona.
const RECORD: &str = "
    kept AS (
        INSERT INTO persona_store.revisions (persona, revision, parent, base, at, author, note, changed, deleted, head, document, operation)
        SELECT id, revision, previous, base, updated_at, updated_by, note, changed, deleted_at IS NOT NULL, head, document, operation
        FROM new JOIN written USING (id)
    ),
    told AS (
        INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
        SELECT about.feed_offset + pg_current_xact_id()::text::bigint * 1024 + new.position - 1,
               id, new.revision, new.change, new.updated_at
        FROM new JOIN written USING (id) CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
    )";

/// The revision that a new one replaces is dropped: the last one that is kept is before it.
const SQUASHED: &str = ",
    squashed AS (
        UPDATE persona_store.revisions AS r
        SET base = NULL, note = NULL, changed = '[]', head = '', document = ''
        FROM new JOIN written USING (id)
        WHERE r.persona = new.id AND r.revision = new.parent AND new.previous < new.parent
    )";
/// Says that the revisions between an imported one and the one before were dropped: one row stands
/// for them, with a line of the feed before that of the imported one (`squash.rs`).
const FILLED: &str = ",
    filled AS (
        INSERT INTO persona_store.revisions (persona, revision, parent, base, at, changed, deleted, head, document, operation)
        SELECT id, revision - 1, parent, parent + 1, updated_at - 1, '[]', false, '', '', '00000000-0000-0000-0000-000000000000'::uuid
        FROM new JOIN written USING (id)
        WHERE parent < revision - 1
    ),
    told_of_dropped AS (
        INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
        SELECT about.feed_offset + pg_current_xact_id()::text::bigint * 1024 + new.position - 2,
               id, new.revision - 1, CASE WHEN p.deleted_at IS NULL THEN 'updated' ELSE 'restored' END, new.updated_at - 1
        FROM new JOIN written USING (id) JOIN persona_store.personas AS p USING (id) CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
        WHERE parent < new.revision - 1
    )";

/// Words hold no blanks, so their beginnings fit into one text.
const TITLED: &str = ",
    titled AS (
        INSERT INTO persona_store.persona_titles (persona, name, tags, words)
        SELECT id, title_name, title_tags, array_to_tsvector(string_to_array(title_words, ' '))
        FROM new JOIN written USING (id)
        WHERE title_name IS NOT NULL
        ON CONFLICT (persona) DO UPDATE
        SET name = excluded.name, tags = excluded.tags, words = excluded.words
    )";
const TEXTED: &str = ",
    texted AS (
        INSERT INTO persona_store.persona_texts (persona, text, words)
        SELECT id, text, array_to_tsvector(string_to_array(text_words, ' '))
        FROM new JOIN written USING (id)
        WHERE text IS NOT NULL
        ON CONFLICT (persona) DO UPDATE
        SET text = excluded.text, words = excluded.words
    )";

/// Tags are told apart by the ends of lines, which none of them has.
const UNTAGGED: &str = ",
    untagged AS (
        DELETE FROM persona_store.persona_tags AS t
        USING new JOIN written USING (id)
        WHERE t.persona = new.id AND new.tags IS NOT NULL AND t.tag <> ALL (string_to_array(new.tags, E'\n'))
    )";
const TAGGED: &str = ",
    tagged AS (
        INSERT INTO persona_store.persona_tags (tag, persona)
        SELECT DISTINCT tag, id
        FROM new JOIN written USING (id) CROSS JOIN LATERAL unnest(string_to_array(tags, E'\n')) AS tag
        ON CONFLICT (tag, persona) DO NOTHING
    )";

/// What a persona gives up leads to it from then on, unless another one takes it in the same
/// statement; what it takes leads to no other. The row of `personas` is the one from before.
const GIVEN_UP: &str = ",
    given_up AS (
        INSERT INTO persona_store.former_handles AS f (handle, owner, persona)
        SELECT p.handle, p.owner, p.id
        FROM new JOIN written USING (id) JOIN persona_store.personas AS p USING (id)
        WHERE p.handle IS NOT NULL AND p.deleted_at IS NULL
              AND NOT EXISTS (
                  SELECT 1 FROM new AS n JOIN written AS w USING (id)
                  WHERE n.handle = p.handle AND n.owner = p.owner AND n.deleted_at IS NULL
              )
        ON CONFLICT (handle, owner) DO UPDATE
        SET persona = excluded.persona
    ),
    taken AS (
        DELETE FROM persona_store.former_handles AS f
        USING new JOIN written USING (id)
        WHERE f.handle = new.handle AND f.owner = new.owner AND new.deleted_at IS NULL
    )";

/// An answer that can be replayed.
const REPLAYABLE: &str = ",
    replayable AS (
        INSERT INTO persona_store.idempotency (key, fingerprint, outcome, persona, revision, operation, at)
        SELECT key, fingerprint, outcome, id, revision, operation,
               coalesce((SELECT value::bigint FROM persona_store.meta WHERE key = 'observed_us'), updated_at)
        FROM new JOIN written USING (id)
        WHERE new.key IS NOT NULL
    )";

/// Tells what was written at all.
const WHICH: &str = "
    SELECT id FROM written";

/// What the statement does about rows that other transactions hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// The statement waits for locked rows.
    ForRows,
    /// The statement leaves locked rows out.
    ForNoRow,
}

/// Which of the parts that not every statement has are in it, in this order: the rows that were
/// there, what leaves out held ones, titles, texts, what takes tags away, tags, handles, keys, what
/// is dropped here, and what was dropped elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StatementParts([bool; 10]);

/// Different shapes.
const SHAPES: usize = 1 << 10;

impl StatementParts {
    /// The parts that these revisions need.
    pub(super) fn of(rows: &[NewRow], waits: Waits) -> Self {
        let any = |has: fn(&NewRow) -> bool| rows.iter().any(has);
        let has_earlier = any(|new| new.parent.is_some());
        Self([
            has_earlier,
            has_earlier && waits == Waits::ForNoRow,
            any(|new| new.titles.is_some()),
            any(|new| new.texts.is_some()),
            any(NewRow::takes_tags_away),
            any(|new| new.tags.is_some()),
            any(|new| new.moves_handle),
            any(|new| new.key.is_some()),
            any(|new| new.previous < new.parent),
            any(NewRow::is_behind_dropped),
        ])
    }

    fn number(self) -> usize {
        self.0.into_iter().fold(0, |number, is_there| number << 1 | usize::from(is_there))
    }

    fn text(self) -> String {
        let [
            has_earlier,
            leaves_held_rows_out,
            has_titles,
            has_texts,
            takes_tags_away,
            has_tags,
            moves,
            has_keys,
            squashes,
            is_behind_dropped,
        ] = self.0;
        let parts = [
            (true, NEW),
            (has_earlier, HELD),
            (leaves_held_rows_out, NOT_BY_OTHERS),
            (has_earlier, HELD_END),
            (true, WRITTEN),
            (has_earlier, OF_HELD),
            (true, WRITTEN_OVER),
            (!is_behind_dropped, THE_ONE_BEFORE),
            (is_behind_dropped, THE_LAST_KEPT),
            (true, WRITTEN_END),
            (true, RECORD),
            (squashes, SQUASHED),
            (is_behind_dropped, FILLED),
            (has_titles, TITLED),
            (has_texts, TEXTED),
            (takes_tags_away, UNTAGGED),
            (has_tags, TAGGED),
            (moves, GIVEN_UP),
            (has_keys, REPLAYABLE),
            (true, WHICH),
        ];
        parts.into_iter().filter(|(is_there, _)| *is_there).map(|(_, part)| part).collect()
    }
}

/// The statement of this shape, put together once in a process.
pub(super) fn sql(shape: StatementParts) -> &'static str {
    static TEXTS: [OnceLock<String>; SHAPES] = [const { OnceLock::new() }; SHAPES];
    TEXTS[shape.number()].get_or_init(|| shape.text())
}
