//! 5, 6: files of another user. A file that cannot be written is refused at the start; the service
//! may use what root makes.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::common::report::{Form, report, skip};
use crate::common::{DEADLINE, Process, signal, wait_at_most, wait_for};
use crate::mounts::Mount;

/// The user of the service here: Debian's user without rights. The test needs no entry for this
/// user.
const SERVICE: u32 = 65534;
const ROOT: u32 = 0;

/// The command that runs the program as this user, in this folder.
fn program<S: AsRef<OsStr>>(user: u32, folder: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("TMPDIR", folder)
        .env("PERSONA_DISK_RESERVE_MB", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if user != ROOT {
        command.uid(user).gid(user);
    }
    command
}

/// Runs the program to its end; a server that is not refused is ended after a while.
fn run(user: u32, folder: &Path, arguments: &[&str]) -> Output {
    let mut child = program(user, folder, arguments).spawn().expect("the built program");
    if wait_at_most(DEADLINE, || child.try_wait().expect("a child")).is_none() {
        child.kill().expect("a child");
    }
    child.wait_with_output().expect("a child")
}

#[track_caller]
fn done(user: u32, folder: &Path, arguments: &[&str]) -> String {
    let output = run(user, folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?} as {user}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// A folder of the service with a database; `None` where this user cannot run programs as another
/// user.
#[track_caller]
fn folder_of_the_service(test: &str) -> Option<TempDir> {
    if !rustix::process::geteuid().is_root() {
        skip(test, "only root may run programs as another user");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    chown(folder.path(), Some(SERVICE), Some(SERVICE)).expect("root may");
    match program(SERVICE, folder.path(), &["create", "--create", "--name=Ada"]).output() {
        Ok(made) if made.status.success() => Some(folder),
        other => {
            skip(test, &format!("the program cannot be run by user {SERVICE}: {other:?}"));
            None
        }
    }
}

/// Every file below a folder that does not belong to the service or that others may read.
fn strangers(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let metadata = fs::metadata(&path).expect("a file");
        let mode = metadata.mode() & 0o777;
        if metadata.uid() != SERVICE || metadata.gid() != SERVICE || mode & 0o077 != 0 {
            found.push(format!(
                "{} of {}:{} {mode:o}",
                path.display(),
                metadata.uid(),
                metadata.gid()
            ));
        }
        if metadata.is_dir() {
            found.extend(strangers(&path));
        }
    }
    found
}

const WRITING: [&[&str]; 5] = [
    &["serve", "--port=0"],
    &["create", "--name=Bob"],
    &["update", "Ada", "--set=nickname=x"],
    &["delete", "Ada", "--yes"],
    &["restore", "copy.db"],
];

/// Checks that every command that writes is refused with these words, and that the file stays as it
/// is.
#[track_caller]
fn all_refused(user: u32, folder: &Path, words: &str, cure: &str) {
    let before = fs::read(folder.join("persona.db")).expect("a file");
    for arguments in WRITING {
        let output = run(user, folder, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{arguments:?}: {said}");
        for wanted in ["cannot be written: ", words, cure] {
            assert!(said.contains(wanted), "{arguments:?}: {wanted} is missing: {said}");
        }
    }
    assert_eq!(fs::read(folder.join("persona.db")).expect("a file"), before);
}

#[test]
fn a_port_below_1024_is_refused_without_rights_and_nothing_is_left() {
    let Some(folder) = folder_of_the_service("a port below 1024") else { return };
    let first = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    if fs::read_to_string(first).is_ok_and(|port| port.trim() == "0") {
        skip("a port below 1024", "every user may listen on every port here");
        return;
    }
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("root may");
    chown(&empty, Some(SERVICE), Some(SERVICE)).expect("root may");
    let ended = run(SERVICE, &empty, &["serve", "--port=1023", "--log-file=server.log"]);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(69), "{told}");
    assert!(told.contains("this user may not listen on 127.0.0.1:1023\nhint: "), "{told}");
    assert_eq!(fs::read_dir(&empty).expect("a folder").count(), 0, "{told}");
}

#[test]
fn a_database_that_cannot_be_read_is_refused_with_the_reason_and_the_cure() {
    let Some(folder) = folder_of_the_service("unreadable") else { return };
    let (folder, database) = (folder.path(), folder.path().join("persona.db"));
    let refused = |reason: &str, cure: &str| {
        for command in [&["list"][..], &["export"], &["check"], &["backup", "copy.db"]] {
            let output = run(SERVICE, folder, command);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(5), "{command:?}: {told}");
            assert!(told.contains(reason) && told.contains(cure), "{command:?}: {told}");
        }
    };
    chown(&database, Some(ROOT), Some(ROOT)).expect("root may");
    fs::set_permissions(&database, Permissions::from_mode(0o600)).expect("root may");
    refused(
        "persona.db cannot be read: it belongs to user 0 with mode 0600, and this process runs as user 65534",
        "sudo -u '#0'",
    );
    chown(&database, Some(SERVICE), Some(SERVICE)).expect("root may");
    fs::set_permissions(&database, Permissions::from_mode(0o200)).expect("root may");
    refused("persona.db cannot be read: it belongs to user 65534 with mode 0200", "chmod u+rw");
}

#[test]
fn a_database_that_cannot_be_written_is_refused_at_the_start_with_the_reason_and_the_cure() {
    const NAME: &str = "unwritable";
    let Some(folder) = folder_of_the_service(NAME) else { return };
    let (folder, database) = (folder.path(), folder.path().join("persona.db"));
    done(SERVICE, folder, &["backup", "copy.db"]);
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("root may");
    };
    let wal = ["persona.db-wal", "persona.db-shm"].map(|name| folder.join(name));
    mode(&database, 0o444);
    all_refused(SERVICE, folder, "it belongs to user 65534 with mode 0444", "chmod u+rw");
    assert!(done(SERVICE, folder, &["list"]).contains("Ada"), "what only reads goes on");
    // SQLite gave the files the mode of the database, and a reader does not remove them.
    mode(&database, 0o600);
    all_refused(SERVICE, folder, "persona.db-wal cannot be written", "chmod u+rw");
    for path in &wal {
        mode(path, 0o600);
    }
    chown(&database, Some(ROOT), Some(ROOT)).expect("root may");
    mode(&database, 0o644);
    all_refused(
        SERVICE,
        folder,
        "it belongs to user 0 with mode 0644, and this process runs as user 65534",
        "sudo -u '#0'",
    );
    chown(&database, Some(SERVICE), Some(SERVICE)).expect("root may");
    mode(&database, 0o600);
    chown(folder.join("persona.db-gate"), Some(ROOT), Some(ROOT)).expect("root may");
    all_refused(SERVICE, folder, "persona.db-gate cannot be written", "chown 65534");
    chown(folder.join("persona.db-gate"), Some(SERVICE), Some(SERVICE)).expect("root may");
    chown(folder, Some(ROOT), Some(ROOT)).expect("root may");
    mode(folder, 0o755);
    all_refused(SERVICE, folder, "mode 0755", "chown 65534");
    chown(folder, Some(SERVICE), Some(SERVICE)).expect("root may");
    done(SERVICE, folder, &["create", "--name=Bob"]);
    report(
        5,
        NAME,
        Form::Short,
        "refused with the reason and the cure",
        &json!({ "refused_with": 5 }),
    );
}

