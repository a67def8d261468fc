//! `GET /api/v1/events`: which events a follower gets, and from where on.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use persona_test_support::Stop;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::events::{EVENTS, EventStream, follow, sequence};
use crate::common::personas::{create, patch};
use crate::common::tokens::{bearer, run};
use crate::common::{Client, DEADLINE, Reply, Server, settle, signal, tokens, wait_for};

const PAGE: (&str, &str) = ("accept", "application/json");

fn id_of(path: &str) -> String {
    path.rsplit('/').next().expect("an identity").to_owned()
}

/// The change that an event tells of, without times and numbers.
fn told(event: &Value) -> (String, u64, String) {
    let text = |name: &str| event[name].as_str().expect("a text").to_owned();
    (text("persona"), event["revision"].as_u64().expect("a number"), text("kind"))
}

#[track_caller]
fn write(client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)]) {
    let reply = client.request(method, path, headers, b"").expect("an answer");
    assert!(matches!(reply.status, 200 | 204), "{reply:?}");
}

fn page(server: &Server, query: &str) -> Reply {
    settle();
    server.connect().request("GET", &format!("{EVENTS}{query}"), &[PAGE], b"").expect("an answer")
}

#[track_caller]
fn items(reply: &Reply) -> (Vec<u64>, String) {
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    let items = body["items"].as_array().expect("a list").iter().map(sequence).collect();
    (items, body["next_after"].as_str().expect("a place").to_owned())
}

#[test]
fn every_change_is_told_once_with_its_author_and_a_comment_comes_first() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    create(&mut client, "Before");
    let mut stream = EventStream::open(&server, "", &[]);
    let first = stream.block().expect("read").expect("a block");
    assert!(first.comment.is_some() && first.id.is_some() && first.data.is_none(), "{first:?}");
    let author = [("x-persona-author", "ada")];
    let reply = client.request("POST", "/api/v1/personas", &author, br#"{"name":"Ada"}"#);
    let path = reply.expect("an answer").header("location").expect("a path").to_owned();
    patch(&mut client, &path, &json!({ "name": "Ada L." })).expect("an answer");
    patch(&mut client, &path, &json!({ "name": "Ada L." })).expect("unchanged");
    write(&mut client, "DELETE", &path, &[("if-match", "*")]);
    write(&mut client, "POST", &format!("{path}/undelete"), &[]);
    let block = stream.block().expect("read").expect("a block");
    let event = block.json();
    assert_eq!(block.id, Some(sequence(&event).to_string()));
    assert_eq!((&event["by"], block.event), (&json!("ada"), None));
    let mut events = vec![told(&event)];
    events.extend((0..3).map(|_| told(&stream.event())));
    let id = id_of(&path);
    let expected = [(1, "created"), (2, "updated"), (3, "deleted"), (4, "undeleted")];
    assert_eq!(events, expected.map(|(revision, kind)| (id.clone(), revision, kind.to_owned())));
}

#[test]
fn a_follower_goes_on_behind_what_it_has_and_nothing_is_missing_or_comes_twice() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    for number in 0..20 {
        create(&mut client, &number.to_string());
    }
    let (all, next) = items(&page(&server, "?after=0&limit=1000"));
    assert_eq!(all.len(), 20);
    assert_eq!(EventStream::open(&server, "?after=0", &[]).sequences(20), all);
    let from = |place: &str| EventStream::open(&server, &format!("?after={place}"), &[]);
    assert_eq!(from(&all[6].to_string()).sequences(13), all[7..]);
    // The header of a browser outweighs the query of its page.
    let id = all[9].to_string();
    let mut stream = EventStream::open(&server, "?after=0", &[("last-event-id", &id)]);
    assert_eq!(stream.sequences(10), all[10..]);
    let mut live = from(&next);
    let path = create(&mut client, "later");
    let event = live.event();
    assert_eq!(told(&event), (id_of(&path), 1, "created".into()));
    assert_eq!(sequence(&stream.event()), sequence(&event));
    // Reads page by page, each from the place that the page before named.
    let (mut paged, mut place) = (Vec::new(), "0".to_owned());
    loop {
        let (items, next) = items(&page(&server, &format!("?after={place}&limit=6")));
        if items.is_empty() {
            break;
        }
        paged.extend(items);
        place = next;
    }
    assert_eq!(paged, [all, vec![sequence(&event)]].concat());
}

