//! The places of the words of a search, beside the personas that have them.

use serde_json::{Value, json};

use crate::http::server::Server;

async fn filled(personas: &[Value]) -> Server {
    let server = Server::start();
    for persona in personas {
        server.persona_with(persona).await;
    }
    server
}

#[tokio::test]
async fn highlights_stand_beside_the_items_in_their_order_and_leave_them_as_they_are() {
    let server = filled(&[
        json!({ "name": "Ada", "description": "Knows <b>C++</b> & more", "alternate_greetings": ["Hi", "C++17, please"] }),
        json!({ "name": "C++ tutor", "tags": ["Math"], "scenario": "x".repeat(100_000) }),
    ])
    .await;
    let plain = server.get("/api/v1/personas?q=c%2B%2B").await.json();
    assert_eq!(plain.get("highlights"), None, "nobody asked for them");
    let page = server.get("/api/v1/personas?q=c%2B%2B&highlight=true").await.json();
    assert_eq!(page["items"], plain["items"]);
    let (tutor, ada) = (
        json!([{ "pointer": "/name", "html": "<mark>C++</mark> tutor" }]),
        json!([
            { "pointer": "/description", "html": "Knows &lt;b&gt;<mark>C++</mark>&lt;/b&gt; &amp; more" },
            { "pointer": "/alternate_greetings/1", "html": "<mark>C++</mark>17, please" },
        ]),
    );
    assert_eq!(page["highlights"], json!([tutor, ada]));
    // Page by page, and with fields that leave out the identity.
    let first =
        server.get("/api/v1/personas?q=c%2B%2B&highlight=true&limit=1&fields=kind").await.json();
    assert_eq!(
        (&first["items"], &first["highlights"]),
        (&json!([{ "kind": "character" }]), &json!([tutor]))
    );
    let next = first["next_cursor"].as_str().expect("another page");
    let second = server
        .get(&format!("/api/v1/personas?q=c%2B%2B&highlight=true&limit=1&cursor={next}"))
        .await
        .json();
    assert_eq!(second["highlights"], json!([ada]));
    let without = server.get("/api/v1/personas?q=-math&highlight=true").await.json();
    assert_eq!(
        (without["items"].as_array().map(Vec::len), &without["highlights"]),
        (Some(1), &json!([[]]))
    );
    assert_eq!(
        server.get("/api/v1/personas?q=none&highlight=true").await.json()["highlights"],
        json!([])
    );
}

#[tokio::test]
async fn highlights_need_a_search_and_are_asked_for_by_a_flag() {
    let server = Server::start();
    for (query, detail) in [
        ("highlight=true", "highlight: highlights need a search, q"),
        ("q=a&highlight=yes", "highlight: must be true or false, is \"yes\""),
    ] {
        let reply = server.get(&format!("/api/v1/personas?{query}")).await;
        assert_eq!(
            (reply.refusal(), &reply.json()["detail"]),
            ((400, "bad_parameter".into()), &json!(detail)),
            "{query}"
        );
    }
    assert_eq!(
        server.get("/api/v1/personas?q=%2B&highlight=true").await.refusal(),
        (422, "bad_search".into())
    );
    assert_eq!(server.get("/api/v1/personas?highlight=false").await.status, 200);
}
