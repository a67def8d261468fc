//! A restore sets revisions back: what a client or a cache knows of the earlier revisions must not
//! be taken for the present ones.

use std::path::Path;

use serde_json::json;

use crate::backup::program::succeed;
use crate::common::{Client, Reply, Server};

fn patch(client: &mut Client, path: &str, headers: &[(&str, &str)], name: &str) -> Reply {
    client
        .request("PATCH", path, headers, json!({ "name": name }).to_string().as_bytes())
        .expect("an answer")
}

fn tag_of(reply: &Reply) -> String {
    assert!(matches!(reply.status, 200 | 201), "{reply:?}");
    reply.header("etag").expect("an entity tag").to_owned()
}

/// A persona at revision 2: the store was restored to revision 1, and then another client made
/// another revision 2. Returns the path, and the entity tag of the lost revision.
fn gone_and_made_again() -> (Server, String, String) {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    let reply = client
        .request("POST", "/api/v1/personas", &[], json!({ "name": "Ada" }).to_string().as_bytes())
        .expect("an answer");
    let path = reply.header("location").expect("a location").to_owned();
    succeed(server.folder(), &["backup", "copy.db", "--database", "persona.db"]);
    let gone = tag_of(&patch(&mut client, &path, &[], "of the client that was acknowledged"));
    drop(client);
    let folder = server.stop_and_keep_the_folder();
    restore(folder.path());
    let server = Server::with_workers(2).in_folder(folder).start();
    let again = tag_of(&patch(&mut server.connect(), &path, &[], "of another client"));
    assert!(
        gone.starts_with("\"2-") && again.starts_with("\"2-"),
        "both are revision 2: {gone}, {again}"
    );
    (server, path, gone)
}

fn restore(folder: &Path) {
    succeed(folder, &["restore", "copy.db", "--database", "persona.db"]);
}

#[test]
fn after_a_restore_what_a_client_knew_of_a_revision_is_neither_current_nor_overwrites_it() {
    let (server, path, gone) = gone_and_made_again();
    let mut client = server.connect();
    for read in [path.clone(), format!("{path}?revision=2")] {
        let reply =
            client.request("GET", &read, &[("if-none-match", &gone)], b"").expect("an answer");
        assert_eq!(
            (reply.status, &reply.json()["name"]),
            (200, &json!("of another client")),
            "{read}"
        );
        let cached = reply.header("cache-control").expect("a rule");
        assert!(
            cached.contains("no-cache") && !cached.contains("immutable"),
            "{read} may be kept without asking: {cached}"
        );
        let tag = tag_of(&reply);
        let known =
            client.request("GET", &read, &[("if-none-match", &tag)], b"").expect("an answer");
        assert_eq!(known.status, 304, "{read}: {known:?}");
    }
    let current = tag_of(&client.get(&path).expect("an answer"));
    let writes: [(&str, String, &[u8]); 4] = [
        ("PATCH", path.clone(), br#"{"name": "unseen"}"#),
        ("PUT", path.clone(), br#"{"name": "unseen"}"#),
        ("DELETE", path.clone(), b""),
        ("PATCH", format!("{path}?base_revision=2"), br#"{"name": "unseen"}"#),
    ];
    for (method, path, body) in writes {
        let reply = client.request(method, &path, &[("if-match", &gone)], body).expect("an answer");
        assert_eq!(
            (reply.status, reply.header("etag")),
            (412, Some(&*current)),
            "{method} {path}: {reply:?}"
        );
    }
    assert_eq!(client.get(&path).expect("an answer").json()["name"], "of another client");
}

/// An older version had tags of the revision only; such a tag matches no persona.
#[test]
fn a_tag_that_a_client_kept_from_an_older_version_is_never_current() {
    let (server, path, _) = gone_and_made_again();
    let mut client = server.connect();
    assert_eq!(
        client.request("GET", &path, &[("if-none-match", "\"2\"")], b"").expect("an answer").status,
        200
    );
    assert_eq!(patch(&mut client, &path, &[("if-match", "\"2\"")], "unseen").status, 412);
}