#[test]
fn a_follower_is_told_what_it_asks_for() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    let (ada, bea) = (create(&mut client, "Ada"), create(&mut client, "Bea"));
    for members in [json!({ "tags": ["Math"] }), json!({ "name": "A" }), json!({ "tags": [] })] {
        assert_eq!(patch(&mut client, &ada, &members).expect("an answer").status, 200);
    }
    patch(&mut client, &bea, &json!({ "name": "B" })).expect("an answer");
    write(&mut client, "DELETE", &bea, &[("if-match", "*")]);
    let last = patch(&mut client, &ada, &json!({ "name": "last" })).expect("an answer");
    assert_eq!(last.status, 200);
    let told_of = |query: &str| {
        let path = format!("?after=0&limit=1000&{query}");
        let body = page(&server, &path).json();
        let items = body["items"].as_array().expect("a list").clone();
        let mut stream = EventStream::open(&server, &format!("?after=0&{query}"), &[]);
        let streamed: Vec<Value> = items.iter().map(|_| stream.event()).collect();
        assert_eq!(streamed, items, "{query}");
        items.iter().map(|event| (told(event).0, told(event).1)).collect::<Vec<_>>()
    };
    let (a, b) = (id_of(&ada), id_of(&bea));
    let of = |id: &String, revisions: &[u64]| -> Vec<(String, u64)> {
        revisions.iter().map(|revision| (id.clone(), *revision)).collect()
    };
    assert_eq!(told_of(&format!("persona={b}")), of(&b, &[1, 2, 3]));
    assert_eq!(told_of(&format!("persona={b}&persona={a}")).len(), 8);
    assert_eq!(told_of("kind=deleted"), of(&b, &[3]));
    assert_eq!(told_of("kind=deleted&kind=created"), [of(&a, &[1]), of(&b, &[1, 3])].concat());
    // The change that takes the tag away is told, and no change after it.
    assert_eq!(told_of("tag=math"), of(&a, &[2, 3, 4]));
    assert_eq!(told_of(&format!("tag=MATH&persona={b}")), []);
}

#[test]
fn an_event_has_the_persona_at_its_revision_where_that_is_asked_for() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    let path = create(&mut client, "Ada");
    let large = json!({ "description": "x".repeat(100_000) });
    assert_eq!(patch(&mut client, &path, &large).expect("an answer").status, 200);
    patch(&mut client, &path, &json!({ "description": "y" })).expect("an answer");
    let mut stream = EventStream::open(&server, "?after=0&include=document", &[]);
    let body = page(&server, "?after=0&include=document").json();
    for revision in 1..=3_u64 {
        let stored = client.get(&format!("{path}/revisions/{revision}")).expect("an answer").json();
        let event = stream.event();
        assert_eq!(event["document"], stored);
        assert_eq!(body["items"][usize::try_from(revision).expect("small") - 1], event);
    }
    assert_eq!(EventStream::open(&server, "?after=0", &[]).event()["document"], Value::Null);
}

#[test]
fn a_place_that_the_feed_does_not_have_is_told_and_the_stream_goes_on_from_now() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    create(&mut client, "Ada");
    create(&mut client, "Bea");
    let (all, next) = items(&page(&server, "?after=0"));
    let proof = next.split_once('-').expect("a proof").1;
    let of_another_database = format!("{}-{proof}", all[0]);
    let of_the_future = (all[1] + 1_000_000).to_string();
    let resets = |query: &str, headers: &[(&str, &str)], client: &mut Client| {
        let mut stream = EventStream::open(&server, query, headers);
        let (name, data) = stream.named_event();
        assert_eq!((name.as_deref(), sequence(&data)), (Some("reset"), newest(&server)), "{query}");
        assert_eq!(stream.last_id, Some(sequence(&data).to_string()));
        let path = create(client, "next");
        assert_eq!(told(&stream.event()).0, id_of(&path), "{query}");
    };
    for place in [&of_another_database, &of_the_future] {
        resets(&format!("?after={place}"), &[], &mut client);
        let refused = page(&server, &format!("?after={place}"));
        assert_eq!((refused.status, &refused.json()["code"]), (410, &json!("unknown_position")));
    }
    for garbage in
        ["x", "-1", "1.5", "18446744073709551616", "7-7", "\u{e4}", of_the_future.as_str()]
    {
        resets("?after=0", &[("last-event-id", garbage)], &mut client);
    }
    // A wrong place in the query is the program's own mistake.
    let refused = page(&server, "?after=x");
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("bad_parameter")));
    let wrong = "wait=5 limit=5 persona=7 kind=renamed include=all afer=1 label=a&kind=created";
    for query in wrong.split(' ') {
        let reply = server.connect().get(&format!("{EVENTS}?{query}")).expect("an answer");
        assert_eq!(reply.status, 400, "{query}");
    }
}

