//! Commands that only read leave the files of a stopped server as they are.

use crate::common::Server;
use crate::common::runner::Folder;

#[test]
fn a_reading_command_leaves_nothing_beside_a_file_at_rest() {
    let folder = Folder::new();
    for name in ["Ada", "Bea"] {
        assert_eq!(folder.run(&["create", "--name", name]).code, 0);
    }
    let (before, bytes) = (folder.files(), std::fs::read(folder.path("persona.db")));
    assert!(!before.iter().any(|name| name.ends_with("-wal") || name.ends_with("-shm")));
    for (command, code) in [
        (&["list"][..], 0),
        (&["list", "Ada", "--json"], 0),
        (&["show", "Ada"], 0),
        (&["show", "Nobody"], 3),
        (&["export", "-o", "-"], 0),
        (&["export", "-o", "-", "--history"], 0),
        (&["check"], 0),
        (&["doctor"], 0),
        (&["config", "show"], 0),
    ] {
        let ran = folder.run(command);
        assert_eq!(ran.code, code, "{command:?}: {ran}");
        assert_eq!(folder.files(), before, "{command:?}");
    }
    assert_eq!(std::fs::read(folder.path("persona.db")).ok(), bytes.ok());
}

#[test]
fn a_reading_command_takes_nothing_away_from_a_file_in_use() {
    let server = Server::with_workers(1).start();
    let database = server.database();
    let file = database.to_str().expect("a path of text");
    let folder = Folder::new();
    assert_eq!(folder.run(&["list", "--database", file]).code, 0);
    for suffix in ["-wal", "-shm"] {
        assert!(server.folder().join(format!("persona.db{suffix}")).exists(), "{suffix}");
    }
    let mut client = server.connect();
    let created = client.request("POST", "/api/v1/personas", &[], br#"{"name":"Ada"}"#);
    assert_eq!(created.expect("an answer").status, 201);
    let shown = folder.run(&["show", "Ada", "--database", file]);
    assert_eq!(shown.code, 0, "{shown}");
}
