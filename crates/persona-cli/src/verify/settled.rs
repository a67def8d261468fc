//! The end of the changes: the position behind the last one.
//!
//! PostgreSQL tells followers of no change behind a transaction that still runs, in any database of
//! its server, and neither do the positions of lists lead behind it. Transactions of this program
//! take milliseconds. One of another program may stay open for hours: nothing is lost by that, and
//! nothing that was not told yet says anything about the promise.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use persona_http::contract::OperationId;
use persona_http::contract::page::Page;
use serde_json::Value;

use super::connection::ask;
use super::search::phrase;
use crate::client::ServerAddress;

/// Longest wait for the last change to settle.
pub const SETTLE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// A time before all changes.
const BEGINNING: &str = "2000-01-01T00:00:00Z";

/// A list of changes since a position.
struct Changes {
    are_none: bool,
    /// The position for the next list.
    next: String,
}

/// The position behind the last change of the personas of a run, which have its tag in their names;
/// `None` where it is not told in time.
pub async fn end_of_changes(address: &ServerAddress, tag: &str) -> Option<String> {
    let query = format!("q={}&include_deleted=true&limit=1", phrase(tag));
    end_of(async |since| {
        let path = format!("{}?{query}&updated_since={since}", OperationId::ListPersonas.path());
        let answer = ask(address, Method::GET, &path, &[], Bytes::new()).await.ok()?;
        let list = serde_json::from_slice::<Page<Value>>(&answer.body).ok()?;
        Some(Changes { are_none: list.items.is_empty(), next: list.next_updated_since? })
    })
    .await
}

/// Looks until there are no changes since the position that the look before told. A look that is
/// not answered is made again.
async fn end_of(look: impl AsyncFn(String) -> Option<Changes>) -> Option<String> {
    let began = Instant::now();
    let mut since = None;
    while began.elapsed() < SETTLE_WAIT_MAX {
        let position = since.clone().unwrap_or_else(|| BEGINNING.to_owned());
        match look(position).await {
            Some(Changes { are_none: true, .. }) if since.is_some() => return since,
            Some(Changes { next, .. }) => since = Some(next),
            None => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{BEGINNING, Changes, end_of};

    #[tokio::test]
    async fn a_position_is_the_end_only_where_nothing_has_changed_since() {
        // A transaction of another program keeps the position at 3 for two looks.
        let script = [("", 3), ("3", 3), ("3", 7), ("7", 7)];
        let looks = RefCell::new(script.iter().enumerate());
        let end = end_of(async |since| {
            let (number, (expected, next)) = looks.borrow_mut().next().expect("one look less");
            let expected = if expected.is_empty() { BEGINNING } else { expected };
            assert_eq!(since, expected);
            Some(Changes { are_none: number == 3, next: next.to_string() })
        });
        assert_eq!(end.await.as_deref(), Some("7"));
        assert!(looks.borrow_mut().next().is_none());
    }

    #[tokio::test]
    async fn a_look_that_is_not_answered_is_made_again() {
        let number = RefCell::new(0);
        let end = end_of(async |_| {
            *number.borrow_mut() += 1;
            let number = *number.borrow();
            (number % 2 == 0).then(|| Changes { are_none: true, next: "5".into() })
        });
        assert_eq!((end.await.as_deref(), *number.borrow()), (Some("5"), 4));
    }
}
