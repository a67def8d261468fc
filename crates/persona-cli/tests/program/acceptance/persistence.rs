//! One client and one persona: everything that was written is there.

use serde_json::json;

use crate::common::Server;
use crate::common::personas::{Seen, create, get, patch};

#[test]
fn an_update_in_a_single_session_persists() {
    let server = Server::with_workers(4).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let written = Seen::of(
        &patch(&mut client, &path, &json!({ "description": "Countess", "tags": ["maths"] }))
            .expect("an answer"),
    );
    assert_eq!((written.revision(), &written.json()["description"]), (2, &json!("Countess")));
    assert_eq!(get(&mut client, &path), written);
    assert_eq!(get(&mut server.connect(), &path), written);

    let folder = server.stop_and_keep_the_folder();
    let server = Server::with_workers(2).in_folder(folder).start();
    assert_eq!(get(&mut server.connect(), &path), written);
}

#[test]
fn create_update_and_get_work_end_to_end_over_http() {
    let server = Server::with_workers(4).start();
    let mut client = server.connect();
    let body = json!({ "name": "Grace", "kind": "agent", "system_prompt": "Nanoseconds.", "extensions": { "app": { "n": 1 } } });
    let reply = client
        .request("POST", "/api/v1/personas", &[], body.to_string().as_bytes())
        .expect("an answer");
    let first = Seen::of(&reply);
    assert_eq!((reply.status, first.revision()), (201, 1));
    let created = reply.json();
    for (member, value) in body.as_object().expect("an object") {
        assert_eq!(&created[member], value, "{member}");
    }
    let path = reply.header("location").expect("a location").to_owned();
    assert_eq!(path, format!("/api/v1/personas/{}", created["id"].as_str().expect("an id")));

    let mut replacement = body.clone();
    replacement["system_prompt"] = json!("Bugs.");
    let put = |client: &mut crate::common::Client, tag: &str| {
        client
            .request("PUT", &path, &[("if-match", tag)], replacement.to_string().as_bytes())
            .expect("an answer")
    };
    let updated = put(&mut client, &first.etag);
    let second = Seen::of(&updated);
    assert_eq!(
        (updated.status, second.revision(), &second.json()["system_prompt"]),
        (200, 2, &json!("Bugs."))
    );
    let stale = put(&mut client, &first.etag);
    assert_eq!(
        (stale.status, stale.header("etag"), &stale.json()["current_revision"]),
        (412, Some(&*second.etag), &json!(2))
    );

    let read = client.get(&path).expect("an answer");
    assert_eq!((read.status, &read.body), (200, &updated.body));
    let fresh =
        client.request("GET", &path, &[("if-none-match", &second.etag)], b"").expect("an answer");
    assert_eq!((fresh.status, fresh.body.len()), (304, 0));
}
