//! How long a kind of task rests after one has ended, so that the requests of clients cannot keep
//! the server busy with it.

use std::time::Duration;

use persona_http::contract::tasks::TaskKind;

/// Least rest: a client that asks again and again does not fill the log.
const REST_MIN: Duration = Duration::from_secs(5);
/// Most rest after a task that took long.
const REST_MAX: Duration = Duration::from_hours(1);
/// Rest after a backup that was made: each pushes the oldest one out of the folder, and a few
/// requests must not replace the backups of a day by those of a minute.
const REST_OF_BACKUPS: Duration = Duration::from_mins(10);

/// The rest after a task that took this long. It is at least as long as the task, so that a kind
/// takes at most half of the time.
pub(super) fn rest_after(kind: TaskKind, succeeded: bool, took: Duration) -> Duration {
    let least = if kind == TaskKind::Backup && succeeded { REST_OF_BACKUPS } else { REST_MIN };
    took.min(REST_MAX).max(least)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use persona_http::contract::tasks::TaskKind;

    use super::{REST_MAX, REST_MIN, REST_OF_BACKUPS, rest_after};

    #[test]
    fn a_kind_rests_as_long_as_it_worked_within_bounds() {
        let check = |seconds| rest_after(TaskKind::Check, true, Duration::from_secs(seconds));
        assert_eq!(
            [check(0), check(60), check(90_000)],
            [REST_MIN, Duration::from_mins(1), REST_MAX,]
        );
        let backup = |succeeded| rest_after(TaskKind::Backup, succeeded, Duration::from_secs(1));
        assert_eq!([backup(true), backup(false)], [REST_OF_BACKUPS, REST_MIN]);
    }
}
