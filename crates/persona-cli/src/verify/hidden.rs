//! A persona that serves one check alone: one client changes it, others read it on each worker.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use persona_model::PersonaId;

use super::client::Client;
use super::connection::Answer;
use super::load::Load;

/// Pause after a look that was not answered, and after one that was.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(1);
/// Rounds that are made even if the load ends before: the first round on a worker has no earlier
/// one with which it could be compared.
const ROUNDS_MIN: u64 = 8;

/// The persona. Other clients do not know it before the load ends.
pub struct Hidden {
    /// The run.
    pub load: Arc<Load>,
    /// The number of the persona in the run.
    pub persona: u32,
    /// Its identity.
    pub id: PersonaId,
    /// The number of the last change that was acknowledged; 0 before the first.
    acknowledged: AtomicU64,
}

impl Hidden {
    /// Has a client create it; `None` if the server is gone, which is reported elsewhere.
    pub async fn create(load: &Arc<Load>, client: &mut Client) -> Option<Arc<Self>> {
        let (persona, id) = client.create_hidden().await?;
        let load = Arc::clone(load);
        Some(Arc::new(Self { load, persona, id, acknowledged: AtomicU64::new(0) }))
    }

    /// Makes the persona known to the export after the load.
    pub fn reveal(&self) {
        self.load.named(self.persona, self.id);
    }

    /// Notes that the change with this number was acknowledged. Numbers grow.
    pub fn acknowledge(&self, number: u64) {
        self.acknowledged.fetch_max(number, AcqRel);
    }

    /// The number of the last change that was acknowledged until now.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Acquire)
    }

    /// Whether a client that has made this many rounds makes another one.
    pub fn goes_on_after(&self, rounds: u64) -> bool {
        rounds < ROUNDS_MIN || !self.load.is_stopped()
    }

    /// Every worker in turn, again and again until the load ends.
    pub fn turns(&self) -> impl Iterator<Item = u8> {
        let rounds = (0..).take_while(|rounds| self.goes_on_after(*rounds));
        rounds.flat_map(|_| self.load.workers.iter().copied())
    }

    /// Reads this path on a worker; `None` if there was no answer, which other clients judge.
    pub async fn get_on(&self, worker: u8, path: &str) -> Option<Answer> {
        let mut connection = self.load.pool.take(worker).await?;
        let request = self.load.address.request(Method::GET, path);
        let answer = connection.send(request.body(Full::<Bytes>::default()).ok()?).await.ok()?;
        self.load.pool.put_back(connection);
        Some(answer)
    }
}

/// Waits after a look; `None` is a look that was not answered.
pub async fn pause_after(look: Option<()>) {
    tokio::time::sleep(look.map_or(PAUSE_AFTER_FAILURE, |()| PAUSE)).await;
}
