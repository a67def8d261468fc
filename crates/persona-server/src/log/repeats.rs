//! Suppresses repeated warnings and errors: of each the log gets one line per window of time, and
//! then the number of further ones.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing::callsite::Identifier;

/// How long a repetition of a line is left out after it was written.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// Most different lines from one place in the code within a window. Lines differ by the persona or
/// client that they name, so a client could otherwise cause any number of them.
const LINES_MAX: usize = 10;

/// The lines that were written recently, by the place in the code that logged them.
#[derive(Default)]
pub(super) struct Repeats(Mutex<HashMap<Identifier, Site>>);

struct Site {
    began: Instant,
    seen: Vec<u64>,
    left_out: u64,
    metadata: &'static Metadata<'static>,
    message: String,
}

/// The lines from one place in the code that were left out.
pub(super) struct LeftOut {
    pub metadata: &'static Metadata<'static>,
    pub message: String,
    pub lines: u64,
}

impl Repeats {
    /// Whether this event gets a line now; otherwise it is counted. `fields` is the whole text of
    /// the event.
    pub(super) fn admits(
        &self,
        metadata: &'static Metadata<'static>,
        message: &str,
        fields: &impl Hash,
        now: Instant,
    ) -> bool {
        let mut hasher = DefaultHasher::new();
        fields.hash(&mut hasher);
        let line = hasher.finish();
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.entry(metadata.callsite()).or_insert_with(|| Site {
            began: now,
            seen: Vec::new(),
            left_out: 0,
            metadata,
            message: String::new(),
        });
        if now.duration_since(site.began) >= WINDOW && site.left_out == 0 {
            (site.began, site.seen) = (now, Vec::new());
        }
        if site.seen.contains(&line) || site.seen.len() >= LINES_MAX {
            site.left_out += 1;
            message.clone_into(&mut site.message);
            return false;
        }
        site.seen.push(line);
        true
    }

    /// Returns what was left out in windows that are over, and starts new windows.
    pub(super) fn look(&self, now: Instant) -> Vec<LeftOut> {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |site: &Site| now.duration_since(site.began) >= WINDOW;
        let told = sites.values_mut().filter(|site| over(site) && site.left_out > 0);
        let left_out = |site: &mut Site| LeftOut {
            metadata: site.metadata,
            message: std::mem::take(&mut site.message),
            lines: site.left_out,
        };
        let told = told.map(left_out).collect();
        sites.retain(|_, site| !over(site));
        told
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tracing::callsite::{Callsite, DefaultCallsite};

    use super::{LINES_MAX, Repeats, WINDOW};

    #[test]
    fn the_same_line_is_written_once_in_a_window_and_then_counted() {
        let metadata = tracing::callsite! { name: "test", kind: tracing::metadata::Kind::EVENT, fields: message }.metadata();
        let (repeats, began) = (Repeats::default(), Instant::now());
        let admits =
            |line: &str, after: Duration| repeats.admits(metadata, "failed", &line, began + after);
        let second = Duration::from_secs(1);
        assert!(
            admits("one", Duration::ZERO)
                && !admits("one", second)
                && admits("two", second)
                && !admits("two", second)
        );
        assert!(repeats.look(began + second).is_empty(), "the window is not over");
        let told = repeats.look(began + WINDOW);
        assert_eq!((told.len(), told[0].lines, told[0].message.as_str()), (1, 2, "failed"));
        assert!(admits("one", WINDOW), "a new window");
        assert!(repeats.look(began + 2 * WINDOW).is_empty(), "nothing was left out");
    }

    #[test]
    fn different_lines_of_one_place_are_bounded_too() {
        let metadata = tracing::callsite! { name: "other", kind: tracing::metadata::Kind::EVENT, fields: message }.metadata();
        let (repeats, now) = (Repeats::default(), Instant::now());
        let written =
            (0..1_000).filter(|line| repeats.admits(metadata, "failed", line, now)).count();
        assert_eq!(written, LINES_MAX);
        assert_eq!(repeats.look(now + WINDOW)[0].lines, 990);
    }

    #[expect(dead_code, reason = "names the types that the macro of the tests makes")]
    fn kind(callsite: &'static DefaultCallsite) -> &'static dyn Callsite {
        callsite
    }
}