/// The number of the newest event.
fn newest(server: &Server) -> u64 {
    *items(&page(server, "?after=0&limit=1000")).0.last().expect("an event")
}

#[test]
fn a_page_waits_for_the_next_event_and_is_empty_without_one() {
    let server = Server::with_workers(2).start();
    let mut client = server.connect();
    create(&mut client, "Ada");
    let (_, place) = items(&page(&server, "?after=0"));
    let (none, same) = items(&page(&server, &format!("?after={place}")));
    assert_eq!((none, &same), (vec![], &place));
    let (none, same) = items(&page(&server, &format!("?after={place}&wait=1")));
    assert_eq!((none, &same), (vec![], &place));
    // Without a place the follower is told of later events only.
    let (none, from_now) = items(&page(&server, ""));
    assert_eq!((none, &from_now), (vec![], &place));
    thread::scope(|scope| {
        let waits = scope.spawn(|| items(&page(&server, &format!("?after={place}&wait=55"))));
        create(&mut client, "Bea");
        let (items, next) = waits.join().expect("no panic");
        assert_eq!((items.len(), next != place), (1, true));
    });
}

#[test]
fn what_the_command_line_writes_to_the_database_is_told() {
    let server = Server::with_workers(1).start();
    let mut stream = EventStream::open(&server, "", &[]);
    stream.block().expect("read").expect("the first comment");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_persona"))
        .args(["create", "--name=Ada", "--author=bea", "--json", "--database"])
        .arg(server.database_argument())
        .env_clear()
        .output()
        .expect("the built program");
    let persona: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let event = stream.event();
    assert_eq!((&event["persona"], &event["by"]), (&persona["id"], &json!("bea")));
}

#[test]
fn a_stream_tells_nothing_that_came_after_its_token_was_revoked() {
    let server = Server::with_workers(2).start();
    let reading = bearer(&tokens::create(&server, &["--name=ci", "--scope=read"]));
    let writing = bearer(&tokens::create(&server, &["--name=app", "--scope=write"]));
    let create = |name: &str| {
        let body = json!({ "name": name }).to_string();
        let headers = [("authorization", &*writing)];
        let mut client = server.connect();
        let reply = client.request("POST", "/api/v1/personas", &headers, body.as_bytes());
        assert_eq!(reply.expect("an answer").status, 201);
    };
    let headers = [("authorization", &*reading)];
    let mut streams: Vec<EventStream> =
        (0..4).map(|_| EventStream::open(&server, "", &headers)).collect();
    create("Ada");
    for stream in &mut streams {
        assert_eq!(told(&stream.event()).2, "created");
    }
    run(&server, &["revoke", "ci"]);
    create("Bea");
    for stream in &mut streams {
        assert_eq!(stream.block().expect("a clean end"), None);
    }
    let refused = EventStream::over(server.connect(), "", &headers).err().expect("refused");
    assert!(refused.to_string().contains(" 401 "), "{refused}");
}

#[test]
fn a_client_has_so_many_streams_and_other_requests_go_on() {
    let server = Server::with_workers(1)
        .flag("--event-streams-max=3")
        .flag("--event-streams-per-client=2")
        .start();
    let of = |client: &'static str| {
        EventStream::over(server.connect(), "", &[("x-forwarded-for", client)])
    };
    let held = [of("192.0.2.1"), of("192.0.2.1")].map(|stream| stream.expect("a stream"));
    assert!(of("192.0.2.1").err().expect("its share").to_string().contains(" 503 "));
    let other = of("192.0.2.2").expect("there is another one");
    assert!(of("192.0.2.3").err().expect("all are taken").to_string().contains(" 503 "));
    let refused = server.connect().get(EVENTS).expect("an answer");
    assert_eq!(refused.json()["code"], "busy");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    create(&mut server.connect(), "Ada");
    drop((held, other));
    wait_for("a place", DEADLINE, || of("192.0.2.3").ok());
}

