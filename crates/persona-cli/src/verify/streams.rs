//! Followers of the event stream: like browsers, they go on behind the last event that came,
//! whatever ended the previous stream.
//!
//! The followers change nothing. `checks/told.rs` compares their events with the state at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_http::Body;
use persona_http::contract::OperationId;
use persona_http::contract::events::{Event, EventKind, EventPage};
use persona_model::PersonaId;

use super::checks::{Check, Told};
use super::connection::{Connection, ask};
use super::load::Load;
use crate::client::{EventReader, Told as Sent};

/// Number of followers: enough for one on most workers.
const STREAMS: usize = 3;
/// Pause after a stream has ended, and between two checks whether the load has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a stream may take at the end to send all events.
const END_WAIT_MAX: Duration = Duration::from_secs(30);

/// A follower.
pub struct Stream {
    load: Arc<Load>,
    /// Whether the follower names its place with a proof, as the command line does, or by the
    /// number alone, as browsers do.
    has_proof: bool,
    place: String,
    told: Vec<(u64, Option<PersonaId>, u32)>,
    /// The personas of which a purge was told.
    purged: Vec<PersonaId>,
}

/// The reason why a stream failed.
enum Failure {
    /// The server is unreachable or busy, which the other clients judge.
    Silence,
    /// A message breaks the promise.
    Wrong(String),
}

impl Stream {
    /// Starts followers of everything that is committed from now on.
    pub async fn start(load: &Arc<Load>) -> Vec<Self> {
        let began = Instant::now();
        while began.elapsed() < END_WAIT_MAX {
            if let Ok(place) = place_of_now(load).await {
                let follower = |number: usize| Self {
                    load: Arc::clone(load),
                    has_proof: number.is_multiple_of(2),
                    place: place.clone(),
                    told: Vec::new(),
                    purged: Vec::new(),
                };
                return (0..STREAMS).map(follower).collect();
            }
            tokio::time::sleep(PAUSE).await;
        }
        load.complain(Check::Told, "the place of now was not told".into());
        Vec::new()
    }

    /// Follows until the load ends.
    pub async fn run(mut self) -> Self {
        let load = Arc::clone(&self.load);
        while !load.is_stopped() {
            let followed = self.follow(|_| load.is_stopped()).await;
            if let Err(Failure::Wrong(what)) = followed {
                load.complain(Check::Told, what);
                return self;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self
    }

    /// Follows to the end when nothing is written any more; returns the events of the personas of
    /// this run.
    pub async fn finish(mut self, personas: &HashMap<PersonaId, u32>) -> Vec<Told> {
        let load = Arc::clone(&self.load);
        let began = Instant::now();
        let mut is_at_the_end = false;
        while !is_at_the_end && began.elapsed() < END_WAIT_MAX {
            let Ok(end) = place_of_now(&load).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let is_there = |place: &str| number(place) >= number(&end);
            let is_over = |place: &str| is_there(place) || began.elapsed() >= END_WAIT_MAX;
            match self.follow(is_over).await {
                Err(Failure::Wrong(what)) => {
                    load.complain(Check::Told, what);
                    break;
                }
                Ok(()) | Err(Failure::Silence) => is_at_the_end = is_there(&self.place),
            }
        }
        if !is_at_the_end {
            load.complain(Check::Told, "a stream did not come to the end of the changes".into());
        }
        if is_at_the_end {
            check_purges(&load, &self.purged);
        }
        let told = self.told.into_iter();
        told.map(|(sequence, id, revision)| Told {
            sequence,
            persona: id.and_then(|id| personas.get(&id).copied()),
            revision,
        })
        .collect()
    }

    /// Follows one stream until it ends, or `is_over` accepts the place.
    async fn follow(&mut self, is_over: impl Fn(&str) -> bool) -> Result<(), Failure> {
        if is_over(&self.place) {
            return Ok(());
        }
        // The connection must live as long as the stream is read.
        let (_connection, mut reader) = self.connect().await?;
        while !is_over(&self.place) {
            // Waits for the next event, or for the next check whether the load is over. A timeout
            // loses no data of the stream.
            let next = tokio::time::timeout(PAUSE, reader.next()).await;
            match next {
                Err(_) => {}
                Ok(Ok(Some(Sent::Event(event, _)))) => self.take(&event)?,
                Ok(Ok(Some(Sent::Reset(_)))) => {
                    return Err(Failure::Wrong(format!(
                        "the place {} was not known any more",
                        self.place
                    )));
                }
                Ok(Ok(None) | Err(_)) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn connect(&self) -> Result<(Connection, EventReader), Failure> {
        let address = &self.load.address;
        let mut connection = Connection::open(address).await.map_err(|_| Failure::Silence)?;
        let headers = [("last-event-id", self.place.as_str())];
        let path = OperationId::FollowEvents.path();
        let response = connection.begin_with(address, path, &headers).await;
        let response = response.map_err(|_| Failure::Silence)?;
        match response.status() {
            StatusCode::OK => Ok((connection, EventReader::new(response.map(Body::new)))),
            StatusCode::SERVICE_UNAVAILABLE => Err(Failure::Silence),
            status => Err(Failure::Wrong(format!("a stream was answered {status}"))),
        }
    }

    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        let unread = || Failure::Wrong(format!("an event cannot be read: {event:?}"));
        let id = PersonaId::parse(&event.persona).ok_or_else(unread)?;
        let revision = u32::try_from(event.revision).map_err(|_| unread())?;
        // A move of a label makes no revision.
        let revised = Some(id).filter(|_| event.label.is_none());
        self.told.push((event.sequence, revised, revision));
        self.purged.extend((event.kind == EventKind::Purged).then_some(id));
        self.place = if self.has_proof {
            event.place().ok_or_else(unread)?.to_string()
        } else {
            event.sequence.to_string()
        };
        Ok(())
    }
}

/// Checks that each purge was told once.
fn check_purges(load: &Load, told: &[PersonaId]) {
    let mut counts: HashMap<PersonaId, u32> = HashMap::new();
    for id in told {
        *counts.entry(*id).or_default() += 1;
    }
    let purged = load.purged().clone();
    for count in purged.iter().map(|id| counts.get(id).copied().unwrap_or_default()) {
        if count != 1 {
            load.complain(Check::Told, format!("the purge of a persona was told {count} times"));
        }
    }
}

/// The place behind the newest event.
async fn place_of_now(load: &Load) -> Result<String, Failure> {
    let path = OperationId::FollowEvents.path();
    let headers = [("accept", "application/json")];
    let answer = ask(&load.address, Method::GET, path, &headers, Bytes::new()).await;
    let answer = answer.map_err(|_| Failure::Silence)?;
    let page = serde_json::from_slice::<EventPage>(&answer.body).map_err(|_| Failure::Silence)?;
    Ok(page.next_after)
}

fn number(place: &str) -> u64 {
    place.split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
