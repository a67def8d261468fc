//! The server that the tests of a run share.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use persona_test_support::Cluster;

/// A test that made the folder can lose the race for the lock before it gives the folder to the
/// server's user. `initdb` then got no access to the folder.
#[test]
fn a_folder_that_another_test_has_only_made_is_made_ready_by_the_one_that_has_the_lock() {
    // The watchdog removes the folder with the server when this process has ended.
    let name = format!("persona-postgres-made-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    DirBuilder::new().mode(0o700).create(&folder).expect("a folder");
    let first = Cluster::shared_in(&folder);
    assert_eq!(first.sql("postgres", "SELECT 1"), "1");
    let second = Cluster::shared_in(&folder);
    assert_eq!((second.port(), second.database().is_empty()), (first.port(), false));
}
