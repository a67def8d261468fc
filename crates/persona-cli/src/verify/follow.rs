//! The client that follows changes with lists: each request names the position from the list
//! before.
//!
//! This client changes nothing. `checks/followed.rs` compares the changes that it saw with the
//! answers of the other clients.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::page::Page;
use serde_json::Value;

use super::checks::{Check, Poll};
use super::connection::Connection;
use super::load::Load;

/// Pause between two lists, even after a failed one.
const PAUSE: Duration = Duration::from_millis(20);
/// Most lists at the end that may fail because the server has just started again.
const LAST_LOOKS_MAX: u32 = 200;

/// The client that follows changes.
pub struct Follower {
    load: Arc<Load>,
    connection: Option<Connection>,
    /// The value of `updated_since`: a time at first, then a position.
    since: String,
    polls: Vec<Poll>,
}

/// The reason why a list failed.
enum Failure {
    /// The server is unreachable or busy, which the other clients judge.
    Silence,
    /// The answer breaks the promise.
    Wrong(String),
}

impl Follower {
    /// Starts at the current position: a list of changes since the far future is empty, and has the
    /// current position.
    pub async fn start(load: Arc<Load>) -> Self {
        let mut follower = Self {
            load,
            connection: None,
            since: "2999-01-01T00:00:00Z".into(),
            polls: Vec::new(),
        };
        follower.look_for_certain().await;
        follower
    }

    /// Reads lists until the load ends.
    pub async fn run(mut self) -> Self {
        while !self.load.is_stopped() {
            if let Err(Failure::Wrong(what)) = self.look().await {
                self.load.complain(Check::Followed, what);
                return self;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self
    }

    /// Reads a last list when nothing is written any more, and returns what it saw.
    pub async fn finish(mut self) -> Vec<Poll> {
        self.look_for_certain().await;
        self.polls
    }

    async fn look_for_certain(&mut self) {
        for _ in 0..LAST_LOOKS_MAX {
            match self.look().await {
                Ok(()) => return,
                Err(Failure::Wrong(what)) => return self.load.complain(Check::Followed, what),
                Err(Failure::Silence) => tokio::time::sleep(PAUSE).await,
            }
        }
        self.load.complain(Check::Followed, "the list of changes was not answered".into());
    }

    /// Reads one list, page by page. If a page fails, the list does not count and is requested
    /// again.
    async fn look(&mut self) -> Result<(), Failure> {
        let invoked_at = self.load.history.now();
        let (mut seen, mut cursor, mut next) = (Vec::new(), None::<String>, None::<String>);
        loop {
            let page = self.page(cursor.as_deref()).await?;
            seen.extend(page.items.iter().filter_map(|item| self.seen(item)));
            let told = page.next_updated_since;
            if next.is_some() && next != told {
                return Err(Failure::Wrong(format!(
                    "two pages of a list of changes tell {next:?} and {told:?}"
                )));
            }
            next = told;
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        self.since =
            next.ok_or_else(|| Failure::Wrong("a list of changes tells no position".into()))?;
        self.polls.push(Poll { invoked_at, seen });
        Ok(())
    }

    async fn page(&mut self, cursor: Option<&str>) -> Result<Page<Value>, Failure> {
        let mut connection = match self.connection.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(&self.load.address).await.map_err(|_| Failure::Silence)?,
        };
        let (address, since) = (&self.load.address, &self.since);
        let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let query = format!(
            "include_deleted=true&fields=name,revision&limit=1000&updated_since={since}{cursor}"
        );
        let path = OperationId::ListPersonas.path();
        let request = address.request(Method::GET, &format!("{path}?{query}"));
        let request =
            request.body(Full::default()).map_err(|error| Failure::Wrong(error.to_string()))?;
        let answer = connection.send(request).await.map_err(|_| Failure::Silence)?;
        self.connection = Some(connection);
        match answer.status.as_u16() {
            200 => serde_json::from_slice(&answer.body).map_err(|error| {
                Failure::Wrong(format!("a list of changes cannot be read: {error}"))
            }),
            503 => Err(Failure::Silence),
            status => Err(Failure::Wrong(format!(
                "the list of changes since {since} was answered {status}"
            ))),
        }
    }

    /// A persona of this run and its revision.
    fn seen(&self, item: &Value) -> Option<(u32, u32)> {
        let persona = item["name"].as_str()?.strip_prefix(&self.load.tag)?.trim().parse().ok()?;
        Some((persona, item["revision"].as_u64()?.try_into().ok()?))
    }
}
