//! The replacement of the workers that a client asks for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::tokens::{bearer, create};
use crate::common::{DEADLINE, Reply, Server, wait_for};

const RESTART: &str = "/api/v1/server/restart";

/// The answer to a request on a connection of its own, which is never refused.
fn ask(server: &Server, method: &str, path: &str, header: &str) -> Reply {
    let headers = [("authorization", header)];
    server.connect().request(method, path, &headers, b"").expect("an answer")
}

fn workers(server: &Server, header: &str) -> BTreeSet<u64> {
    let reply = ask(server, "GET", "/api/v1/status", header);
    let status: Value = reply.json();
    let workers = status["workers"].as_array().expect("workers");
    workers.iter().filter_map(|worker| worker["pid"].as_u64()).collect()
}

#[test]
fn an_admin_has_all_workers_replaced_and_other_tokens_have_none() {
    let server = Server::with_workers(2).start();
    let admin = bearer(&create(&server, &["--name=admin", "--scope=admin"]));
    let before = workers(&server, &admin);
    for flags in [["--name=w", "--scope=write", "--"], ["--name=o", "--scope=admin", "--owner=ada"]]
    {
        let flags: Vec<&str> = flags.into_iter().filter(|flag| *flag != "--").collect();
        let other = bearer(&create(&server, &flags));
        assert_eq!(ask(&server, "POST", RESTART, &other).status, 403, "{flags:?}");
    }
    assert_eq!(workers(&server, &admin), before);
    assert_eq!(ask(&server, "POST", RESTART, &admin).status, 202);
    let again = ask(&server, "POST", RESTART, &admin);
    let code = again.json()["code"].clone();
    assert_eq!((again.status, code.as_str()), (429, Some("rate_limited")), "{again:?}");
    assert!(again.header("retry-after").is_some(), "{again:?}");
    wait_for("two new workers", DEADLINE, || {
        let now = workers(&server, &admin);
        (now.len() == 2 && now.is_disjoint(&before)).then_some(())
    });
}
