//! `GET /api/v1/events?owner=`: followers of an owner are told of what it has, and of what it gives
//! away.

use serde_json::{Value, json};

use crate::common::events::{EVENTS, EventStream};
use crate::common::runner::Folder;
use crate::common::tokens::{bearer, create};
use crate::common::{Client, Server, settle};

const PERSONAS: &str = "/api/v1/personas";

#[track_caller]
fn send(client: &mut Client, method: &str, path: &str, token: &str, body: &str) -> Value {
    let headers = [("authorization", token), ("if-match", "*")];
    // A creation has no condition.
    let headers = if method == "POST" { &headers[..1] } else { &headers[..] };
    let reply = client.request(method, path, headers, body.as_bytes()).expect("an answer");
    assert!(matches!(reply.status, 200 | 201 | 204 | 207), "{reply:?}");
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// The path of a new persona.
#[track_caller]
fn made(client: &mut Client, token: &str, members: &Value) -> String {
    let made = send(client, "POST", PERSONAS, token, &members.to_string());
    format!("{PERSONAS}/{}", made["id"].as_str().expect("an identity"))
}

/// What a follower is told from the beginning, as a page and as a stream.
#[track_caller]
fn told(server: &Server, token: &str, query: &str) -> Vec<Value> {
    settle();
    let page = format!("{EVENTS}?after=0&limit=1000&{query}");
    let headers = [("accept", "application/json"), ("authorization", token)];
    let reply = server.connect().request("GET", &page, &headers, b"").expect("an answer");
    assert_eq!(reply.status, 200, "{reply:?}");
    let items = reply.json()["items"].as_array().expect("a list").clone();
    let query = format!("?after=0&{query}");
    let mut stream = EventStream::open(server, &query, &[("authorization", token)]);
    let streamed: Vec<Value> = items.iter().map(|_| stream.event()).collect();
    assert_eq!(streamed, items, "{query}");
    items
}

/// The same of one persona, as kinds and revisions.
fn told_of(server: &Server, token: &str, query: &str, path: &str) -> Vec<String> {
    let id = path.rsplit('/').next().expect("an identity");
    let events = told(server, token, query);
    let of_it = events.iter().filter(|event| event["persona"] == id);
    of_it
        .map(|event| format!("{} {}", event["kind"].as_str().expect("a kind"), event["revision"]))
        .collect()
}

#[test]
fn a_follower_of_an_owner_is_told_of_what_it_has_and_of_what_it_gives_away() {
    let server = Server::with_workers(2).start();
    let admin = bearer(&create(&server, &["--name=operator", "--scope=admin"]));
    let of_bea = bearer(&create(&server, &["--name=b", "--scope=read", "--owner=bea"]));
    let of_ada = bearer(&create(&server, &["--name=a", "--scope=read", "--owner=ada"]));
    let mut client = server.connect();
    let given = made(&mut client, &admin, &json!({ "name": "Given", "owner": "ada" }));
    for members in [json!({ "name": "2" }), json!({ "owner": "bea" }), json!({ "name": "4" })] {
        send(&mut client, "PATCH", &given, &admin, &members.to_string());
    }
    // A label of what is bea's now, on a revision from ada's time.
    let label = format!("{given}/labels/production");
    let headers = [("authorization", &*admin)];
    let reply = client.request("PUT", &label, &headers, br#"{"revision":1}"#).expect("an answer");
    assert_eq!(reply.status, 201, "{reply:?}");
    let taken = made(&mut client, &admin, &json!({ "name": "Taken" }));
    send(&mut client, "PATCH", &taken, &admin, r#"{"owner":"ada"}"#);
    let purged = made(&mut client, &admin, &json!({ "name": "Purged", "owner": "ada" }));
    send(&mut client, "DELETE", &format!("{purged}?purge=true"), &admin, "");
    // Autosaves, of which the first is dropped. One that changed the owner would be kept.
    let squashed = made(&mut client, &admin, &json!({ "name": "Squashed", "owner": "ada" }));
    for members in [r#"{"name":"2"}"#, r#"{"name":"3"}"#] {
        send(&mut client, "PATCH", &format!("{squashed}?squash=900"), &admin, members);
    }
    let of = |token: &str, query: &str, path: &str| told_of(&server, token, query, path);
    assert_eq!(of(&admin, "owner=ada", &given), ["created 1", "updated 2", "updated 3"]);
    assert_eq!(of(&admin, "owner=bea", &given), ["updated 3", "updated 4", "labelled 1"]);
    assert_eq!(of(&admin, "owner=ada", &taken), ["updated 2"]);
    assert_eq!(of(&admin, "owner=", &taken), ["created 1", "updated 2"]);
    assert_eq!(of(&admin, "owner=ada", &purged), ["created 1", "purged 1"]);
    // What is not known any more is told to all.
    assert_eq!(of(&admin, "owner=ada", &squashed), ["created 1", "updated 2", "updated 3"]);
    assert_eq!(of(&admin, "owner=eve", &squashed), ["updated 2"]);
    for path in [&given, &taken, &purged] {
        assert_eq!(of(&admin, "owner=eve", path), [""; 0]);
    }
    assert_eq!(of(&admin, "owner=bea&kind=labelled", &given), ["labelled 1"]);
    // What a token reaches now is decided first, and the filter chooses among that.
    assert_eq!(of(&of_bea, "owner=ada", &given), ["created 1", "updated 2", "updated 3"]);
    assert_eq!(of(&of_bea, "owner=ada", &taken), [""; 0]);
    assert_eq!(of(&of_ada, "owner=ada", &given), [""; 0]);
    assert_eq!(of(&of_ada, "owner=bea", &given), [""; 0]);
    for wrong in ["owner=-a", "owner=a&owner=b", "owner=a%20b"] {
        let path = format!("{EVENTS}?{wrong}");
        let reply = client.request("GET", &path, &headers, b"").expect("an answer");
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!("bad_parameter")));
    }
}

/// An import leaves out the revision that changed owner and tags. An event stands for it.
#[test]
fn a_change_within_a_gap_of_an_import_is_told_to_followers_of_what_it_took_away() {
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let first = json!({ "name": "Ada", "owner": "ada", "tags": ["math"] });
    let path = made(&mut client, "", &first);
    for members in [r#"{"owner":"bea","tags":[]}"#, r#"{"name":"3"}"#, r#"{"name":"4"}"#] {
        send(&mut client, "PATCH", &path, "", members);
    }
    let all = client.get("/api/v1/export?history=true").expect("an export").body;
    let all = String::from_utf8(all).expect("UTF-8");
    let lines: Vec<&str> = all.lines().collect();
    // As an export has it that was made after the second one was dropped.
    let third = lines[2].replace(r#""base":null"#, r#""base":null,"previous":1"#);
    let kept = [lines[0], &third, lines[3]];
    let other = Server::with_workers(1).start();
    let folder = Folder::new().file("kept.ndjson", kept.join("\n"));
    let url = format!("http://{}", other.address());
    let imported = folder.run(&["import", "kept.ndjson", "--server", &url]);
    assert!(imported.code == 0 && imported.stdout.contains("3 created"), "{imported}");
    for query in ["owner=ada", "tag=math"] {
        assert_eq!(
            told_of(&other, "", query, &path),
            ["created 1", "updated 2", "updated 3"],
            "{query}"
        );
    }
    assert_eq!(told_of(&other, "", "owner=bea", &path), ["updated 2", "updated 3", "updated 4"]);
}

/// Followers of each owner share what the server looks up of owners.
#[test]
fn followers_with_tokens_of_owners_hear_of_a_persona_until_it_is_given_away_and_from_then_on() {
    const FOLLOWERS: usize = 8;
    let server = Server::with_workers(2).start();
    let admin = bearer(&create(&server, &["--name=operator", "--scope=admin"]));
    let mut client = server.connect();
    let follow = |owner: &str| -> Vec<EventStream> {
        let flags = [format!("--name={owner}"), "--scope=read".into(), format!("--owner={owner}")];
        let token = bearer(&create(&server, &flags.each_ref().map(String::as_str)));
        let headers = [("authorization", &*token)];
        let open = || EventStream::open(&server, "", &headers);
        let mut streams: Vec<EventStream> = (0..FOLLOWERS).map(|_| open()).collect();
        for stream in &mut streams {
            stream.block().expect("read").expect("the first comment");
        }
        streams
    };
    let (mut of_ada, mut of_bea) = (follow("ada"), follow("bea"));
    let expect = |streams: &mut [EventStream], expected: &[(&str, u64)]| {
        for stream in streams {
            for (path, revision) in expected {
                let event = stream.event();
                assert!(path.ends_with(event["persona"].as_str().expect("an id")), "{event}");
                assert_eq!(event["revision"], *revision);
            }
        }
    };
    let adas = made(&mut client, &admin, &json!({ "name": "A", "owner": "ada" }));
    let beas = made(&mut client, &admin, &json!({ "name": "B", "owner": "bea" }));
    let given = made(&mut client, &admin, &json!({ "name": "G", "owner": "ada" }));
    send(&mut client, "PATCH", &given, &admin, r#"{"name":"2"}"#);
    send(&mut client, "PATCH", &beas, &admin, r#"{"name":"2"}"#);
    expect(&mut of_ada, &[(&adas, 1), (&given, 1), (&given, 2)]);
    expect(&mut of_bea, &[(&beas, 1), (&beas, 2)]);
    send(&mut client, "PATCH", &given, &admin, r#"{"owner":"bea"}"#);
    send(&mut client, "PATCH", &given, &admin, r#"{"name":"4"}"#);
    send(&mut client, "PATCH", &adas, &admin, r#"{"name":"2"}"#);
    expect(&mut of_ada, &[(&adas, 2)]);
    expect(&mut of_bea, &[(&given, 3), (&given, 4)]);
}

/// The events are in memory, looked at for a follower that came before the persona was given away,
/// and behind more events than one page of the store has.
#[test]
fn a_follower_that_comes_later_is_told_of_all_that_it_reaches_then() {
    const BEFORE: usize = 1_000;
    let server = Server::with_workers(1).start();
    let admin = bearer(&create(&server, &["--name=operator", "--scope=admin"]));
    let of_ada = bearer(&create(&server, &["--name=a", "--scope=read", "--owner=ada"]));
    let of_bea = bearer(&create(&server, &["--name=b", "--scope=read", "--owner=bea"]));
    let mut client = server.connect();
    let mut early = EventStream::open(&server, "", &[("authorization", &*of_ada)]);
    early.block().expect("read").expect("the first comment");
    let item = json!({ "op": "create", "document": { "name": "Of another", "owner": "eve" } });
    let items = json!({ "items": vec![item; BEFORE] }).to_string();
    send(&mut client, "POST", &format!("{PERSONAS}/batch"), &admin, &items);
    let given = made(&mut client, &admin, &json!({ "name": "G", "owner": "ada" }));
    assert_eq!(early.event()["kind"], "created");
    send(&mut client, "PATCH", &given, &admin, r#"{"owner":"bea"}"#);
    assert_eq!(told_of(&server, &of_bea, "", &given), ["created 1", "updated 2"]);
    assert_eq!(told_of(&server, &of_ada, "", &given), [""; 0]);
}
