//! Access tokens of a running server, made and revoked by the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::Server;

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
