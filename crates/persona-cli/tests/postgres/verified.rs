//! `persona verify` over PostgreSQL: a recorded history, with kills, is judged as over SQLite.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::runner::Folder;
use persona_test_support::Cluster;

#[test]
fn a_scratch_server_on_postgresql_keeps_its_promise_while_processes_are_killed() {
    let cluster = Cluster::shared();
    for chaos in ["--chaos", "--chaos=supervisor"] {
        let url = cluster.url(&cluster.database());
        let flags = [
            "verify",
            "--database",
            &url,
            "--workers=6",
            "--seconds=4",
            "--clients=16",
            "--seed=7",
            "--json",
            chaos,
        ];
        let folder = Folder::new();
        let report: Value = serde_json::from_str(&folder.results(&flags)).expect("one object");
        assert_eq!(
            (&report["verdict"], &report["staleness_max_micros"]),
            (&"ok".into(), &0.into()),
            "{chaos}: {report}"
        );
        assert!(report["operations"]["patch"]["done"].as_u64() > Some(0), "{report}");
        assert_eq!(report["restored"], true, "{report}");
        let kills = |what: &str| report["kills"][what].as_u64() > Some(0);
        let of_supervisors = chaos == "--chaos=supervisor";
        assert_eq!((kills("workers"), kills("supervisors")), (true, of_supervisors), "{report}");
        assert_eq!(folder.files(), [""; 0], "nothing is left beside");
        let again = folder.run(&flags);
        assert!(
            again.code == 4 && again.stderr.contains("name an empty database"),
            "a database with personas is not written to: {again}"
        );
    }
}

/// Followers are told of nothing behind a transaction of another program, in any database of the
/// server: that breaks no promise, and shows nothing of it.
#[test]
fn beside_an_open_transaction_of_another_program_there_is_no_verdict() {
    // All databases of a server share it, so this one has a server of its own.
    let cluster = Cluster::start(&[]);
    let [other, database] = [cluster.database(), cluster.database()];
    let mut session = cluster.session(&other);
    session.run("BEGIN; SELECT pg_current_xact_id()");
    let url = cluster.url(&database);
    let flags = ["verify", "--database", &url, "--workers=2", "--seconds=2", "--clients=4"];
    let ran = Folder::new().run(&flags);
    assert_eq!((ran.code, ran.stdout.as_str()), (69, ""), "{ran}");
    assert!(
        ran.stderr.contains("told no follower of the last changes within 30 s")
            && ran.stderr.contains("hint: another program has a transaction open"),
        "{ran}"
    );
}

/// An entity tag and a position that are still trusted after a restore, an old answer to a read by
/// a label and by a handle, and an event that followers are not told of are each found.
#[test]
fn a_broken_promise_over_postgresql_is_caught() {
    let cluster = Cluster::shared();
    for (fault, check) in [
        ("tag-of-revision", "T"),
        ("trust-positions", "T"),
        ("old-labels", "P"),
        ("old-handles", "N"),
        ("drop-event", "G"),
    ] {
        let url = cluster.url(&cluster.database());
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
        command
            .args(["verify", "--workers=2", "--seconds=2", "--clients=6", "--seed=7", "--json"])
            .arg(format!("--fault={fault}"))
            .args(["--database", &url])
            .env_clear()
            .current_dir(folder.path());
        let ended = command.stdin(Stdio::null()).output().expect("the built program");
        let report: Value = serde_json::from_slice(&ended.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
        assert_eq!(ended.status.code(), Some(1), "{fault}: {report}");
        assert!(report["checks"][check]["violations"].as_u64() > Some(0), "{fault}: {report}");
        assert_eq!(report["restored"], true, "{fault}: {report}");
    }
}
