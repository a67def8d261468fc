//! `GET /api/v1/events?label=`: followers of labels are told of their moves and of nothing else.

use serde_json::{Value, json};

use crate::common::events::{EVENTS, EventStream};
use crate::common::personas::{create, patch};
use crate::common::{Server, settle};

const PAGE: (&str, &str) = ("accept", "application/json");

#[test]
fn a_follower_of_labels_is_told_of_their_moves_alone() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    let paths = [create(&mut client, "Ada"), create(&mut client, "Bea")];
    for path in &paths {
        patch(&mut client, path, &json!({ "name": "2" })).expect("an answer");
        for (method, label, body) in [
            ("PUT", "production", &br#"{"revision":1}"#[..]),
            ("PUT", "staging", br#"{"from":"latest"}"#),
            ("PUT", "production", br#"{"from":"staging"}"#),
            ("DELETE", "production", b""),
        ] {
            let target = format!("{path}/labels/{label}");
            let reply = client.request(method, &target, &[], body).expect("an answer");
            assert!(matches!(reply.status, 200 | 201 | 204), "{reply:?}");
        }
    }
    let mut page = |query: &str| {
        settle();
        let path = format!("{EVENTS}?after=0&limit=1000&{query}");
        client.request("GET", &path, &[PAGE], b"").expect("an answer")
    };
    let mut told_of = |query: &str| {
        let body = page(query).json();
        let items = body["items"].as_array().expect("a list").clone();
        let mut stream = EventStream::open(&server, &format!("?after=0&{query}"), &[]);
        let streamed: Vec<Value> = items.iter().map(|_| stream.event()).collect();
        assert_eq!(streamed, items, "{query}");
        let told = |event: &Value| json!([event["label"], event["kind"], event["revision"]]);
        items.iter().map(told).collect::<Vec<_>>()
    };
    let production = [
        json!(["production", "labelled", 1]),
        json!(["production", "labelled", 2]),
        json!(["production", "unlabelled", 2]),
    ];
    let staging = [json!(["staging", "labelled", 2])];
    let twice = |events: &[Value]| [events, events].concat();
    assert_eq!(told_of("label=production"), twice(&production));
    assert_eq!(told_of("label=staging"), twice(&staging));
    assert_eq!(told_of("label=staging&label=production").len(), 8);
    assert_eq!(told_of("label=production&kind=unlabelled"), twice(&production[2..]));
    let second = paths[1].rsplit('/').next().expect("an identity");
    assert_eq!(told_of(&format!("label=staging&persona={second}")), staging);
    assert_eq!(told_of("label=other"), [] as [Value; 0]);
    for wrong in ["latest", "7", "A", ""] {
        let refused = page(&format!("label={wrong}"));
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("bad_parameter")));
    }
    let many: Vec<String> = (0..33).map(|number| format!("label=l{number}")).collect();
    assert_eq!(page(&many.join("&")).status, 400);
}
