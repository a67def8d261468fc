//! A page of events: events that are there, or the first ones that come while the request waits.

use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use persona_storage::{Error, Party};
use tokio::time::{Instant, timeout_at};

use super::asked::Asked;
use super::batch::Batch;
use super::follower::{Follower, Next};
use super::pick::Room;
use super::recent::EVENTS_MAX;
use crate::Context;
use crate::auth::permit;
use crate::contract::OperationId;
use crate::personas::responses::json_text;
use crate::problem::Problem;

/// Most pages of the store that are searched for one answer. If few events meet the filter, the
/// client asks again from the place that the search reached.
const READS_MAX: usize = 16;
/// Most batches that are passed over in one go, without a wait for the next event: as many as can
/// be kept, so that a search that begins behind all of them finds its end, and one beside writers
/// ends too.
const AT_ONCE_MAX: usize = EVENTS_MAX;
/// A page with this many bytes is full; a limit of bytes is needed because personas can be large.
const PAGE_BYTES: usize = 256 * 1024;

/// How many events are wanted, and how long to wait for the first one.
pub(super) struct Wanted {
    pub limit: usize,
    pub wait_seconds: u64,
}

/// The events of a page, as JSON texts separated by commas.
#[derive(Default)]
struct Items {
    text: Vec<u8>,
    count: usize,
}

pub(super) async fn answer(
    context: &Context,
    headers: &HeaderMap,
    client: Option<Party>,
    asked: Asked,
    follower: Follower,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let is_everything = asked.selection.is_everything();
    let mut follower = if is_everything { follower.reading(wanted.limit) } else { follower };
    let deadline = Instant::now() + Duration::from_secs(wanted.wait_seconds);
    let mut items = Items::default();
    let mut at_once = 0;
    while follower.pages_read() < READS_MAX && at_once < AT_ONCE_MAX {
        let next = match follower.try_next().await? {
            Some(next) => {
                at_once += 1;
                Some(next)
            }
            None if items.count > 0 || Instant::now() >= deadline => None,
            // Without an event in time, and when the process ends, the page is empty.
            None => {
                at_once = 0;
                timeout_at(deadline, follower.next()).await.unwrap_or(Ok(None))?
            }
        };
        match next {
            None => break,
            Some(Next::Reset(_)) => return Err(Error::UnknownPosition.into()),
            Some(Next::Events(batch)) => {
                items.add(context, &asked, &mut follower, &batch, wanted.limit).await?;
            }
        }
        if items.count >= wanted.limit || items.text.len() >= PAGE_BYTES {
            break;
        }
    }
    let next_after = context.store.view(&asked.selection.viewer).told(follower.place()).await?;
    // The token may have ended during the wait.
    permit(context, headers, Some(OperationId::FollowEvents)).await?;
    let mut text = b"{\"items\":[".to_vec();
    text.extend_from_slice(&items.text);
    text.extend_from_slice(format!("],\"next_after\":\"{next_after}\"}}").as_bytes());
    json_text(context, client, text)
}

impl Items {
    /// Adds the wanted events of a batch, as far as there is room.
    async fn add(
        &mut self,
        context: &Context,
        asked: &Asked,
        follower: &mut Follower,
        batch: &Batch,
        limit: usize,
    ) -> Result<(), Error> {
        let room = Room {
            events: limit.saturating_sub(self.count),
            bytes: PAGE_BYTES.saturating_sub(self.text.len()),
        };
        let picked = asked.pick(&context.store, batch, follower, room).await?;
        for (line, json) in picked.events {
            if self.count > 0 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(json.as_deref().unwrap_or_else(|| batch.json_of(line)));
            self.count += 1;
        }
        if let Some(end) = picked.end {
            follower.go_on_behind(end);
        }
        Ok(())
    }
}
