//! What limits for one client count for: a token, whichever addresses it comes from; without a
//! token the address, which `events.rs` and `supervisor/clients.rs` test.

use crate::common::events::EventStream;
use crate::common::tokens::{bearer, create, sign_in};
use crate::common::{DEADLINE, Server, wait_for};

/// Checks that each of these credentials is one client behind two addresses, and that both are two
/// clients behind one.
fn are_two_clients(server: &Server, [one, other]: &[(&str, String); 2]) {
    let of = |(name, value): &(&str, String), client: &str| {
        let headers = [(*name, &**value), ("x-forwarded-for", client)];
        EventStream::over(server.connect(), "", &headers)
    };
    let held = of(one, "192.0.2.1").expect("a stream");
    let refused = of(one, "192.0.2.2").err().expect("its share");
    assert!(refused.to_string().contains(" 503 "), "{refused}");
    let of_other = of(other, "192.0.2.1").expect("a client of its own");
    assert!(of(other, "192.0.2.1").err().expect("its share").to_string().contains(" 503 "));
    drop(held);
    wait_for("a place", DEADLINE, || of(one, "192.0.2.2").ok());
    drop(of_other);
}

fn server() -> Server {
    Server::with_workers(1).flag("--event-streams-per-client=1").start()
}

#[test]
fn one_token_behind_two_addresses_is_one_client_and_two_tokens_behind_one_are_two() {
    let server = server();
    let tokens = ["one", "other"].map(|name| {
        let secret = create(&server, &[&format!("--name={name}"), "--scope=read"]);
        ("authorization", bearer(&secret))
    });
    are_two_clients(&server, &tokens);
}

#[test]
fn one_session_behind_two_addresses_is_one_client_and_two_sessions_behind_one_are_two() {
    let server = server();
    create(&server, &["--name=admin", "--scope=admin"]);
    let sessions = [(); 2].map(|()| ("cookie", sign_in(&server, &["--scope=read"])));
    are_two_clients(&server, &sessions);
}
