//! What limits for one client count for: a token, whichever addresses it comes from; without a
//! token the address, which `events.rs` and `supervisor/clients.rs` test.

use crate::common::events::EventStream;
use crate::common::tokens::{bearer, create};
use crate::common::{DEADLINE, Server, wait_for};

#[test]
fn one_token_behind_two_addresses_is_one_client_and_two_tokens_behind_one_are_two() {
    let server = Server::with_workers(1).flag("--event-streams-per-client=1").start();
    let [one, other] = ["one", "other"]
        .map(|name| bearer(&create(&server, &[&format!("--name={name}"), "--scope=read"])));
    let of = |token: &str, client: &str| {
        let headers = [("authorization", token), ("x-forwarded-for", client)];
        EventStream::over(server.connect(), "", &headers)
    };
    let held = of(&one, "192.0.2.1").expect("a stream");
    let refused = of(&one, "192.0.2.2").err().expect("its share");
    assert!(refused.to_string().contains(" 503 "), "{refused}");
    let of_other = of(&other, "192.0.2.1").expect("a client of its own");
    assert!(of(&other, "192.0.2.1").err().expect("its share").to_string().contains(" 503 "));
    drop(held);
    wait_for("a place", DEADLINE, || of(&one, "192.0.2.2").ok());
    drop(of_other);
}
