//! Handles that were given up, in moves: they go along, and take none from a persona of another
//! database.

use persona_model::{HandleName, Patch, Precondition, Reach};
use persona_storage::conformance::{document, id, write};
use persona_storage::transfer::Plan;
use persona_storage::{HandleTarget, Operation, Store, postgres};
use persona_test_support::Cluster;
use serde_json::json;

use crate::files::{self, Folder};
use crate::shared_database;
use crate::transfers::{go, name_of, plan};

async fn named(store: &dyn Store, number: u8, handles: &[&str]) {
    let document = document(json!({ "name": "P", "handle": handles[0] }));
    let create = Operation::Create { id: id(number), document };
    store.write(write(create)).await.expect("created");
    for handle in &handles[1..] {
        let patch = Patch::merge(json!({ "handle": handle })).expect("a patch");
        let (id, precondition) = (id(number), Precondition::Any);
        let rename = Operation::Patch { id, precondition, patch, base: None };
        store.write(write(rename)).await.expect("renamed");
    }
}

/// Where some handles lead.
async fn targets(store: &dyn Store) -> Vec<HandleTarget> {
    let mut targets = Vec::new();
    for handle in ["a", "b", "c", "d"] {
        let name = HandleName::parse(handle).expect("a handle");
        let look = store.look_at_handle(&name, &Reach::Everything).await.expect("readable");
        targets.push(look.target);
    }
    targets
}

/// A file with a persona that was renamed, and a deleted one.
async fn source() -> Folder {
    let folder = Folder::new();
    files::fill(&folder.database(), 1).await;
    let store = files::open(&folder.database());
    named(&store, 101, &["a", "b"]).await;
    named(&store, 102, &["c"]).await;
    let delete = Operation::Delete { id: id(102), precondition: Precondition::Any };
    store.write(write(delete)).await.expect("deleted");
    store.close().await;
    folder
}

fn expected() -> [HandleTarget; 4] {
    let (one, two) = (id(101), id(102));
    let [a, b, c] =
        [HandleTarget::Former(one), HandleTarget::Persona(one), HandleTarget::Persona(two)];
    [a, b, c, HandleTarget::Nothing]
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_that_were_given_up_go_along_there_and_back() {
    for live in [false, true] {
        let folder = source().await;
        let cluster = Cluster::shared();
        let url = cluster.url(&cluster.database());
        let (from, back) = (name_of(&folder.database()), folder.path("back.db"));
        go(&Plan { live, ..plan(&from, &url) }).expect("moved");
        let server = shared_database::open(&url);
        assert_eq!(targets(&*server).await, expected(), "live: {live}");
        server.close().await;
        drop(server);
        go(&Plan { live, ..plan(&url, &name_of(&back)) }).expect("moved back");
        let store = files::open(&back);
        assert_eq!(targets(&store).await, expected(), "live: {live}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_a_persona_of_the_target_has_stays_where_it_is() {
    let folder = source().await;
    let cluster = Cluster::shared();
    let url = cluster.url(&cluster.database());
    postgres::initialise(&shared_database::settings(&url)).expect("an empty database");
    let server = shared_database::open(&url);
    named(&*server, 201, &["a"]).await;
    named(&*server, 202, &["d", "e"]).await;
    server.close().await;
    drop(server);
    let from = name_of(&folder.database());
    go(&Plan { into_existing: true, ..plan(&from, &url) }).expect("moved");
    let server = shared_database::open(&url);
    let [_, b, c, _] = expected();
    let there = [HandleTarget::Persona(id(201)), b, c, HandleTarget::Former(id(202))];
    assert_eq!(targets(&*server).await, there);
    server.close().await;
}
