//! Times for people.

/// A time in whole seconds. The text still sorts and parses.
pub fn whole_seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
