//! Places in the feed, which are those of all owners, tell nothing of the personas of another one.

use persona_http::contract::events::Event;
use serde_json::Value;

use super::cast::{Cast, PERSONAS};
use crate::common::{Reply, Server, settle};

const EVENTS: &str = "/api/v1/events";

fn page(cast: &Cast<'_>, token: &str, query: &str) -> Reply {
    settle();
    let headers = [("accept", "application/json")];
    cast.ask(token, "GET", &format!("{EVENTS}?{query}"), &headers, "")
}

/// The last event of the feed, of a persona that was given to another owner and then changed.
fn last_event(cast: &Cast<'_>) -> Value {
    let (given, _) = &cast.given[0];
    let changed = cast.send(&cast.bea, "PATCH", &given.id, &[], r#"{"nickname":"of bea"}"#);
    assert_eq!(changed.status, 200, "{changed:?}");
    let all = page(cast, &cast.admin, "after=0&limit=1000").json();
    let last = all["items"].as_array().expect("events").last().expect("an event").clone();
    assert_eq!(last["persona"], *given.id);
    // The control: a client that reaches the persona is told the proof.
    assert_eq!(all["next_after"], proof_of(&last));
    last
}

/// The place of an event, with its proof, as a client works it out that knows or guesses the event.
fn proof_of(event: &Value) -> String {
    let event: Event = serde_json::from_value(event.clone()).expect("an event");
    event.place().expect("a place").to_string()
}

/// What the places that clients of one owner are told confirm of the last event, which is one of
/// another owner.
fn confirmed(server: &Server) -> Vec<String> {
    let cast = Cast::of(server);
    let last = last_event(&cast);
    let (proof, number) = (proof_of(&last), &last["sequence"]);
    let mut confirmed = Vec::new();
    for token in &cast.ada {
        let events = page(&cast, token, &format!("after={number}")).json();
        assert_eq!(events["next_after"], number.to_string(), "{events}");
        let events = page(&cast, token, "after=0&limit=1000").json();
        let told = events["next_after"].as_str().expect("a place").to_owned();
        assert!(told.starts_with(&format!("{number}-")), "{told}");
        if told == proof {
            confirmed.push(format!("told as {told}"));
        }
        let next = page(&cast, token, &format!("after={told}"));
        assert_eq!((next.status, &next.json()["next_after"]), (200, &Value::from(&*told)));
        let since = |place: &str| {
            let query = format!("?updated_since={place}&include_deleted=true");
            cast.ask(token, "GET", &format!("{PERSONAS}{query}"), &[], "")
        };
        let listed = since("2026-01-01T00:00:00Z").json();
        assert_eq!(listed["next_updated_since"], *told, "{listed}");
        assert_eq!(since(&told).json()["next_updated_since"], *told);
        // What is right is answered as what is wrong.
        let wrong = format!("{number}-0123456789abcdef");
        for answers in [
            [&*proof, &*wrong].map(|place| page(&cast, token, &format!("after={place}"))),
            [&*proof, &*wrong].map(since),
        ] {
            let [right, wrong] = answers.map(|reply| (reply.status, reply.body));
            assert_eq!(wrong.0, 410);
            if right != wrong {
                confirmed.push(format!("a right guess is answered {}", right.0));
            }
        }
    }
    confirmed
}

#[test]
fn a_place_in_the_feed_confirms_no_guess_at_a_change_of_another_owner() {
    let confirmed = confirmed(&Server::with_workers(2).start());
    assert!(confirmed.is_empty(), "{confirmed:#?}");
}

/// The control of the test above: every other check of owners is made, and only the seal is left
/// out.
#[test]
fn a_place_that_is_told_with_its_proof_is_noticed() {
    let confirmed = confirmed(&Server::with_workers(2).flag("--fault=unseal-places").start());
    for what in ["told as", "a right guess is answered 200"] {
        assert!(confirmed.iter().any(|found| found.starts_with(what)), "{what}: {confirmed:#?}");
    }
}

#[test]
fn a_client_that_is_bound_goes_on_from_its_own_events_by_their_proof() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let token = &cast.ada[0];
    let events = page(&cast, token, "after=0&limit=2").json();
    let items = events["items"].as_array().expect("events");
    let rest = page(&cast, token, &format!("after={}&limit=1", proof_of(&items[0]))).json();
    assert_eq!(rest["items"][0], items[1]);
}
