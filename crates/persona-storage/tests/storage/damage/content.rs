//! The content of a file, read through a store, to be compared with its earlier content.

use std::path::Path;
use std::sync::Arc;

use persona_model::{Filter, ListRequest, Revision, Sort};
use persona_storage::conformance::{TestClock, id};
use persona_storage::{Exported, Store};

use crate::files::settings;

/// Personas of a file that is damaged.
pub const PERSONAS: u8 = 30;

/// Everything that a file says of its personas, and whether each read was without an error.
#[derive(PartialEq, Eq, Debug)]
pub struct Content {
    pub answers: Vec<Result<Option<Vec<u8>>, ()>>,
    pub revisions: Vec<Result<Option<Vec<u8>>, ()>>,
    pub listed: Result<Vec<Vec<u8>>, ()>,
    pub exported: Result<Vec<Vec<u8>>, ()>,
}

pub fn newest_first() -> ListRequest {
    ListRequest {
        filter: Filter::default(),
        sort: Sort::DEFAULT,
        after: None,
        limit: 100,
        count: false,
    }
}

pub async fn content(path: &Path) -> Option<Content> {
    let clock = Arc::new(TestClock::default());
    let store = persona_storage::sqlite::SqliteStore::open(
        settings(path),
        clock,
        Arc::new(persona_storage::NoObserver),
    )
    .ok()?;
    let mut content =
        Content { answers: Vec::new(), revisions: Vec::new(), listed: Err(()), exported: Err(()) };
    for number in 1..=PERSONAS {
        content.answers.push(
            store
                .get(id(number))
                .await
                .map(|found| found.map(|answer| answer.body.to_vec()))
                .map_err(drop),
        );
        for revision in (1..=5).filter_map(Revision::new) {
            let found = store.revision(id(number), revision).await;
            content.revisions.push(
                found
                    .map(|found| found.map(|record| record.representation.body.to_vec()))
                    .map_err(drop),
            );
        }
    }
    content.listed = store
        .list(newest_first())
        .await
        .map(|page| page.items.iter().map(|answer| answer.body.to_vec()).collect())
        .map_err(drop);
    let mut export = store.export(Exported::All).await.ok()?;
    let mut exported = Ok(Vec::new());
    while let Some(item) = export.recv().await {
        match (&mut exported, item) {
            (Ok(bodies), Ok(answer)) => bodies.push(answer.body.to_vec()),
            (exported, _) => *exported = Err(()),
        }
    }
    content.exported = exported;
    Some(content)
}
