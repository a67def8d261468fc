//! Pages of events that wait while others write: a filter passes over what comes meanwhile.

use serde_json::json;

use crate::common::events::{EVENTS, EventStream};
use crate::common::personas::{create, patch};
use crate::common::{Reply, Server};

const PAGE: (&str, &str) = ("accept", "application/json");
/// More changes, each told alone, than pages of the database are read for one answer.
const CHANGES: u64 = 60;

#[track_caller]
fn kinds(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    let items = body["items"].as_array().expect("a list").iter();
    items.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn a_page_waits_for_what_it_wants_however_much_else_is_told_meanwhile() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let mut all = EventStream::open(&server, "", &[]);
    all.block().expect("read").expect("the first comment");
    let mut waiting = server.connect();
    let fields = "host: localhost\r\naccept: application/json\r\n";
    let asked = format!("GET {EVENTS}?kind=purged&wait=55 HTTP/1.1\r\n{fields}\r\n");
    waiting.send(asked.as_bytes()).expect("sent");
    for number in 0..CHANGES {
        patch(&mut client, &path, &json!({ "name": number.to_string() })).expect("an answer");
        assert_eq!(all.event()["revision"], number + 2, "each is told before the next one");
    }
    let purge = format!("{path}?purge=true");
    let purged = client.request("DELETE", &purge, &[("if-match", "*")], b"").expect("an answer");
    assert_eq!(purged.status, 204);
    let reply = waiting.read_reply().expect("an answer");
    assert_eq!(kinds(&reply), ["purged"]);
    // One that is behind all of that finds it without a wait.
    let asked = format!("{EVENTS}?after=0&kind=purged");
    let reply = client.request("GET", &asked, &[PAGE], b"").expect("an answer");
    assert_eq!(kinds(&reply), ["purged"]);
}
