//! `POST /api/v1/personas/batch` with bodies that are done while they arrive.

use serde_json::{Value, json};

use crate::common::{Client, DEADLINE, Reply, Server, wait_for};

const BATCH: &str = "/api/v1/personas/batch";
/// More items than are read before the first item is done.
const BEGUN: usize = 300;
const TEXT_BYTES: usize = 4_000;

fn id_of(number: usize) -> String {
    format!("0193b0c2-7f3e-7a10-8c1d-{number:012x}")
}

/// An item that creates a persona, as text.
fn creation(number: usize) -> String {
    let document = json!({ "name": format!("P{number}"), "description": "x".repeat(TEXT_BYTES) });
    let item =
        json!({ "op": "put", "id": id_of(number), "if_none_match": "*", "document": document });
    item.to_string()
}

/// Some items from the middle of a batch.
fn some(numbers: std::ops::Range<usize>) -> String {
    numbers.map(creation).collect::<Vec<_>>().join(",")
}

/// Begins a batch with this many announced bytes; the test sends the rest.
fn begin(server: &Server, headers: &str, bytes: Option<usize>) -> Client {
    let frame = match bytes {
        Some(bytes) => format!("content-length: {bytes}"),
        None => "transfer-encoding: chunked".to_owned(),
    };
    let head = format!(
        "POST {BATCH} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{headers}{frame}\r\n\r\n",
        server.address()
    );
    let mut client = server.connect();
    client.send(head.as_bytes()).expect("sent");
    client
}

fn send(server: &Server, headers: &str, body: &str) -> Reply {
    let mut client = begin(server, headers, Some(body.len()));
    client.send(body.as_bytes()).expect("sent");
    client.read_reply().expect("an answer")
}

fn statuses(reply: &Reply) -> Vec<u64> {
    assert_eq!(reply.status, 207, "{reply:?}");
    let items = reply.json()["items"].take();
    let items = items.as_array().expect("a list").iter();
    items.map(|item| item["status"].as_u64().expect("a status")).collect()
}

fn count(server: &Server) -> usize {
    let reply = server.connect().get("/api/v1/personas?count=exact&limit=1").expect("an answer");
    let total = reply.json()["total"].as_u64().expect("a number");
    usize::try_from(total).expect("few")
}

fn is_there(server: &Server, number: usize) -> bool {
    let path = format!("/api/v1/personas/{}", id_of(number));
    server.connect().get(&path).expect("an answer").status == 200
}

#[test]
fn items_can_be_read_while_the_rest_of_their_batch_comes_in() {
    let server = Server::with_workers(2).start();
    let (first, rest) = (some(0..BEGUN), some(BEGUN..2 * BEGUN));
    let (first, rest) = (format!("{{\"items\":[{first}"), format!(",{rest}]}}"));
    let mut client = begin(&server, "", Some(first.len() + rest.len()));
    client.send(first.as_bytes()).expect("sent");
    wait_for("an item", DEADLINE, || is_there(&server, 0).then_some(()));
    assert!(!is_there(&server, BEGUN), "it was not sent");
    client.send(rest.as_bytes()).expect("sent");
    let reply = client.read_reply().expect("an answer");
    assert_eq!(statuses(&reply), vec![201; 2 * BEGUN]);
    assert_eq!((&reply.json()["problem"], count(&server)), (&Value::Null, 2 * BEGUN));
}

#[test]
fn a_batch_that_is_no_batch_behind_its_beginning_tells_what_was_done() {
    let server = Server::with_workers(2).start();
    let mut known = 0;
    let mut ends_with = |tail: &str, code: &str, pointer: &str| {
        let body = format!("{{\"items\":[{}{tail}", some(known..known + BEGUN));
        let reply = send(&server, "", &body);
        assert_eq!(statuses(&reply), vec![201; BEGUN], "{tail}");
        known += BEGUN;
        let problem = &reply.json()["problem"];
        assert_eq!(
            (&problem["code"], &problem["item"], &problem["errors"][0]["pointer"]),
            (&json!(code), &json!(BEGUN), &json!(pointer)),
            "{problem}"
        );
        assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"));
        assert_eq!(count(&server), known, "{tail}");
    };
    ends_with(",{\"op\": nope}]}", "malformed_json", "/items/300/op");
    ends_with("", "malformed_json", "");
    ends_with("],\"atomic\":true}", "invalid", "/atomic");
    let many = vec!["{\"op\":\"erase\"}"; 701].join(",");
    let body = format!("{{\"items\":[{},{many}]}}", some(known..known + BEGUN));
    let reply = send(&server, "", &body);
    let told = reply.json();
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(statuses(&reply)[BEGUN..], vec![422; 700]);
    assert_eq!(
        (&told["problem"]["item"], &told["problem"]["errors"][0]["code"]),
        (&json!(1_000), &json!("too_many"))
    );
}

