//! Living personas, counted by what many of them have in common: one statement.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::sqlite::tables::row;
use crate::{Count, CountBy, CountRequest};

/// Of handles up to the next slash. An index has the handles and owners of all personas, and the
/// deleted ones are few: the living are counted without a look at each. The indexes are named,
/// because those of the living alone make the planner read every persona for its deletion.
const FOLDERS: &str = "
    SELECT folder, sum(personas)
    FROM (
        SELECT ?4 || substr(rest, 1, instr(rest, '/')) AS folder, personas
        FROM (
            SELECT substr(p.handle, ?5) AS rest, 1 AS personas
            FROM personas AS p INDEXED BY personas_by_handle_of_any_owner
            WHERE p.handle >= ?4 AND (?6 IS NULL OR p.handle < ?6) AND {owners}
            UNION ALL
            SELECT substr(p.handle, ?5), -1
            FROM personas AS p INDEXED BY personas_deleted
            WHERE p.deleted_at IS NOT NULL
                AND p.handle >= ?4
                AND (?6 IS NULL OR p.handle < ?6)
                AND {owners}
        )
        WHERE instr(rest, '/') > 0
    )
    WHERE ?1 IS NULL OR folder > ?1
    GROUP BY folder
    HAVING sum(personas) > 0
    ORDER BY folder
    LIMIT ?2";

/// Of labels that are set.
const LABELS: &str = "
    SELECT l.label, count(*)
    FROM labels AS l
    JOIN personas AS p ON p.id = l.persona
    WHERE p.deleted_at IS NULL
        AND (?1 IS NULL OR l.label > ?1)
        AND {owners}
    GROUP BY l.label
    ORDER BY l.label
    LIMIT ?2";

/// Of owners, in the same way.
const OWNERS: &str = "
    SELECT owner, sum(personas)
    FROM (
        SELECT p.owner, count(*) AS personas
        FROM personas AS p
        WHERE (?1 IS NULL OR p.owner > ?1) AND {owners}
        GROUP BY p.owner
        UNION ALL
        SELECT p.owner, -1
        FROM personas AS p INDEXED BY personas_deleted
        WHERE p.deleted_at IS NOT NULL AND (?1 IS NULL OR p.owner > ?1) AND {owners}
    )
    GROUP BY owner
    HAVING sum(personas) > 0
    ORDER BY owner
    LIMIT ?2";

/// A page of counts.
pub(crate) fn page(
    connection: &Connection,
    request: &CountRequest,
) -> rusqlite::Result<Vec<Count>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let optional = |value: Option<&str>| value.map_or(Value::Null, text);
    let owners = request
        .reach
        .owners(None)
        .map(|owners| serde_json::to_string(&owners).expect("a list of texts is JSON"));
    let mut values = vec![
        optional(request.after.as_deref()),
        Value::Integer(row::stored(request.limit as u64)),
        optional(owners.as_deref()),
    ];
    let statement = match &request.by {
        CountBy::Folder(_) => {
            let beginning = request.by.beginning();
            // Handles are ASCII.
            let behind = row::stored(beginning.len() as u64 + 1);
            let end = request.by.end();
            values.extend([text(beginning), Value::Integer(behind), optional(end.as_deref())]);
            FOLDERS
        }
        CountBy::Label => LABELS,
        CountBy::Owner => OWNERS,
    };
    let reached = match owners {
        Some(_) => "p.owner IN (SELECT value FROM json_each(?3))",
        // The parameter is in every form, so that each has the same ones.
        None => "?3 IS NULL",
    };
    let mut statement = connection.prepare_cached(&statement.replace("{owners}", reached))?;
    let counted = statement.query_map(params_from_iter(values), |found| {
        Ok(Count { name: found.get(0)?, personas: row::number(found, 1)? })
    })?;
    counted.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::types::Value;
    use rusqlite::{Connection, params_from_iter};

    use super::{FOLDERS, OWNERS};
    use crate::NoObserver;
    use crate::sqlite::connection::{Purpose, open};
    use crate::sqlite::{Settings, initialise};

    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let mut explained = connection.prepare(&sql).expect("a statement");
        let nulls = vec![Value::Null; explained.parameter_count()];
        let steps = explained.query_map(params_from_iter(nulls), |found| found.get(3));
        steps.expect("steps").map(|step| step.expect("readable")).collect()
    }

    #[test]
    fn folders_and_owners_are_counted_without_a_look_at_each_persona() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path().join("persona.db"));
        initialise(&settings).expect("a new file");
        let connection = open(&settings, Purpose::Write, Arc::new(NoObserver)).expect("it opens");
        for statement in [FOLDERS, OWNERS] {
            for reached in ["?3 IS NULL", "p.owner IN (SELECT value FROM json_each(?3))"] {
                let plan = plan(&connection, &statement.replace("{owners}", reached));
                let steps: Vec<&String> = plan.iter().filter(|step| step.contains(" p ")).collect();
                assert_eq!(steps.len(), 2, "{plan:?}");
                assert!(steps[0].contains("USING COVERING INDEX"), "{plan:?}");
                assert!(steps[1].contains("USING INDEX personas_deleted"), "{plan:?}");
            }
        }
    }
}
