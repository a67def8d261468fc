//! Scheduled backups: the newest are kept in the order in which they were made, whatever the clock
//! said, and the leftovers of a killed attempt are removed in time.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::files::{Folder, check, go_on, settings};
use persona_storage::NoObserver;
use persona_storage::conformance::TestClock;
use persona_storage::sqlite::{BackupPlan, BackupSchedule};
use persona_test_support::wait_for;

const PERSONAS: u8 = 12;
const HOUR_US: i64 = 3_600_000_000;
const YEAR_US: i64 = 365 * 24 * HOUR_US;
/// Longest wait for another process.
const WAIT_MAX: Duration = Duration::from_mins(1);

fn plan(folder: &Folder, keep: usize) -> BackupPlan {
    BackupPlan { every: Duration::from_hours(1), keep, folder: folder.path("backups") }
}

fn schedule(folder: &Folder, keep: usize, clock: &Arc<TestClock>) -> BackupSchedule {
    BackupSchedule::new(
        &settings(&folder.database()),
        plan(folder, keep),
        clock.clone(),
        Arc::new(NoObserver),
    )
}

fn make(schedule: &mut BackupSchedule) -> PathBuf {
    let made = schedule.make(&mut go_on).expect("a backup").file;
    assert!(made.exists(), "{} was removed as soon as it was made", made.display());
    made
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn scheduled_backups_rotate_and_touch_nothing_that_others_made() {
    let folder = Folder::filled(PERSONAS).await;
    let clock = Arc::new(TestClock::default());
    let mut first = schedule(&folder, 3, &clock);
    assert_eq!(first.due_in(), Duration::ZERO, "nothing is there yet");
    let foreign = [
        "mine.db",
        "other-auto-000001-20261124T120000Z.db",
        "persona-auto-000001-20261124T12000.db",
        "persona-auto-000001-20261124T120000Z.db.bak",
        "persona-auto-1-20261124T120000Z.db.unfinished",
        "persona-auto-20261124T12000.db",
    ];
    make(&mut first);
    let backups = folder.path("backups");
    for name in foreign {
        fs::write(backups.join(name), "mine").expect("written");
    }
    for _ in 0..5 {
        clock.advance_micros(HOUR_US);
        make(&mut first);
    }
    let own = [
        "persona-auto-000004-20261124T150000Z.db",
        "persona-auto-000005-20261124T160000Z.db",
        "persona-auto-000006-20261124T170000Z.db",
    ];
    let mut expected: Vec<&str> = foreign.into_iter().chain(own).collect();
    expected.sort_unstable();
    assert_eq!(names(&backups), expected);
    assert!(check(&backups.join(own[2])).expect("readable").is_sound());
    assert!(first.due_in() > Duration::from_mins(59), "{:?}", first.due_in());
}

#[tokio::test]
async fn a_scheduled_backup_that_fails_is_tried_again_soon_and_removes_nothing() {
    let folder = Folder::filled(PERSONAS).await;
    fs::write(folder.path("backups"), "in the way").expect("written");
    let mut schedule = schedule(&folder, 1, &Arc::default());
    let failed = schedule.make(&mut go_on).expect_err("no folder");
    assert!(failed.to_string().contains("not a directory"), "{failed}");
    assert!(!failed.hint().is_some_and(|hint| hint.contains("--force")), "{:?}", failed.hint());
    assert!(
        schedule.due_in() <= Duration::from_mins(1) && schedule.due_in() > Duration::from_secs(30),
        "{:?}",
        schedule.due_in()
    );
}

#[tokio::test]
async fn backups_of_a_fast_clock_go_in_their_turn_and_none_is_removed_as_it_is_made() {
    let folder = Folder::filled(2).await;
    let clock = Arc::new(TestClock::default());
    let mut schedule = schedule(&folder, 2, &clock);
    let before = make(&mut schedule);
    // A backup with the name that an earlier version gave, without a number: older than every
    // backup with a number.
    let old = folder.path("backups").join("persona-auto-20991124T120000Z.db");
    fs::copy(&before, &old).expect("copied");
    clock.advance_micros(YEAR_US);
    let fast = make(&mut schedule);
    assert!(!old.exists() && before.exists(), "{:?}", names(&folder.path("backups")));
    clock.advance_micros(-YEAR_US);
    let (first, second) = (make(&mut schedule), make(&mut schedule));
    assert!(!before.exists() && !fast.exists(), "{:?}", names(&folder.path("backups")));
    assert!(first.exists() && second.exists());
    // The clock goes back by a year: the next backup is older by the time in its name, and is the
    // newest all the same.
    clock.advance_micros(-YEAR_US);
    let slow = make(&mut schedule);
    assert!(!first.exists() && second.exists() && slow.exists());
}

#[tokio::test]
async fn a_backup_of_the_future_does_not_put_the_next_one_off() {
    let folder = Folder::filled(2).await;
    let clock = Arc::new(TestClock::default());
    let made = make(&mut schedule(&folder, 2, &clock));
    let of_the_file = |micros: i64| {
        let now = persona_model::Clock::now(&*clock).as_micros() + micros;
        let since = Duration::from_micros(u64::try_from(now).expect("after the epoch"));
        let file = fs::File::options().write(true).open(&made).expect("it opens");
        file.set_modified(std::time::UNIX_EPOCH + since).expect("a time");
    };
    of_the_file(YEAR_US);
    assert_eq!(schedule(&folder, 2, &clock).due_in(), Duration::ZERO);
    // The file is a quarter of an hour old.
    of_the_file(-HOUR_US / 4);
    let due_in = schedule(&folder, 2, &clock).due_in();
    assert!(due_in > Duration::from_mins(40) && due_in <= Duration::from_mins(45), "{due_in:?}");
    assert!(
        schedule(&folder, 2, &Arc::new(TestClock::default())).due_in() <= Duration::from_hours(1)
    );
}

/// Another process that stops in the middle of a scheduled backup.
struct Stuck(Child);

impl Stuck {
    fn start(folder: &Folder) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([
                "scheduled_backups::makes_a_backup_and_stops_in_the_middle",
                "--exact",
                "--ignored",
            ])
            .env("STUCK_FOLDER", folder.path(""));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        wait_for("the middle of a backup", WAIT_MAX, || {
            folder.path("stuck").exists().then_some(())
        });
        fs::remove_file(folder.path("stuck")).expect("removed");
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }
}