#[test]
fn a_batch_that_is_cut_off_can_be_repeated_with_its_key() {
    let server = Server::with_workers(2).start();
    let key = "idempotency-key: cut\r\n";
    let (first, rest) = (some(0..BEGUN), some(BEGUN..2 * BEGUN));
    let body = format!("{{\"items\":[{first},{rest}]}}");
    let mut client = begin(&server, key, Some(body.len()));
    client.send(&body.as_bytes()[..body.len() - 10]).expect("sent");
    client.close_its_half().expect("closed");
    let told = client.read_reply().ok();
    let kept = count(&server);
    if let Some(told) = told {
        // An item that is told as done is done.
        assert!(statuses(&told).len() <= kept, "{told:?}");
        assert_eq!(told.json()["problem"]["code"], "body_cut_off");
    }
    assert!(kept < 2 * BEGUN, "the last item never came");
    let again = send(&server, key, &body);
    assert_eq!(statuses(&again), vec![201; 2 * BEGUN]);
    assert_eq!(count(&server), 2 * BEGUN);
}

#[test]
fn an_item_that_is_too_large_is_refused_and_the_others_are_done() {
    let server = Server::with_workers(2).start();
    let large =
        json!({ "op": "create", "document": { "name": "L", "notes": "x".repeat(8 << 20) } });
    let body = format!("{{\"items\":[{},{large},{}]}}", some(0..2), some(2..4));
    let reply = send(&server, "", &body);
    assert_eq!(statuses(&reply), [201, 201, 413, 201, 201]);
    let problem = &reply.json()["items"][2]["problem"];
    let bytes = large.to_string().len();
    assert_eq!(
        (&problem["code"], &problem["body_bytes"], &problem["body_bytes_max"]),
        (&json!("body_too_large"), &json!(bytes), &json!(8 << 20))
    );
    assert_eq!(count(&server), 4);
}

#[test]
fn a_batch_that_announces_too_much_changes_nothing() {
    let server = Server::with_workers(2).start();
    for headers in ["", "expect: 100-continue\r\n"] {
        let mut client = begin(&server, headers, Some((64 << 20) + 1));
        let reply = client.read_reply().expect("an answer before the body");
        assert_eq!((reply.status, &reply.json()["code"]), (413, &json!("body_too_large")));
        assert_eq!(reply.json()["body_bytes_max"], 64 << 20);
    }
    assert_eq!(count(&server), 0);
}

#[test]
fn changes_of_one_persona_are_in_order_in_a_large_batch_too() {
    let server = Server::with_workers(2).start();
    let first = format!("{{\"items\":[{}]}}", creation(0));
    assert_eq!(statuses(&send(&server, "", &first)), [201]);
    let change = |revision: usize| {
        let patch = json!({ "nickname": revision.to_string(), "scenario": "y".repeat(TEXT_BYTES) });
        json!({ "op": "patch", "id": id_of(0), "base_revision": revision, "patch": patch })
    };
    let items: Vec<Value> = (1..=BEGUN).map(change).collect();
    let reply = send(&server, "", &json!({ "items": items }).to_string());
    assert_eq!(statuses(&reply), vec![200; BEGUN]);
    let told = reply.json();
    let revisions = told["items"].as_array().expect("a list").iter().map(|item| &item["revision"]);
    assert!(
        revisions.eq((2..=BEGUN + 1).map(|revision| json!(revision)).collect::<Vec<_>>().iter())
    );
}
