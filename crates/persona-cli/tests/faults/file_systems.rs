//! 18: file systems: a server works on those that it supports, and refuses those on which SQLite
//! would corrupt the file, before anything is written.

use std::fs;

use serde_json::json;

use crate::common::personas::create;
use crate::common::report::{Form, report};
use crate::common::{Server, refused};
use crate::ledger::read_whole;
use crate::mounts::{Mount, NO_RESERVE};

const TARGET: &str = "the right mode or a clear refusal, as documented, for each";

/// Starts a server on this file system, writes through two workers, kills it, and starts it again.
fn serves_on(mount: &Mount, name: &str) {
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(mount.folder()).start();
    create(&mut server.connect(), "one");
    server.wait_for_log("SQLite WAL mode enabled for improved concurrency");
    server.wait_for_log(name);
    let folder = server.kill_and_keep_the_folder();
    let server = Server::with_workers(2).flag(NO_RESERVE).in_folder(folder).start();
    create(&mut server.connect(), "two");
    assert_eq!(read_whole(&server.database()).personas.len(), 2, "{name}");
    let folder = server.stop_and_keep_the_folder();
    drop(folder);
}

#[test]
fn local_file_systems_serve() {
    let mut served = Vec::new();
    let mounts = [
        ("tmpfs", Mount::tmpfs("tmpfs", 32)),
        ("ext4", Mount::ext4("ext4", 32)),
        ("xfs", Mount::xfs("xfs")),
        ("btrfs", Mount::btrfs("btrfs")),
        ("overlay", Mount::overlay("overlay")),
    ];
    for (name, mount) in mounts {
        if let Some(mount) = mount {
            serves_on(&mount, name);
            served.push(name);
        }
    }
    report(18, "local_file_systems_serve", Form::Short, TARGET, &json!({ "served": served }));
}

#[test]
fn a_file_system_that_can_only_be_read_is_refused_in_words() {
    let Some(mount) = Mount::tmpfs("read-only", 32) else { return };
    let folder = Server::with_workers(1)
        .flag(NO_RESERVE)
        .in_folder(mount.folder())
        .start()
        .stop_and_keep_the_folder();
    let before = fs::read(folder.path().join("persona.db")).expect("a file");
    mount.remount_read_only();
    let ended = refused(folder.path(), &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error: could not") && ended.stderr.contains("hint: "),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read(folder.path().join("persona.db")).expect("a file"), before);
    report(18, "read_only", Form::Short, TARGET, &json!({ "refused_with": ended.code }));
}

#[test]
fn a_file_system_without_shared_memory_is_refused_before_anything_is_written() {
    let Some(mount) = Mount::fuse("fuse") else { return };
    let folder = mount.folder();
    let ended = refused(folder.path(), &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("FUSE or virtiofs")
            && ended.stderr.contains("hint: put the file on a local disk"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "something was written");
    report(
        18,
        "without_shared_memory",
        Form::Short,
        TARGET,
        &json!({ "fuse_refused_with": ended.code }),
    );
}
