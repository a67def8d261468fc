//! Commands that are killed.

use serde_json::json;

use super::TARGET;
use super::works::{self, WORKS, Work, copy_of};
use crate::common::report::{Form, report};
use crate::strace::{CHANGING, Point, is_there, kill_at, points_of, spread, traced};

/// Kills the work at each point. Returns how many points there were, and at how many of them the
/// work was killed.
fn sweep(work: &Work, most: usize) -> (usize, usize) {
    let template = tempfile::tempdir().expect("a folder");
    (work.prepare)(template.path());
    let points = points_of(copy_of(template.path()).path(), CHANGING, &work.arguments());
    let (all, mut killed) = (points.len(), 0);
    // Syncs, cuts and removals are few, and a file changes its state at them; of the many writes a
    // selection is enough.
    let (writes, others) =
        points.into_iter().partition(|point: &Point| point.call.contains("write"));
    for point in [spread(others, most), spread(writes, most / 2)].concat() {
        let folder = copy_of(template.path());
        let options = ["-o".into(), "/dev/null".into(), "-e".into(), kill_at(&point)];
        let status =
            traced(folder.path(), &options, &work.arguments()).output().expect("strace").status;
        // When the traced program is killed, strace ends with the same signal.
        killed += usize::from(!status.success());
        work.check(folder.path(), status.success(), &format!("killed at {point:?}"));
    }
    (all, killed)
}

#[track_caller]
fn killed_at_every_call(work: &Work, form: Form) {
    if !is_there("every_command_killed_at_every_call") {
        return;
    }
    let (points, killed) = sweep(work, form.pick(24, usize::MAX));
    assert!(killed > 0, "{}: nothing was killed", work.name);
    let figures = json!({ "work": work.name, "points": points, "killed": killed, "violations": 0 });
    report(4, "every_command_killed_at_every_call", form, TARGET, &figures);
}

/// A test for each kind of work, and its long form, so that they run beside each other.
macro_rules! killed_at_any_call_leaves_all_or_nothing {
    ($($name:ident: $work:ident,)*) => {
        const _: () = assert!([$(stringify!($name)),*].len() == WORKS.len(), "each has a test");
        mod killed_at_any_call_leaves_all_or_nothing {
            use super::{Form, killed_at_every_call, works};
            $(
                #[test]
                fn $name() {
                    killed_at_every_call(&works::$work, Form::Short);
                }
            )*
        }
        mod killed_at_any_call_leaves_all_or_nothing_long {
            use super::{Form, killed_at_every_call, works};
            $(
                #[test]
                #[ignore = "long: run by ./test --long"]
                fn $name() {
                    killed_at_every_call(&works::$work, Form::Long);
                }
            )*
        }
    };
}

killed_at_any_call_leaves_all_or_nothing! {
    first_start: FIRST_START,
    write: WRITE,
    conversion: CONVERSION,
    import: IMPORT,
    migration_from_version_1: FROM_VERSION_1,
    migration_from_version_8: FROM_VERSION_8,
    migration_from_before_owners: FROM_BEFORE_OWNERS,
    backup: BACKUP,
    restore: RESTORE,
}
