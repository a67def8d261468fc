//! Personas that are only changed together: an atomic batch must be seen as a whole or not at all
//! (check A).
//!
//! One client changes all of them in one atomic batch, again and again, and writes the number of
//! the batch into each. Another client reads all of them in one list, or in one export, on any
//! worker: they must have the same number, and it must not be smaller than the last one that was
//! acknowledged before the read began.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use http::Method;
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_http::contract::page::Page;
use persona_model::PersonaId;
use serde_json::{Value, json};

use super::batches::Change;
use super::checks::Check;
use super::client::Client;
use super::connection::Connection;
use super::load::Load;

/// Personas that are changed together.
const PERSONAS: u32 = 6;
/// One read in this many is an export, which takes longer than a list.
const EXPORTED_ONCE_IN: u64 = 32;
/// Pause after a failed look, and after one that was answered.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(1);

/// The personas that are changed together. Other clients do not know them before the load ends.
pub struct Together {
    load: Arc<Load>,
    members: Vec<(u32, PersonaId)>,
    /// The number of the last batch that was acknowledged.
    acknowledged: AtomicU64,
}

impl Together {
    /// Creates the personas with a client.
    pub async fn create(load: Arc<Load>, client: &mut Client) -> Arc<Self> {
        let mut members = Vec::new();
        for _ in 0..PERSONAS {
            members.extend(client.create_hidden().await);
        }
        Arc::new(Self { load, members, acknowledged: AtomicU64::new(0) })
    }

    /// Makes the personas known to the export after the load.
    pub fn reveal(&self) {
        for (persona, id) in &self.members {
            self.load.named(*persona, *id);
        }
    }

    fn is_complete(&self) -> bool {
        self.members.len() == PERSONAS as usize
    }

    /// Changes all personas again and again until the load ends.
    pub async fn write(self: Arc<Self>, mut client: Client) {
        let (mut number, mut last) = (0, None::<Vec<Change>>);
        // If not all personas exist, the server is unreachable, which is reported elsewhere.
        while !self.load.is_stopped() && self.is_complete() {
            number += 1;
            // The key of the previous batch is removed, so that documents stay small; if the
            // outcome of that batch is unknown, its key stays.
            let before = last.take();
            let before = before.iter().flatten().map(|change| Some(change.request));
            let before = before.chain(std::iter::repeat(None));
            let change = |((persona, id), replaces): (&(u32, PersonaId), Option<u32>)| {
                let request = self.load.new_request();
                Change { persona: *persona, id: *id, request, replaces }
            };
            let changes: Vec<Change> = self.members.iter().zip(before).map(change).collect();
            let tags = json!(["persona-verify", tag_of(&self.load)]);
            let more = json!({ "nickname": number.to_string(), "tags": tags });
            let answered = client.send_batch(&changes, true, &more).await;
            if answered.is_some_and(|(done, _)| done.len() == changes.len()) {
                self.acknowledged.fetch_max(number, AcqRel);
                last = Some(changes);
            }
        }
    }

    /// Reads all personas at once, again and again until the load ends.
    pub async fn watch(self: Arc<Self>) {
        let mut connection = None;
        let mut looks = 0_u64;
        while !self.load.is_stopped() && self.is_complete() {
            looks += 1;
            let is_export = looks.is_multiple_of(EXPORTED_ONCE_IN);
            let seen = self.look(&mut connection, is_export).await;
            let pause = if seen.is_some() { PAUSE } else { PAUSE_AFTER_FAILURE };
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads all personas once; `None` if there was no answer, which other clients judge.
    async fn look(&self, kept: &mut Option<Connection>, is_export: bool) -> Option<()> {
        let mut connection = match kept.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(&self.load.address).await.ok()?,
        };
        let before = self.acknowledged.load(Acquire);
        let found = if is_export {
            self.exported(&mut connection).await?
        } else {
            self.listed(&mut connection).await?
        };
        *kept = Some(connection);
        let numbers: Vec<u64> = self.members.iter().map(|(_, id)| number_in(&found, *id)).collect();
        let what = if is_export { "an export" } else { "a list" };
        if numbers.iter().any(|number| *number != numbers[0]) {
            let what = format!("{what} has the numbers {numbers:?} of atomic batches");
            self.load.complain(Check::Atomic, what);
        } else if numbers.first().is_some_and(|number| *number < before) {
            let seen = numbers[0];
            let what =
                format!("batch {before} was acknowledged before {what} began, which has {seen}");
            self.load.complain(Check::Atomic, what);
        }
        Some(())
    }

    async fn listed(&self, connection: &mut Connection) -> Option<Vec<Value>> {
        let tag = tag_of(&self.load).replace(' ', "+");
        let path = OperationId::ListPersonas.path();
        let text = self.get(connection, &format!("{path}?tag={tag}&fields=id,nickname")).await?;
        serde_json::from_slice(&text).ok().map(|page: Page<Value>| page.items)
    }

    async fn exported(&self, connection: &mut Connection) -> Option<Vec<Value>> {
        let text = self.get(connection, OperationId::ExportPersonas.path()).await?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).ok()).collect()
    }

    async fn get(&self, connection: &mut Connection, target: &str) -> Option<bytes::Bytes> {
        let request = self.load.address.request(Method::GET, target);
        let answer = connection.send(request.body(Full::default()).ok()?).await.ok()?;
        (answer.status == 200).then_some(answer.body)
    }
}

/// The tag of the personas that are changed together.
pub(super) fn tag_of(load: &Load) -> String {
    format!("{} together", load.tag)
}

/// The number of the batch that a persona shows; 0 where it shows none.
fn number_in(found: &[Value], id: PersonaId) -> u64 {
    let id = id.to_string();
    let persona = found.iter().find(|persona| persona["id"] == id.as_str());
    persona.and_then(|persona| persona["nickname"].as_str()?.parse().ok()).unwrap_or_default()
}
