//! A restore that finds the files of an interrupted restore while a server starts: the restore
//! replaces the database that is there after both, and not the one from before.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::files::{self, Folder, check, go_on, open, settings};
use persona_storage::Store;
use persona_storage::sqlite::{DatabaseError, Step, back_up, initialise, restore};

/// The environment variable that names the database that the process opens and writes to; not set
/// in a usual run.
const DATABASE: &str = "PERSONA_STARTED_BESIDE_A_RESTORE";
/// The number of the persona that the process creates.
const CREATED: u8 = 100;

/// Starts as a server does, says that it has the file open, waits for a line, writes, and says what
/// the write was answered.
#[tokio::test]
#[ignore = "the other process of the test below, and nothing without it"]
async fn a_server_that_is_told_to_starts() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only way to tell a process that the test runner starts anything"
    )]
    let Ok(database) = std::env::var(DATABASE) else { return };
    let database = Path::new(&database);
    if let Err(error) = initialise(&settings(database)) {
        return println!("refused {error}");
    }
    let store = open(database);
    println!("opened");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("a pipe");
    files::create(&store, CREATED).await;
    println!("acknowledged");
    store.close().await;
}

struct Started {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Started {
    fn beside(database: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([
                "--ignored",
                "--exact",
                "restore_beside_start::a_server_that_is_told_to_starts",
                "--nocapture",
            ])
            .env(DATABASE, database);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, said }
    }

    /// The next of these words that the process says; `None` when it ends before that.
    fn says(&mut self, words: &[&str]) -> Option<String> {
        self.said
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find(|line| words.iter().any(|word| line.contains(word)))
    }

    /// Lets the process write, and returns whether the write was acknowledged.
    fn write(&mut self) -> bool {
        let _ = self.child.stdin.take().expect("a pipe").write_all(b"\n");
        let acknowledged = self.says(&["acknowledged"]).is_some();
        self.child.wait().expect("a child");
        acknowledged
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_acknowledged_beside_a_restore_that_finishes_another_one_is_in_the_database()
 {
    let folder = Folder::filled(5).await;
    let (database, backup) = (folder.database(), folder.path("b.db"));
    back_up(&database, &backup, false, &mut go_on).expect("a backup");
    // The files that an earlier restore leaves when it is killed after its moment.
    restore(&backup, &folder.path("other.db"), false, &mut go_on).expect("restored");
    std::fs::rename(folder.path("other.db"), folder.path("persona.db-restore")).expect("renamed");

    let mut started = None;
    // By then the leftover has the database's name, and this restore copies its own backup.
    let restored = restore(&backup, &database, false, &mut |progress| {
        if progress.step == Step::Copying && started.is_none() {
            let mut server = Started::beside(&database);
            let said = server.says(&["opened", "refused"]).expect("it says how it began");
            started = Some((server, said));
        }
        ControlFlow::Continue(())
    });
    let (mut server, said) = started.expect("something was copied");
    let acknowledged = server.write();
    assert_eq!(acknowledged, said.contains("opened"), "{said}");
    let store = open(&database);
    let found =
        store.get(persona_storage::conformance::id(CREATED)).await.expect("readable").is_some();
    store.close().await;
    drop(store);
    assert_eq!(
        found, acknowledged,
        "the server {said}, the restore {restored:?}: an acknowledged write is there or not"
    );
    // One of the two gave way.
    assert!(restored.is_ok() != acknowledged, "{restored:?}, {said}");
    assert!(
        restored.is_ok() || matches!(restored, Err(DatabaseError::InUse { .. })),
        "{restored:?}"
    );
    assert!(check(&database).expect("readable").is_sound());
}