#[test]
fn not_even_root_writes_on_a_read_only_mount_or_to_an_immutable_folder_and_is_told_so() {
    let Some(mount) = Mount::ext4("immutable", 32) else { return };
    let folder = mount.folder();
    let folder = folder.path();
    done(ROOT, folder, &["create", "--create", "--name=Ada"]);
    done(ROOT, folder, &["backup", "copy.db"]);
    let chattr = |change: &str| {
        Command::new("chattr").arg(change).arg(folder).status().is_ok_and(|status| status.success())
    };
    if chattr("+i") {
        all_refused(ROOT, folder, "immutable", "chattr -i");
        assert!(chattr("-i"));
    } else {
        skip("immutable", "chattr is missing or not allowed");
    }
    mount.remount_read_only();
    all_refused(ROOT, folder, "mounted read-only", "findmnt -T");
}

#[test]
fn what_root_makes_beside_a_service_belongs_to_the_service() {
    const NAME: &str = "root_beside_a_service";
    let Some(folder) = folder_of_the_service(NAME) else { return };
    let folder = folder.path();
    fs::write(folder.join("more.ndjson"), "{\"name\":\"Bob\"}\n").expect("a file");
    chown(folder.join("more.ndjson"), Some(SERVICE), Some(SERVICE)).expect("root may");
    fs::set_permissions(folder.join("more.ndjson"), Permissions::from_mode(0o600))
        .expect("root may");
    fs::remove_file(folder.join("persona.db-gate")).expect("a write lock");
    let commands: [&[&str]; 4] = [
        &["import", "more.ndjson"],
        &["backup", "copy.db"],
        &["restore", "copy.db"],
        &["update", "Bob", "--set=nickname=x"],
    ];
    for arguments in commands {
        done(ROOT, folder, arguments);
        assert_eq!(strangers(folder), [""; 0], "{arguments:?}");
    }
    // Root's server, with scheduled backups, is killed: its WAL and the index of the WAL stay.
    let mut server = program(ROOT, folder, &["serve", "--port=0", "--backup-every=1h"])
        .spawn()
        .expect("the built program");
    let mut said = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut said).expect("text");
    assert!(said.starts_with("listening on "), "{said}");
    wait_for("a backup", DEADLINE, || {
        let files = fs::read_dir(folder.join("persona.db-backups")).ok()?;
        files
            .filter_map(|entry| Some(entry.ok()?.path()))
            .any(|path| path.extension().is_some_and(|extension| extension == "db"))
            .then_some(())
    });
    let children = Process::children_of(server.id());
    assert!(signal(server.id(), Signal::KILL));
    server.wait().expect("a child");
    wait_for("the end of its children", DEADLINE, || {
        children.iter().all(|child| !child.is_alive()).then_some(())
    });
    assert!(folder.join("persona.db-shm").exists(), "the index of the WAL was not left");
    assert_eq!(strangers(folder), [""; 0], "a killed server of root");
    // Root converts an old file.
    let connection = rusqlite::Connection::open(folder.join("persona.db")).expect("a database");
    // A killed process exists as long as one of its threads.
    wait_for("nobody has it open", DEADLINE, || {
        connection.pragma_update(None, "journal_mode", "delete").ok()
    });
    drop(connection);
    done(ROOT, folder, &["list"]);
    assert!(folder.join("persona.db-before-wal").exists());
    assert_eq!(strangers(folder), [""; 0], "a conversion");
    // Root makes a database in the folder of the service.
    fs::remove_file(folder.join("persona.db")).expect("a database");
    done(ROOT, folder, &["create", "--create", "--name=Cleo"]);
    assert_eq!(strangers(folder), [""; 0], "a new database");
    done(SERVICE, folder, &["create", "--name=Dan"]);
    report(6, NAME, Form::Short, "everything belongs to the service", &json!({ "strangers": 0 }));
}

