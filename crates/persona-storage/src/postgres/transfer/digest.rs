//! The text of a row, piece by piece, as `transfer/rows.rs` has it; the database takes its digest.

/// A text with its length; of a null there is neither.
macro_rules! text {
    ($column:literal) => {
        concat!("octet_length(", $column, ")::text || ':' || ", $column)
    };
}

/// The digest of a line `c` with its revision `r`, with its move `m` of a label, or with the
/// tombstone `x` of its persona.
pub(super) const LINE: &str = concat!(
    "sha256(convert_to(concat(
        c.persona, '|', c.revision, '|', c.kind, '|', c.at, '|',
        CASE WHEN x.sequence = c.sequence THEN concat(
        coalesce(",
    text!("x.owner"),
    ", ':'), '|',
        coalesce(",
    text!("x.author"),
    ", ':'), '|')
        WHEN x.sequence IS NOT NULL THEN concat(
        coalesce(",
    text!("c.label"),
    ", ':'), '|')
        WHEN c.label IS NULL THEN concat(r.base, '|', r.at, '|', r.deleted::int, '|',
        coalesce(",
    text!("r.author"),
    ", ':'), '|',
        coalesce(",
    text!("r.note"),
    ", ':'), '|',
        coalesce(",
    text!("r.changed"),
    ", ':'), '|',
        coalesce(",
    text!("r.head"),
    ", ':'), '|',
        coalesce(",
    text!("r.document"),
    ", ':'), '|')
        ELSE concat(m.version, '|', m.revision, '|', m.at, '|',
        coalesce(",
    text!("m.label"),
    ", ':'), '|',
        coalesce(",
    text!("m.author"),
    ", ':'), '|') END
    ), 'UTF8'))"
);

/// The digest of a persona `p` with its words, `titles` and `texts`.
pub(super) const PERSONA: &str = concat!(
    "sha256(convert_to(concat(
        p.id, '|', p.revision, '|', p.is_active::int, '|', p.created_at, '|', p.updated_at, '|', p.deleted_at, '|',
        encode(p.content_hash, 'hex'), '|',
        coalesce(",
    text!("p.name"),
    ", ':'), '|',
        coalesce(",
    text!("p.kind"),
    ", ':'), '|',
        coalesce(",
    text!("p.handle"),
    ", ':'), '|',
        coalesce(",
    text!("p.owner"),
    ", ':'), '|',
        coalesce(",
    text!("p.created_by"),
    ", ':'), '|',
        coalesce(",
    text!("p.updated_by"),
    ", ':'), '|',
        coalesce(",
    text!("t.tags"),
    ", '0:'), '|',
        coalesce(",
    text!("p.head"),
    ", ':'), '|',
        coalesce(",
    text!("p.document"),
    ", ':'), '|',
        coalesce(",
    text!("titles.name"),
    ", ':'), '|',
        coalesce(",
    text!("titles.tags"),
    ", ':'), '|',
        coalesce(",
    text!("texts.text"),
    ", ':'), '|'
    ), 'UTF8'))"
);
