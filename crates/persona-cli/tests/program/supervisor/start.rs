//! `persona serve` until it is ready: its actions and messages, and its refusals.

use crate::common::{Server, refused};

#[test]
fn the_server_says_where_it_listens_and_logs_one_ready_event_with_the_facts() {
    let server = Server::with_workers(2).start();
    assert_eq!(server.connect().get("/healthz").expect("an answer").status, 200);
    // The log comes over another pipe than the line that says that the server is ready.
    server.wait_for_log("\"message\":\"ready\"");
    let log = server.log();
    let line =
        log.lines().find(|line| line.contains("\"message\":\"ready\"")).expect("a ready event");
    let event: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let workers: Vec<String> =
        server.processes("worker").iter().map(|worker| worker.pid.to_string()).collect();
    assert_eq!(event["url"], format!("http://{}", server.address()));
    assert_eq!(event["worker_pids"], workers.join(", "));
    assert_eq!(
        (&event["workers"], &event["personas"], &event["journal_mode"]),
        (&2.into(), &0.into(), &"wal".into())
    );
    assert_eq!(
        (&event["durability"], &event["process.role"]),
        (&"normal".into(), &"supervisor".into())
    );
}

#[test]
fn every_process_is_named_after_what_it_does() {
    let server = Server::with_workers(2).start();
    let read = |pid: u32, file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a living process")
    };
    for (role, slot, title, name) in [
        ("worker", 2, "persona: worker 2", "persona-work 2"),
        ("maintenance", 0, "persona: maintenance", "persona-maint"),
    ] {
        let process = server
            .processes(role)
            .into_iter()
            .find(|process| process.slot == slot)
            .expect("a living process");
        assert_eq!(read(process.pid, "cmdline").split('\0').next(), Some(title));
        assert_eq!(read(process.pid, "comm").trim_end(), name);
    }
}

#[test]
fn init_logs_the_switch_to_wal_in_the_words_that_operators_look_for() {
    let server = Server::with_workers(1).start();
    server.wait_for_log("SQLite WAL mode enabled for improved concurrency");
    let log = server.log();
    let said = log
        .lines()
        .filter(|line| {
            line.contains("\"message\":\"SQLite WAL mode enabled for improved concurrency\"")
        })
        .count();
    assert_eq!(said, 1, "{log}");
}

#[test]
fn an_address_in_use_is_named_with_a_way_out() {
    let server = Server::with_workers(1).start();
    let folder = tempfile::tempdir().expect("a folder");
    let ended = refused(folder.path(), &[&format!("--port={}", server.address().port())]);
    let expected = format!(
        "error: the address {0} is in use by another program\nhint: a server of this program runs at http://{0}; end the other program, \
         or let the system choose a free port with --port 0\n",
        server.address()
    );
    assert_eq!((ended.code, ended.stderr), (Some(69), expected));
    assert!(!folder.path().join("persona.db").exists(), "nothing was touched");
}

#[test]
fn a_second_server_on_the_same_file_is_refused_with_the_first_and_one_after_it_is_not() {
    let server = Server::with_workers(2).start();
    let database = format!("--database={}", server.database().display());
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(server.database(), folder.path().join("link.db")).expect("a link");
    for flags in [&[database.as_str()][..], &["--database=link.db"]] {
        let ended = refused(folder.path(), flags);
        assert_eq!(ended.code, Some(75), "{}", ended.stderr);
        let words = format!("is served already by persona (pid {})", server.pid());
        assert!(
            ended.stderr.contains(&words) && ended.stderr.contains("hint: end that one first"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(server.connect().get("/readyz").expect("it goes on").status, 200);
    assert!(
        server.processes("worker").iter().all(|worker| worker.generation == 1),
        "{}",
        server.log()
    );
    // A supervisor that is killed, or that ends, releases the file at once.
    let folder = server.kill_and_keep_the_folder();
    let folder = Server::with_workers(1).in_folder(folder).start().stop_and_keep_the_folder();
    Server::with_workers(1).in_folder(folder).start();
}

#[test]
fn a_file_that_is_no_database_is_refused_with_a_hint_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("persona.db");
    std::fs::write(&database, "Dear diary").expect("a writable folder");
    let ended = refused(folder.path(), &[]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("is not a SQLite database, or is encrypted\nhint: "),
        "{}",
        ended.stderr
    );
    assert_eq!(std::fs::read_to_string(&database).expect("still there"), "Dear diary");
}
