//! `POST /api/v1/import`.

use serde_json::{Value, json};

use crate::http::client::Reply;
use crate::http::server::Server;

const FILE: &str = "application/octet-stream";
const ABSENT_ID: &str = "0193b0c2-0000-7000-8000-000000000002";
const PROMPTS: &str = "act,prompt\nWizard,You are a wizard.\nPoet,You are a poet.\nLonely\n";

async fn import(server: &Server, query: &str, body: impl Into<bytes::Bytes>) -> Reply {
    let reply =
        server.send("POST", &format!("/api/v1/import{query}")).body(FILE, body).send().await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply
}

/// The status of each item.
fn statuses(reply: &Reply) -> Vec<String> {
    let report = reply.json();
    let items = report["items"].as_array().expect("items");
    items.iter().map(|item| item["status"].as_str().expect("a word").to_owned()).collect()
}

async fn count(server: &Server) -> u64 {
    server.get("/api/v1/personas?count=exact").await.json()["total"].as_u64().expect("a number")
}

fn lines(documents: &[Value]) -> String {
    let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn a_file_is_looked_at_first_then_imported_and_a_second_run_changes_nothing() {
    let server = Server::start();
    let looked = import(&server, "?mode=validate", PROMPTS).await;
    assert_eq!(statuses(&looked), ["new", "new", "failed"]);
    assert_eq!(count(&server).await, 0);
    let imported = import(&server, "", PROMPTS).await;
    assert_eq!(statuses(&imported), ["created", "created", "failed"]);
    let items = imported.json()["items"].clone();
    assert_eq!((&items[0]["name"], &items[0]["line"]), (&json!("Wizard"), &json!(2)));
    assert!(!items[2]["errors"][0].as_str().expect("a reason").is_empty());
    assert_eq!(items[0]["id"], looked.json()["items"][0]["id"], "the identity is known before");
    let path = format!("/api/v1/personas/{}", items[0]["id"].as_str().expect("an id"));
    assert_eq!(server.get(&path).await.json()["system_prompt"], "You are a wizard.");
    let again = import(&server, "", PROMPTS).await;
    assert_eq!(statuses(&again), ["unchanged", "unchanged", "failed"]);
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn what_is_there_is_left_alone_updated_or_kept_beside_the_new_one() {
    let server = Server::start();
    import(&server, "", PROMPTS).await;
    let other = PROMPTS.replace("a wizard", "an old wizard");
    let dry = import(&server, "?mode=validate&on_duplicate=update", other.clone()).await;
    assert_eq!(statuses(&dry), ["would_update", "unchanged", "failed"]);
    let skipped = import(&server, "?on_duplicate=skip", other.clone()).await;
    assert_eq!(statuses(&skipped), ["differs", "unchanged", "failed"]);
    let both = import(&server, "?on_duplicate=keep_both", other.clone()).await;
    assert_eq!(statuses(&both), ["created", "unchanged", "failed"]);
    assert_ne!(both.json()["items"][0]["id"], dry.json()["items"][0]["id"]);
    assert_eq!(count(&server).await, 3);
    let updated = import(&server, "?on_duplicate=update", other.clone()).await;
    assert_eq!(statuses(&updated), ["updated", "unchanged", "failed"]);
    let id = updated.json()["items"][0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/personas/{id}");
    let now = server.get(&path).await.json();
    assert_eq!(
        (&now["revision"], &now["system_prompt"]),
        (&json!(2), &json!("You are an old wizard."))
    );
    server.delete(&path).await;
    let deleted = import(&server, "?on_duplicate=update", other).await;
    assert_eq!(statuses(&deleted), ["deleted", "unchanged", "failed"]);
}

#[tokio::test]
async fn a_dry_run_tells_of_every_item_what_an_import_makes_of_it() {
    let server = Server::start();
    let id = |last: u8| format!("0193b0c2-7f3e-7a10-8c1d-0000000000{last:02}");
    server.persona_with(&json!({ "name": "First", "handle": "taken" })).await;
    let moving = json!({ "id": id(1), "name": "Moving", "handle": "before" });
    import(&server, "", lines(std::slice::from_ref(&moving))).await;
    let file = lines(&[
        json!({ "name": "No room", "handle": "taken" }),
        json!({ "name": "Room", "handle": "free" }),
        json!({ "id": id(1), "name": "Moving", "handle": "after" }),
        json!({ "id": id(2), "name": "Twice" }),
        json!({ "id": id(2), "name": "Twice" }),
        json!({ "id": id(2), "name": "Twice, otherwise" }),
    ]);
    for on_duplicate in ["skip", "keep_both", "update"] {
        let query = format!("mode=validate&on_duplicate={on_duplicate}");
        let dry = import(&server, &format!("?{query}"), file.clone()).await;
        let real = import(&server, &format!("?on_duplicate={on_duplicate}"), file.clone()).await;
        let foreseen = statuses(&dry).into_iter().map(|status| match status.as_str() {
            "new" => "created".to_owned(),
            "would_update" => "updated".to_owned(),
            _ => status,
        });
        let real_statuses = statuses(&real);
        assert_eq!(foreseen.collect::<Vec<_>>(), real_statuses, "{on_duplicate}");
        assert_eq!(real_statuses[0], "failed");
        let errors = |reply: &Reply| reply.json()["items"][0]["errors"].clone();
        assert_eq!(errors(&dry), errors(&real));
    }
}

#[tokio::test]
async fn a_handle_that_an_earlier_item_gives_up_is_free_for_a_later_one() {
    let server = Server::start();
    let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
    let before = json!({ "id": id, "name": "Moving", "handle": "before" });
    import(&server, "", lines(&[before])).await;
    let file = lines(&[
        json!({ "id": id, "name": "Moving", "handle": "after" }),
        json!({ "name": "Next", "handle": "before" }),
    ]);
    let dry = import(&server, "?mode=validate&on_duplicate=update", file.clone()).await;
    assert_eq!(statuses(&dry), ["would_update", "new"]);
    let dry = import(&server, "?mode=validate", file).await;
    assert_eq!(statuses(&dry), ["differs", "failed"]);
}

#[tokio::test]
async fn of_two_items_that_want_one_handle_a_dry_run_tells_that_one_fails() {
    let server = Server::start();
    let of = |name: &str, owner: &str| json!({ "name": name, "handle": "h", "owner": owner });
    let file = lines(&[of("One", "ada"), of("Two", "ada"), of("Three", "bea")]);
    let dry = import(&server, "?mode=validate", file.clone()).await;
    assert_eq!(statuses(&dry), ["new", "failed", "new"]);
    let mut real = statuses(&import(&server, "", file).await);
    real[..2].sort();
    assert_eq!(real, ["created", "failed", "created"]);
}

#[tokio::test]
async fn items_of_one_persona_are_done_in_their_order() {
    let server = Server::start();
    let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
    let of = |text: &str| json!({ "id": id, "name": "Ada", "description": text });
    let file = lines(&[of("first"), of("second"), of("second"), of("third")]);
    let reply = import(&server, "?on_duplicate=update", file).await;
    assert_eq!(statuses(&reply), ["created", "updated", "unchanged", "updated"]);
    let now = server.get(&format!("/api/v1/personas/{id}")).await.json();
    assert_eq!((&now["revision"], &now["description"]), (&json!(3), &json!("third")));
}

#[tokio::test]
async fn one_bad_item_stops_no_other_and_every_reason_is_told() {
    let server = Server::start();
    server.persona_with(&json!({ "name": "First", "handle": "taken" })).await;
    let file = lines(&[
        json!({ "name": "Second", "handle": "taken" }),
        json!({ "name": "" }),
        json!({ "name": "Card", "spec": "chara_card_v2", "data": {} }),
        json!({ "name": "Past", "revision": 3, "history": { "last": 3 }, "id": "0193b0c2-7f3e-7a10-8c1d-000000000009",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z" }),
        json!({ "name": "Good" }),
    ]);
    let reply = import(&server, "", file + "no json\n").await;
    assert_eq!(statuses(&reply), ["failed", "failed", "failed", "failed", "created", "failed"]);
    let report = reply.json();
    for item in report["items"].as_array().expect("items") {
        let has_reason = item["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        assert_eq!(has_reason, item["status"] == "failed", "{item}");
    }
    assert!(report["items"][0]["errors"][0].as_str().expect("a reason").contains("taken"));
}

#[tokio::test]
async fn a_repetition_with_the_key_of_the_request_makes_no_second_copy() {
    let server = Server::start();
    let file = lines(&[json!({ "name": "Ada" }), json!({ "name": "Bea" })]);
    let send = async || {
        let request = server.send("POST", "/api/v1/import").header("idempotency-key", "k-1");
        request.body("application/x-ndjson", file.clone()).send().await
    };
    assert_eq!(statuses(&send().await), ["created", "created"]);
    assert_eq!(statuses(&send().await), ["created", "created"]);
    assert_eq!(count(&server).await, 2);
}

/// Imports one document with a key, and returns its status, its id and why it was refused.
async fn keyed(server: &Server, query: &str, key: &str, document: Value) -> [Value; 3] {
    let request = server.send("POST", &format!("/api/v1/import{query}"));
    let request = request.header("idempotency-key", key);
    let item = request.body(FILE, lines(&[document])).send().await.json()["items"][0].clone();
    ["status", "id", "code"].map(|member| item[member].clone())
}

#[tokio::test]
async fn a_key_of_another_file_or_with_other_parameters_is_refused_and_loses_nothing() {
    let server = Server::start();
    let [one, other] = ["0193b0c2-0000-7000-8000-000000000001", ABSENT_ID];
    let with_id = |id: &str| json!({ "id": id, "name": "same" });
    assert_eq!(keyed(&server, "", "k", with_id(one)).await[0], "created");
    let reused = json!("idempotency_key_reused");
    // The same text for another persona, and the same file with another parameter or note.
    assert_eq!(keyed(&server, "", "k", with_id(other)).await[2], reused);
    assert_eq!(keyed(&server, "?on_duplicate=update", "k", with_id(one)).await[2], reused);
    assert_eq!(keyed(&server, "?note=why", "k", with_id(one)).await[2], reused);
    assert_eq!(keyed(&server, "", "k", with_id(one)).await[0], "created", "a repetition");
    assert_eq!(count(&server).await, 1);
    assert_eq!(keyed(&server, "", "k-2", with_id(other)).await[0], "created", "another key");
}

#[tokio::test]
async fn a_repetition_with_a_key_undoes_no_change_that_was_made_since_and_makes_no_second_copy() {
    let server = Server::start();
    let persona = server.persona("Ada").await;
    let id = persona.rsplit('/').next().expect("an id").to_owned();
    let document = |text: &str| json!({ "id": id, "name": text });
    let change = async |name: &str| {
        let patch = server.send("PATCH", &persona).json(&json!({ "name": name }));
        assert_eq!(patch.send().await.status, 200);
    };
    let name = async || server.get(&persona).await.json()["name"].clone();
    let (update, both) = ("?on_duplicate=update", "?on_duplicate=keep_both");
    assert_eq!(keyed(&server, update, "a", document("from file")).await[0], "updated");
    change("acknowledged").await;
    assert_eq!(keyed(&server, update, "a", document("from file")).await[0], "updated", "as before");
    assert_eq!(name().await, "acknowledged");
    // The same where there was nothing to do the first time.
    for (key, query) in [("b", update), ("c", both)] {
        change("equal").await;
        assert_eq!(keyed(&server, query, key, document("equal")).await[0], "unchanged");
        change("acknowledged").await;
        assert_eq!(keyed(&server, query, key, document("equal")).await[0], "unchanged", "{query}");
        assert_eq!((name().await, count(&server).await), (json!("acknowledged"), 1), "{query}");
    }
    let copy = keyed(&server, both, "d", document("beside")).await;
    assert_eq!((&copy[0], copy[1] == json!(id)), (&json!("created"), false));
    assert_eq!(keyed(&server, both, "d", document("beside")).await, copy);
    assert_eq!(count(&server).await, 2);
    // The control: without a key each of them is done again.
    import(&server, both, lines(&[document("beside")])).await;
    assert_eq!(statuses(&import(&server, update, lines(&[document("equal")])).await), ["updated"]);
    assert_eq!((name().await, count(&server).await), (json!("equal"), 3));
}

#[tokio::test]
async fn what_is_no_file_is_refused_before_anything_is_done() {
    let server = Server::start();
    let send = async |query: &str, media: &str, body: String| {
        server
            .send("POST", &format!("/api/v1/import{query}"))
            .body(media, body)
            .send()
            .await
            .refusal()
    };
    let good = || lines(&[json!({ "name": "Ada" })]);
    for media in
        ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    {
        let wrong_type = send("", media, good()).await;
        assert_eq!(wrong_type, (415, "unsupported_media_type".into()), "{media}");
    }
    let form = server.send("POST", "/api/v1/import").body("multipart/form-data", good());
    let hint = form.send().await.problem()["hint"].clone();
    assert!(hint.as_str().is_some_and(|hint| hint.contains("--data-binary")), "{hint}");
    let part = server.send("POST", "/api/v1/import").header("content-range", "bytes 0-9/99");
    assert_eq!(part.body(FILE, good()).send().await.refusal(), (400, "bad_header".into()));
    assert_eq!(send("?mode=now", FILE, good()).await, (400, "bad_parameter".into()));
    assert_eq!(send("?on_duplicate=replace", FILE, good()).await, (400, "bad_parameter".into()));
    assert_eq!(send("", FILE, " ".repeat(9 << 20)).await, (413, "body_too_large".into()));
    let many: Vec<Value> =
        (0..10_001).map(|number: u32| json!({ "name": number.to_string() })).collect();
    assert_eq!(send("", FILE, lines(&many)).await, (413, "body_too_large".into()));
    assert_eq!(count(&server).await, 0);
}

#[tokio::test]
async fn bytes_of_no_format_are_a_failed_item_and_an_empty_file_has_none() {
    let server = Server::start();
    let picture = import(&server, "", vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10]).await;
    assert_eq!(statuses(&picture), ["failed"]);
    let reason = picture.json()["items"][0]["errors"][0].as_str().expect("a reason").to_owned();
    assert!(reason.contains("PNG"), "{reason}");
    assert_eq!(import(&server, "", "").await.json(), json!({ "items": [] }));
}