/// The identity of the persona that is created last.
const LAST: &str = "0193b0c2-7f3e-7a10-8c1d-00000000000f";

/// Creates personas until it is told to stop, and then the last one; counts them meanwhile. Returns
/// the acknowledged ones.
fn write_until(server: &Server, stop: &Stop, count: &AtomicUsize) -> Vec<String> {
    let (mut client, mut written) = (server.connect(), Vec::new());
    loop {
        let is_last = stop.comes_within(Duration::from_millis(1));
        let last = format!("/api/v1/personas/{LAST}");
        let asked = if is_last {
            client.request("PUT", &last, &[("if-none-match", "*")], br#"{"name":"last"}"#)
        } else {
            client.request("POST", "/api/v1/personas", &[], br#"{"name":"one"}"#)
        };
        match asked {
            Ok(reply) if reply.status == 201 => {
                written.push(reply.json()["id"].as_str().expect("an id").to_owned());
                count.store(written.len(), Relaxed);
            }
            // An earlier request created the persona, and its answer was lost.
            Ok(reply) => assert!(is_last && reply.status == 412, "{reply:?}"),
            // The feed tells whether this persona was created.
            Err(_) => {
                client = server.connect();
                continue;
            }
        }
        if is_last {
            return written;
        }
        if client.closes {
            client = server.connect();
        }
    }
}

/// Follows while personas are created and `happens` disturbs the workers; the events of each
/// follower have to be what was written.
fn follow_through(server: &Server, happens: impl FnOnce()) {
    const FOLLOWERS: usize = 8;
    let (stop, count) = (Stop::default(), AtomicUsize::new(0));
    let (told, written) = thread::scope(|scope| {
        let followers: Vec<_> = (0..FOLLOWERS)
            .map(|_| scope.spawn(|| follow(server, "0", |event| told_id(event) == LAST)))
            .collect();
        let writer = scope.spawn(|| write_until(server, &stop, &count));
        happens();
        // With fewer changes the test would prove nothing.
        wait_for("changes enough", DEADLINE, || (count.load(Relaxed) > 20).then_some(()));
        stop.now();
        let written = writer.join().expect("no panic");
        let told = followers.into_iter().map(|follower| follower.join().expect("no panic"));
        (told.collect::<Vec<_>>(), written)
    });
    let all = everything(server);
    let ids: BTreeSet<String> = all.iter().map(told_id).collect();
    assert!(written.iter().all(|id| ids.contains(id)), "something acknowledged is not told");
    for told in told {
        assert_eq!(told, all);
    }
}

fn told_id(event: &Value) -> String {
    event["persona"].as_str().expect("an id").to_owned()
}

/// Every event, page by page.
fn everything(server: &Server) -> Vec<Value> {
    let (mut all, mut place) = (Vec::new(), "0".to_owned());
    loop {
        let body = page(server, &format!("?after={place}&limit=1000")).json();
        let items = body["items"].as_array().expect("a list");
        if items.is_empty() {
            return all;
        }
        all.extend(items.iter().cloned());
        body["next_after"].as_str().expect("a place").clone_into(&mut place);
    }
}

#[test]
fn followers_of_killed_workers_miss_nothing_and_see_nothing_twice() {
    let server = Server::with_workers(2).start();
    follow_through(&server, || {
        for _ in 0..3 {
            let victim = server.grown_up("worker");
            assert!(signal(victim.pid, Signal::KILL));
            wait_for("its end", DEADLINE, || (!victim.is_alive()).then_some(()));
        }
    });
}

#[test]
fn followers_of_draining_workers_miss_nothing_and_see_nothing_twice() {
    let server = Server::with_workers(2).start();
    let mut held = EventStream::open(&server, "", &[]);
    let before = server.processes("worker");
    follow_through(&server, || {
        server.signal(Signal::HUP);
        wait_for("new workers", DEADLINE, || {
            let now = server.processes("worker");
            (now.len() == 2 && now.iter().all(|worker| !before.contains(worker))).then_some(())
        });
    });
    // The stream of a worker that drains comes to its end, and is not broken off.
    while held.block().expect("a clean end").is_some() {}
}
