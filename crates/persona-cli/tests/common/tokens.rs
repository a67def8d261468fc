//! Access tokens of a running server, made and revoked by the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Reply, Server};

/// The output of `persona token ...` for the database of this server.
#[track_caller]
pub fn run(server: &Server, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_persona"))
        .arg("token")
        .args(arguments)
        .args(["--json", "--database"])
        .arg(server.database_argument())
        .current_dir(server.folder())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the built program");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The secret of a new token.
#[track_caller]
pub fn create(server: &Server, flags: &[&str]) -> String {
    let made = run(server, &[&["create"], flags].concat());
    made["token"].as_str().expect("a secret").to_owned()
}

/// The value of the header `Authorization`.
pub fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

/// A secret that no token has.
pub fn random_secret() -> String {
    let secret = persona_storage::TokenSecret::random().expect("random numbers");
    secret.expose().to_owned()
}

/// The secret of a new link, as the value of `Authorization`.
#[track_caller]
pub fn link(server: &Server, flags: &[&str]) -> String {
    let made = run(server, &[&["link", "--url=http://localhost"], flags].concat());
    let url = made["url"].as_str().expect("an address");
    bearer(url.strip_prefix("http://localhost/#/link/").expect("a fragment"))
}

/// The cookie of a new session, as a browser sends it.
#[track_caller]
pub fn cookie_of(reply: &Reply) -> String {
    let set = reply.header("set-cookie").expect("a cookie");
    let (pair, rest) = set.split_once(';').expect("attributes");
    assert_eq!(rest, " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    pair.to_owned()
}

/// Signs a browser in, and returns its cookie.
#[track_caller]
pub fn sign_in(server: &Server, flags: &[&str]) -> String {
    let headers = [("authorization", &*link(server, flags))];
    let reply = server.connect().request("POST", "/api/v1/session", &headers, b"");
    let reply = reply.expect("an answer");
    assert_eq!(reply.status, 200, "{reply:?}");
    cookie_of(&reply)
}