#[test]
#[ignore = "the other process of what_killed_backups_left_is_removed_and_what_a_living_process_makes_is_not"]
fn makes_a_backup_and_stops_in_the_middle() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the way in which one test process tells the other where the file is"
    )]
    let Some(folder) = std::env::var_os("STUCK_FOLDER").map(PathBuf::from) else { return };
    let plan =
        BackupPlan { every: Duration::from_hours(1), keep: 9, folder: folder.join("backups") };
    let mut schedule = BackupSchedule::new(
        &settings(&folder.join("persona.db")),
        plan,
        Arc::<TestClock>::default(),
        Arc::new(NoObserver),
    );
    let made = schedule.make(&mut |_| {
        fs::write(folder.join("stuck"), "").expect("written");
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ControlFlow::Break(())
    });
    made.expect_err("given up");
}

#[tokio::test]
async fn what_killed_backups_left_is_removed_and_what_a_living_process_makes_is_not() {
    let folder = Folder::filled(PERSONAS).await;
    let backups = folder.path("backups");
    let unfinished = || {
        names(&backups).into_iter().filter(|name| name.contains(".unfinished")).collect::<Vec<_>>()
    };
    Stuck::start(&folder).kill();
    assert!(!unfinished().is_empty(), "the kill left nothing");
    fs::write(backups.join("mine.unfinished"), "mine").expect("written");
    // The next start removes the leftovers,
    let clock = Arc::new(TestClock::default());
    let mut own = schedule(&folder, 9, &clock);
    assert_eq!(unfinished(), ["mine.unfinished"]);
    // and so does the next backup.
    Stuck::start(&folder).kill();
    make(&mut own);
    assert_eq!(unfinished(), ["mine.unfinished"]);
    // The file that a living process is making stays, and does not hold up this backup.
    let living = Stuck::start(&folder);
    make(&mut own);
    drop(schedule(&folder, 9, &clock));
    assert_eq!(unfinished().len(), 2, "{:?}", unfinished());
    living.kill();
    drop(schedule(&folder, 9, &clock));
    assert_eq!(unfinished(), ["mine.unfinished"]);
}
