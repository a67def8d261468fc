//! Tests: how SQLite reads the lists of an owner. However many personas others have, it looks at
//! those of the list only.

use std::cell::RefCell;
use std::sync::Arc;

use persona_model::{Cursor, Filter, ListRequest, Owned, PersonaId, Reach, Sort};
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::page;
use crate::NoObserver;
use crate::sqlite::connection::{Purpose, open};
use crate::sqlite::{Settings, initialise};

thread_local! {
    static STATEMENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of the hook")]
fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, sql) = event
        && sql.contains("FROM personas AS p")
    {
        STATEMENTS.with_borrow_mut(|statements| statements.push(sql.to_owned()));
    }
}

/// The plan of the statements that a list is read with.
fn plan(connection: &Connection, request: &ListRequest) -> String {
    STATEMENTS.take();
    page(connection, request).expect("listed");
    let mut plan = Vec::new();
    for sql in STATEMENTS.take() {
        let mut explained =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
        let nulls = vec![Value::Null; explained.parameter_count()];
        let steps = explained
            .query_map(params_from_iter(nulls), |found| found.get::<_, String>(3))
            .expect("steps");
        plan.extend(steps.map(|step| step.expect("readable")));
    }
    plan.join("\n")
}

fn request(owned: Option<&str>, reach: Reach, sort: Sort, after: Option<Cursor>) -> ListRequest {
    let owned = owned.map(|owner| Owned::By(owner.parse().expect("a name")));
    let filter = Filter { owned, reach, ..Filter::default() };
    ListRequest { filter, sort, after, limit: 50, count: false }
}

#[test]
fn a_list_of_an_owner_looks_at_its_personas_in_their_order_and_at_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::new(folder.path().join("persona.db"));
    initialise(&settings).expect("a new file");
    let mut connection = open(&settings, Purpose::Write, Arc::new(NoObserver)).expect("it opens");
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).expect("a hook");
    let bound = |with_shared| Reach::Owner { owner: "ada".parse().expect("a name"), with_shared };
    for (word, column) in [
        ("name", "name"),
        ("-name", "name"),
        ("created_at", "created_at"),
        ("-created_at", "created_at"),
        ("updated_at", "updated_at"),
        ("-updated_at", "updated_at"),
    ] {
        let sort = word.parse::<Sort>().expect("an order");
        let index = format!("USING INDEX personas_by_owner_and_{column} (owner=?");
        let after = || Cursor { key: "7".into(), id: PersonaId::from_bytes([7; 16]) };
        for after in [None, Some(after())] {
            for (owned, reach) in [(Some("ada"), Reach::Everything), (None, bound(false))] {
                let plan = plan(&connection, &request(owned, reach, sort, after.clone()));
                assert!(plan.contains(&index), "{word}: {plan}");
                assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{word}: {plan}");
            }
            // Two ordered lists of row numbers, and only as many personas as a page has.
            let plan = plan(&connection, &request(None, bound(true), sort, after));
            assert!(plan.contains("personas_by_owner"), "{word}: {plan}");
            assert!(!plan.contains("SCAN p"), "{word}: {plan}");
        }
    }
}
