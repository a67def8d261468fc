//! `GET` and `POST /api/v1/personas/{id}/diff`.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::{ABSENT, Server};

/// A persona with three revisions.
async fn changed(server: &Server) -> String {
    let text = "one\ntwo words here\nthree";
    let path = server.persona_with(&json!({ "name": "Ada", "description": text })).await;
    let changes = [
        json!({ "description": "one\ntwo other words here\nthree", "tags": ["a"] }),
        json!({ "extensions": { "a/b": { "n": 1 } } }),
    ];
    for change in changes {
        server.send("PATCH", &path).json(&change).send().await;
    }
    path
}

#[tokio::test]
async fn two_revisions_are_compared_as_a_patch_and_as_hunks_of_words() {
    let server = Server::start();
    let path = changed(&server).await;
    let diff = server.get(&format!("{path}/diff?from=1&to=2")).await.json();
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)));
    assert_eq!(diff["changed"], json!(["description", "tags"]));
    let operations = json!([
        { "op": "replace", "path": "/description", "value": "one\ntwo other words here\nthree" },
        { "op": "add", "path": "/tags/0", "value": "a" },
    ]);
    assert_eq!(diff["patch"], operations);
    let same = |text: &str| json!({ "text": text, "changed": false });
    let lines = json!([
        { "side": "both", "spans": [same("one")] },
        { "side": "from", "spans": [same("two words here")] },
        { "side": "to", "spans": [
            same("two "), { "text": "other ", "changed": true }, same("words here"),
        ] },
        { "side": "both", "spans": [same("three")] },
    ]);
    let hunk = json!({ "from_line": 1, "to_line": 1, "lines": lines });
    let text = json!([{ "pointer": "/description", "coarse": false, "hunks": [hunk] }]);
    assert_eq!(diff["texts"], text);
    let last = server.get(&format!("{path}/diff")).await.json();
    assert_eq!(
        (&last["from"], &last["to"], &last["changed"]),
        (&json!(2), &json!(3), &json!(["extensions"]))
    );
    assert_eq!(
        last["patch"],
        json!([{ "op": "add", "path": "/extensions/a~1b", "value": { "n": 1 } }])
    );
    let before = server.get(&format!("{path}/diff?to=2")).await.json();
    assert_eq!(before, diff);
    let back = server.get(&format!("{path}/diff?from=3&to=1")).await.json();
    let changes = back["patch"].as_array().expect("a list").len();
    assert_eq!((changes, &back["texts"][0]["pointer"]), (3, &json!("/description")));
    server.delete(&path).await;
    let deletion = server.get(&format!("{path}/diff")).await.json();
    assert_eq!(
        (&deletion["to"], &deletion["changed"]),
        (&json!(4), &json!([])),
        "also of a deleted one"
    );
}

#[tokio::test]
async fn the_patch_of_a_difference_takes_a_persona_from_one_revision_to_the_other() {
    let server = Server::start();
    let path = changed(&server).await;
    let diff = server.get(&format!("{path}/diff?from=3&to=1")).await.json();
    let patched: Reply = server
        .send("PATCH", &path)
        .body("application/json-patch+json", diff["patch"].to_string())
        .send()
        .await;
    assert_eq!(patched.revision(), 4);
    let same = server.get(&format!("{path}/diff?from=1&to=4")).await.json();
    assert_eq!(
        (&same["changed"], &same["patch"], &same["texts"]),
        (&json!([]), &json!([]), &json!([]))
    );
}

#[tokio::test]
async fn a_document_that_is_not_stored_is_compared_and_nothing_is_changed() {
    let server = Server::start();
    let path = changed(&server).await;
    let compare = |query: &str, document: &Value| {
        server.send("POST", &format!("{path}/diff{query}")).json(document).send()
    };
    let document = json!({ "name": "Ada", "description": "one\ntwo words here\nthree" });
    let with_first = compare("?from=1", &document).await.json();
    assert_eq!((&with_first["to"], &with_first["patch"]), (&Value::Null, &json!([])));
    let with_current = compare("", &document).await.json();
    assert_eq!(with_current["from"], 3);
    assert_eq!(with_current["changed"], json!(["description", "tags", "extensions"]));
    let bad = compare("", &json!({ "nmae": "Ada" })).await;
    assert_eq!(bad.refusal(), (422, "invalid".into()));
    assert_eq!(server.get(&path).await.revision(), 3);
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused() {
    let server = Server::start();
    let path = server.persona("Ada").await;
    let first = server.get(&format!("{path}/diff")).await;
    assert_eq!(first.refusal(), (404, "no_such_revision".into()), "there is none before");
    for query in ["?from=1&to=2", "?to=9223372036854775807", "?from=9"] {
        let unknown = server.get(&format!("{path}/diff{query}")).await;
        assert_eq!(unknown.refusal(), (404, "no_such_revision".into()), "{query}");
    }
    for query in ["?from=0", "?to=x", "?from=1&from=2", "?until=1"] {
        let bad = server.get(&format!("{path}/diff{query}")).await;
        assert_eq!(bad.refusal(), (400, "bad_parameter".into()), "{query}");
    }
    for target in [format!("{ABSENT}/diff"), format!("{ABSENT}/diff?from=1&to=2")] {
        assert_eq!(server.get(&target).await.refusal(), (404, "no_such_persona".into()));
    }
}

#[tokio::test]
async fn the_largest_texts_are_compared() {
    let server = Server::start();
    let text = |words: &str| words.repeat(256 * 1024 / words.len());
    let path = server.persona_with(&json!({ "name": "Ada", "description": text("a b\n") })).await;
    let change = json!({ "description": text("c\nd e\n") });
    assert_eq!(server.send("PATCH", &path).json(&change).send().await.status, 200);
    let diff = server.get(&format!("{path}/diff")).await.json();
    assert_eq!(
        (&diff["texts"][0]["coarse"], &diff["changed"]),
        (&json!(true), &json!(["description"]))
    );
}

#[tokio::test]
async fn large_documents_are_compared_at_the_same_time() {
    let server = Server::start();
    let text = |word: &str| format!("{word}\n").repeat(100 * 1024 / (word.len() + 1));
    let path = server.persona_with(&json!({ "name": "Ada", "description": text("one") })).await;
    let (path, sent) =
        (format!("{path}/diff"), json!({ "name": "Ada", "description": text("two") }));
    let compare = || server.send("POST", &path).json(&sent).send();
    // More than there are turns at large bodies.
    let (first, second, third, fourth) = tokio::join!(compare(), compare(), compare(), compare());
    assert_eq!([first, second, third, fourth].map(|reply| reply.status.as_u16()), [200; 4]);
}
