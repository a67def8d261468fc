//! 5: errors of the system under the database that are no broken disk, and the answers to them.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::common::Server;
use crate::common::personas::{create, get, patch};
use crate::common::report::{Form, report};
use crate::strace::{self, Attached};

/// The writes that fail, as strace takes them: all from the first on, so that a commit fails
/// whichever write is its first.
const FAILED_WRITES: &str = "1+";

#[test]
fn a_quota_that_is_used_up_is_a_full_disk_and_is_over_when_there_is_room() {
    const NAME: &str = "quota";
    if !strace::is_there(NAME) {
        return;
    }
    let server = Server::with_workers(1).start();
    let mut client = server.connect();
    let path = create(&mut client, "survivor");
    let worker = server.processes("worker").remove(0);
    for (error, told) in [
        ("EDQUOT", "Disk quota exceeded (os error 122)"),
        ("EIO", "Input/output error (os error 5)"),
    ] {
        let attached = Attached::to(
            worker.pid,
            &[format!("--inject=pwrite64:error={error}:when={FAILED_WRITES}")],
        );
        let refused =
            patch(&mut client, &path, &json!({ "nickname": "refused" })).expect("an answer");
        let expected = if error == "EIO" {
            (500, Some("storage_failed"))
        } else {
            (507, Some("storage_full"))
        };
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            expected,
            "{error}: {refused:?}"
        );
        assert_eq!(get(&mut client, &path).json()["nickname"], "", "{error}");
        server.wait_for_log(told);
        drop(attached);
        let kept =
            patch(&mut client, &path, &json!({ "nickname": "" , "extensions": { error: 1 } }))
                .expect("an answer");
        assert_eq!(kept.status, 200, "{error}: {kept:?}");
    }
    assert!(worker.is_alive(), "{}", server.log());
    report(
        5,
        NAME,
        Form::Short,
        "507, reads go on, recovery by itself",
        &json!({ "refused": 2, "reads_failed": 0 }),
    );
}

#[test]
fn shared_memory_that_cannot_be_made_is_told_with_its_name_the_number_and_the_cure() {
    let folder = tempfile::tempdir().expect("a folder");
    let serve = Command::new("/bin/sh")
        .args(["-c", "ulimit -f 1 && exec \"$0\" serve --port=0", env!("CARGO_BIN_EXE_persona")])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&serve.stderr);
    assert_eq!(serve.status.code(), Some(1), "{said}");
    for words in [
        "/memfd:persona-scoreboard",
        "File too large (os error 27)",
        "hint: raise the limit on the size of files",
        "ulimit -f",
    ] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
}