#[test]
fn the_doctor_sees_what_the_service_may_not_use_and_says_the_cure() {
    let Some(folder) = folder_of_the_service("doctor_of_rights") else { return };
    let folder = folder.path();
    let beside = || {
        let report = run(ROOT, folder, &["doctor", "--json"]).stdout;
        let report: serde_json::Value = serde_json::from_slice(&report).expect("a report");
        let checks = report["checks"].as_array().expect("checks").iter();
        checks
            .filter(|check| check["name"] == "beside it")
            .map(|check| (check["level"].clone(), check["fix"].clone()))
            .next()
            .expect("the check")
    };
    assert_eq!(beside().0, "ok");
    fs::write(folder.join("persona.db-heavy"), "").expect("a file");
    fs::create_dir(folder.join("persona.db-backups")).expect("a folder");
    fs::write(folder.join("persona.db-backups/persona-auto-000001-20261124T120000Z.db"), "")
        .expect("a file");
    for name in [
        "persona.db-gate",
        "persona.db-heavy",
        "persona.db-backups",
        "persona.db-backups/persona-auto-000001-20261124T120000Z.db",
    ] {
        chown(folder.join(name), Some(ROOT), Some(ROOT)).expect("root may");
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o700)).expect("root may");
        let (level, fix) = beside();
        assert_eq!(level, "fail", "{name}");
        let fix = fix.as_str().expect("a cure").to_owned();
        assert!(
            fix.contains(&format!("chown {SERVICE}:{SERVICE} ")) && fix.contains(name),
            "{name}: {fix}"
        );
        // The commands of the hint, as the program prints them.
        let cured = Command::new("/bin/sh")
            .args(["-c", &fix])
            .current_dir(folder)
            .status()
            .expect("a shell");
        assert!(cured.success() && beside().0 == "ok", "{name}: {fix}");
    }
}

