//! Labels against their moves, and moves against the feed.

use persona_model::ChangeKind;
use rusqlite::Connection;

use crate::sqlite::start::migrate;
use crate::sqlite::tables::labels;

/// Statements that find what must not be, one line for each fault.
const FINDINGS: [&str; 5] = [
    "SELECT 'move ' || m.sequence || ' of a label is not what its line in the feed says'
     FROM label_moves AS m
     LEFT JOIN changes AS c ON c.sequence = m.sequence
     WHERE c.label IS NULL OR c.label <> m.label OR c.persona <> m.persona OR c.at <> m.at
        OR (c.kind = 'label') <> (m.revision IS NOT NULL)
        OR (m.revision IS NOT NULL AND m.revision <> c.revision)",
    "SELECT 'move ' || m.sequence || ' of the label ' || m.label || ' does not follow the one before'
     FROM label_moves AS m
     LEFT JOIN label_moves AS b ON b.persona = m.persona AND b.label = m.label AND b.version = m.version - 1
     WHERE (m.version > 1 AND b.sequence IS NULL) OR b.sequence >= m.sequence OR (b.revision IS NULL AND m.revision IS NULL)",
    "SELECT 'the label ' || m.label || ' points to revision ' || coalesce(m.revision, 0) || ', which its persona never had'
     FROM label_moves AS m
     LEFT JOIN personas AS p ON p.id = m.persona
     WHERE p.row_id IS NULL OR m.revision > p.revision",
    "SELECT 'the label ' || l.label || ' is not where its newest move left it'
     FROM labels AS l
     LEFT JOIN label_moves AS m ON m.persona = l.persona AND m.label = l.label AND m.version = l.version
     WHERE m.revision IS NULL
        OR EXISTS (SELECT 1 FROM label_moves AS n
                   WHERE n.persona = l.persona AND n.label = l.label AND n.version > l.version)",
    "SELECT 'the label ' || m.label || ' is not set, and its newest move set it'
     FROM label_moves AS m
     WHERE m.revision IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM labels AS l WHERE l.persona = m.persona AND l.label = m.label)
       AND NOT EXISTS (SELECT 1 FROM label_moves AS n
                       WHERE n.persona = m.persona AND n.label = m.label AND n.version > m.version)",
];

/// The same; of a purged persona no move is kept.
const LOST_MOVES: &str =
    "SELECT 'change ' || c.sequence || ' is about a move of ' || c.label || ' that is not there'
     FROM changes AS c
     WHERE c.label IS NOT NULL AND NOT EXISTS (SELECT 1 FROM label_moves AS m WHERE m.sequence = c.sequence)";
const NOT_PURGED: &str = " AND NOT EXISTS (SELECT 1 FROM purged AS x WHERE x.persona = c.persona)";

/// What is wrong with the labels of a file of this version, which has them. Each statement is of
/// one snapshot.
pub(super) fn faults(connection: &Connection, version: u32) -> rusqlite::Result<Vec<String>> {
    debug_assert_eq!(ChangeKind::Labelled.as_str(), "label", "as the statements say");
    let mut faults = labels::faults(connection)?;
    let not_purged = if version >= migrate::PURGES_SINCE { NOT_PURGED } else { "" };
    let lost_moves = format!("{LOST_MOVES}{not_purged}");
    for sql in FINDINGS.into_iter().chain([lost_moves.as_str()]) {
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map([], |found| found.get(0))?;
        faults.extend(found.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    Ok(faults)
}
