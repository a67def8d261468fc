//! The client to which a request counts.

use crate::common::Server;

/// Sends one request with each of these headers. Returns the clients that the log names.
fn clients(server: &Server, headers: &[(&str, &str)]) -> Vec<String> {
    let before = server.log().matches("client.address").count();
    for header in headers {
        assert_eq!(
            server.connect().request("GET", "/healthz", &[*header], b"").expect("an answer").status,
            200
        );
    }
    crate::common::wait_for("the lines", crate::common::DEADLINE, || {
        let log = server.log();
        let lines: Vec<serde_json::Value> =
            log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let named: Vec<String> = lines
            .iter()
            .filter_map(|line| Some(line["client.address"].as_str()?.to_owned()))
            .skip(before)
            .collect();
        (named.len() == headers.len()).then_some(named)
    })
}

#[test]
fn behind_a_trusted_proxy_a_request_counts_for_the_client_that_the_proxy_names() {
    let headers = [
        ("x-forwarded-for", "192.0.2.1, 198.51.100.7"),
        ("forwarded", "for=\"[2001:db8:1:2::9]\""),
        ("accept", "*/*"),
    ];
    let server = Server::with_workers(1).flag("--access-log").start();
    assert_eq!(clients(&server, &headers), ["198.51.100.7", "2001:db8:1:2::", "127.0.0.1"]);
    for nobody in ["none", "192.0.2.0/24"] {
        let server = Server::with_workers(1)
            .flag("--access-log")
            .flag(format!("--trusted-proxies={nobody}"))
            .start();
        assert_eq!(clients(&server, &headers), ["127.0.0.1"; 3], "{nobody}");
    }
}
