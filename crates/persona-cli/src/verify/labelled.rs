//! A persona with a label that is only ever moved on: no read by the label is older than a move
//! that was acknowledged before it.
//!
//! One client changes the persona and moves the label to the revision that it made, again and
//! again. It reads by the label on each worker right behind each answer, so that a worker that
//! believes old labels is certain to be asked. Another one reads meanwhile, on each worker in turn.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_model::PersonaId;
use serde_json::{Value, json};

use super::batches::Change;
use super::checks::Check;
use super::client::Client;
use super::connection::{Answer, Connection};
use super::load::Load;

/// The label.
const LABEL: &str = "verify";
/// Pause after a look that was not answered, and after one that was.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(1);
/// Rounds that are made also where the load is over before: one look on each worker shows nothing
/// yet, because nothing was seen there before.
const ROUNDS_MIN: u64 = 8;

/// The persona with the label. Other clients do not know it before the load ends.
pub struct Labelled {
    load: Arc<Load>,
    persona: Option<(u32, PersonaId)>,
    /// The revision of the last move that was acknowledged; 0 before the first.
    acknowledged: AtomicU64,
}

impl Labelled {
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

    /// Changes the persona and moves its label, until the load ends.
    pub async fn move_on(self: Arc<Self>, mut client: Client) {
        let (mut connection, mut replaces) = (None, None);
        // Without the persona the server is gone, which is told elsewhere.
        let Some((persona, id)) = self.persona else { return };
        let mut rounds = 0;
        while rounds < ROUNDS_MIN || !self.load.is_stopped() {
            rounds += 1;
            let request = self.load.new_request();
            let change = Change { persona, id, request, replaces };
            if client.send_batch(&[change], false, &json!({})).await.is_none() {
                return;
            }
            replaces = Some(request);
            match self.moved(&mut connection, id).await {
                Some(revision) => {
                    self.acknowledged.fetch_max(revision, AcqRel);
                    for worker in self.load.workers.clone() {
                        // Where it is not answered, other clients judge that.
                        self.look(worker, id).await;
                    }
                }
                None => tokio::time::sleep(PAUSE_AFTER_FAILURE).await,
            }
        }
    }

    /// Moves the label to the newest revision, and tells which that is; `None` where the move was
    /// not acknowledged.
    async fn moved(&self, kept: &mut Option<Connection>, id: PersonaId) -> Option<u64> {
        let mut connection = match kept.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(&self.load.address).await.ok()?,
        };
        let path = OperationId::SetLabel.path_of(&[&id.to_string(), LABEL]);
        let request = self.load.address.request(Method::PUT, &path);
        let request = request.header("content-type", "application/json");
        let body = Bytes::from(json!({ "from": "latest" }).to_string());
        let answer = connection.send(request.body(Full::new(body)).ok()?).await.ok()?;
        *kept = Some(connection);
        if answer.status.is_success() { revision_in(&answer) } else { None }
    }

    /// Reads the persona by the label on every worker in turn, until the load ends.
    pub async fn watch(self: Arc<Self>) {
        let Some((_, id)) = self.persona else { return };
        let mut rounds = 0;
        while rounds < ROUNDS_MIN || !self.load.is_stopped() {
            rounds += 1;
            for worker in self.load.workers.clone() {
                let seen = self.look(worker, id).await;
                let pause = if seen.is_some() { PAUSE } else { PAUSE_AFTER_FAILURE };
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// One read on a worker; `None` where it was not answered, which other clients judge.
    async fn look(&self, worker: u8, id: PersonaId) -> Option<()> {
        let mut connection = self.load.pool.take(worker).await?;
        let before = self.acknowledged.load(Acquire);
        let path = OperationId::GetPersona.path_of(&[&id.to_string()]);
        let request: Request<Full<Bytes>> = self
            .load
            .address
            .request(Method::GET, &format!("{path}?label={LABEL}"))
            .body(Full::default())
            .ok()?;
        let answer = connection.send(request).await.ok()?;
        self.load.pool.put_back(connection);
        let seen = match answer.status {
            StatusCode::OK => revision_in(&answer)?,
            StatusCode::NOT_FOUND => 0,
            _ => return None,
        };
        if seen < before {
            let what = format!(
                "a label was moved to revision {before} before a read by it began, which has {seen}"
            );
            self.load.complain(Check::Labelled, what);
        }
        Some(())
    }
}

/// The revision that an answer names.
fn revision_in(answer: &Answer) -> Option<u64> {
    serde_json::from_slice::<Value>(&answer.body).ok()?["revision"].as_u64()
}