#[test]
fn a_port_that_the_user_may_not_listen_on_is_told_with_what_to_do() {
    let test = "a_port_that_the_user_may_not_listen_on_is_told_with_what_to_do";
    let Some(folder) = folder_of_the_service(test) else { return };
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first = first.ok().and_then(|text| text.trim().parse::<u16>().ok()).unwrap_or(1024);
    if first <= 80 {
        skip(test, "every user may listen on every port here (ip_unprivileged_port_start)");
        return;
    }
    let output = run(SERVICE, folder.path(), &["serve", "--port=80"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{said}");
    let wanted = ["this user may not listen on 127.0.0.1:80", "below 1024", "--port", "setcap"];
    for wanted in wanted {
        assert!(said.contains(wanted), "{wanted} is missing: {said}");
    }
}

/// Checks the rights of a unix socket for a group, as the service gives them: a user without rights
/// may name only groups that it belongs to.
#[test]
fn a_service_gives_its_unix_socket_to_a_group_of_its_own_and_to_no_other() {
    const NAME: &str = "groups_of_unix_sockets";
    let (group, other) = (4711, 4712);
    let Some(folder) = folder_of_the_service(NAME) else { return };
    let (path, folder) = (folder.path().join("persona.sock"), folder.path());
    let start = |wanted: u32| {
        let rights = [format!("--uds-group={wanted}"), "--uds-mode=660".into()];
        let service = program(SERVICE, folder, &["serve", "--uds=persona.sock"]);
        let mut member = Command::new("setpriv");
        member.args([format!("--reuid={SERVICE}"), format!("--regid={SERVICE}")]);
        member.arg(format!("--groups={SERVICE},{group}"));
        member.arg(service.get_program()).args(service.get_args()).args(rights);
        member.current_dir(folder).stdin(Stdio::null());
        member.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("setpriv")
    };
    let refused = start(other).wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(5), "{said}");
    for words in ["to the group 4712: Operation not permitted", "a group that this user belongs"] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    assert!(!path.exists(), "the socket that could not be given away is removed");
    let mut server = start(group);
    let mut said = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut said).expect("text");
    assert!(said.starts_with("listening on unix:"), "{said}");
    let facts = fs::metadata(&path).expect("a socket");
    assert_eq!((facts.uid(), facts.gid(), facts.mode() & 0o777), (SERVICE, group, 0o660));
    assert!(signal(server.id(), Signal::TERM));
    assert!(server.wait().expect("a child").success());
    assert!(!path.exists());
}
