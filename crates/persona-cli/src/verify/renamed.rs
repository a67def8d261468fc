//! A persona that is called otherwise again and again: a handle leads where its last rename that
//! was acknowledged says.
//!
//! One client gives the persona the next handle. Another one reads by the handle that was
//! acknowledged last, on each worker in turn, and by the one that it read there before: the first
//! leads to the persona, or to where it is when the next rename was faster; the second, which the
//! worker may have kept, is not its handle any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_model::PersonaId;
use serde_json::json;

use super::batches::Change;
use super::checks::Check;
use super::client::Client;
use super::load::Load;

/// Pause after a look that was not answered, and after one that was.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(1);
/// Renames that are made also where the load is over before: the first has none before it.
const ROUNDS_MIN: u64 = 8;

/// The persona with the handles. Other clients do not know it before the load ends.
pub struct Renamed {
    load: Arc<Load>,
    persona: Option<(u32, PersonaId)>,
    /// The number of the last handle that was acknowledged; 0 before the first.
    acknowledged: AtomicU64,
}

impl Renamed {
    /// Has a client create it.
    pub async fn create(load: Arc<Load>, client: &mut Client) -> Arc<Self> {
        let persona = client.create_hidden().await;
        Arc::new(Self { load, persona, acknowledged: AtomicU64::new(0) })
    }

    /// Makes it known: for the export after the load.
    pub fn reveal(&self) {
        if let Some((persona, id)) = self.persona {
            self.load.named(persona, id);
        }
    }

    /// Gives the persona one handle after the other, until the load ends.
    pub async fn rename(self: Arc<Self>, mut client: Client) {
        // Without the persona the server is gone, which is told elsewhere.
        let Some((persona, id)) = self.persona else { return };
        let (mut number, mut replaces) = (0, None);
        while number < ROUNDS_MIN || !self.load.is_stopped() {
            number += 1;
            let request = self.load.new_request();
            let change = Change { persona, id, request, replaces };
            let handle = json!({ "handle": handle(id, number) });
            let Some((done, _)) = client.send_batch(&[change], false, &handle).await else {
                return;
            };
            replaces = Some(request);
            if done.contains(&persona) {
                self.acknowledged.fetch_max(number, AcqRel);
            }
        }
    }

    /// Reads by the handles on every worker in turn, until the load ends.
    pub async fn watch(self: Arc<Self>) {
        let Some((_, id)) = self.persona else { return };
        // The handle that was read last on each worker.
        let mut before = HashMap::new();
        let mut rounds = 0;
        while rounds < ROUNDS_MIN || !self.load.is_stopped() {
            rounds += 1;
            for worker in self.load.workers.clone() {
                let seen = self.look(worker, id, before.entry(worker).or_default()).await;
                let pause = if seen.is_some() { PAUSE } else { PAUSE_AFTER_FAILURE };
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Two reads on a worker; `None` where one was not answered, which other clients judge.
    async fn look(&self, worker: u8, id: PersonaId, before: &mut u64) -> Option<()> {
        let number = self.acknowledged.load(Acquire);
        if number == *before {
            return None;
        }
        let given = self.status_of(worker, &handle(id, number)).await?;
        if given == StatusCode::NOT_FOUND {
            let what = format!(
                "the persona got handle {number} before a read by it began, which found none"
            );
            self.load.complain(Check::Renamed, what);
        }
        let given_up = std::mem::replace(before, number);
        if given_up > 0 && self.status_of(worker, &handle(id, given_up)).await? == StatusCode::OK {
            let what = format!(
                "the persona gave handle {given_up} up before a read by it began, which found it so called"
            );
            self.load.complain(Check::Renamed, what);
        }
        Some(())
    }

    async fn status_of(&self, worker: u8, handle: &str) -> Option<StatusCode> {
        let mut connection = self.load.pool.take(worker).await?;
        let path = OperationId::GetPersona.path_of(&[&format!("@{handle}")]);
        let request: Request<Full<_>> =
            self.load.address.request(Method::GET, &path).body(Full::default()).ok()?;
        let answer = connection.send(request).await.ok()?;
        self.load.pool.put_back(connection);
        Some(answer.status)
    }
}

/// A handle of this persona alone.
fn handle(id: PersonaId, number: u64) -> String {
    format!("v-{id}-{number}")
}
