//! A persona that is saved again and again as in an editor: each autosave drops the one before it
//! from the history, and nothing else goes.
//!
//! One client saves the persona, and has a label point to one revision in a few. Right behind each
//! answer it reads on every worker: the new revision and those with a label are there, and the
//! autosave before is not, unless it has a label.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_http::contract::OperationId;
use persona_http::contract::problem_body::ProblemBody;
use persona_http::contract::problems::Code;
use persona_model::EntityTag;
use persona_storage::SQUASH_SECONDS_MAX;
use serde_json::json;

use super::answer::Understood;
use super::ask::Ask;
use super::attempt::{attempt, attempt_on};
use super::checks::Check;
use super::connection::{Connection, ask};
use super::hidden::{Hidden, pause_after};
use super::history::{Knowledge, RequestKind};

/// The label.
const LABEL: &str = "verify-saved";
/// One save in this many gets the label.
const LABELLED_ONCE_IN: u64 = 3;
/// The newest revisions with a label that are looked for again and again.
const REMEMBERED: usize = 16;
/// Most attempts at one save, if the answers get lost.
const ATTEMPTS_MAX: usize = 50;
/// After this time a revision may stay: the window of a squash begins with the first autosave.
const JUDGED_FOR: Duration = Duration::from_secs(SQUASH_SECONDS_MAX as u64 - 3600);

/// A save that was acknowledged.
#[derive(Clone, Copy)]
struct Saved {
    revision: u32,
    /// Whether a move of the label to it was sent.
    may_be_labelled: bool,
}

/// The client that saves.
struct Editor {
    hidden: Arc<Hidden>,
    tag: Option<EntityTag>,
    last: Option<Saved>,
    /// Revisions that certainly had the label.
    labelled: VecDeque<u32>,
    began: Instant,
}

/// Saves the persona until the load ends.
pub async fn save(hidden: Arc<Hidden>) {
    let (tag, last, labelled) = (None, None, VecDeque::new());
    let mut editor = Editor { hidden, tag, last, labelled, began: Instant::now() };
    let mut rounds = 0;
    while editor.hidden.goes_on_after(rounds) && editor.hidden.load.can_go_on() {
        rounds += 1;
        if editor.round(rounds).await.is_none() {
            // What became of the save is not known for certain, so nothing can be said of the one
            // before it.
            (editor.tag, editor.last) = (None, None);
            pause_after(None).await;
        }
    }
}

impl Editor {
    /// One save, and the reads behind it; `None` if it was not acknowledged.
    async fn round(&mut self, number: u64) -> Option<()> {
        let saved = self.saved().await?;
        let before = self.last.take().filter(|before| {
            !before.may_be_labelled
                && before.revision + 1 == saved
                && self.began.elapsed() < JUDGED_FOR
        });
        let load = Arc::clone(&self.hidden.load);
        for worker in &load.workers {
            let ask = Ask { id: Some(self.hidden.id), ..Ask::visit(self.hidden.persona) };
            attempt_on(&load, *worker, &ask).await;
            for kept in self.labelled.iter().copied().chain([saved]) {
                self.look(*worker, kept, true).await;
            }
            if let Some(before) = before {
                self.look(*worker, before.revision, false).await;
            }
        }
        let may_be_labelled = number.is_multiple_of(LABELLED_ONCE_IN);
        self.last = Some(Saved { revision: saved, may_be_labelled });
        if may_be_labelled && self.is_labelled(saved).await {
            self.labelled.truncate(REMEMBERED - 1);
            self.labelled.push_front(saved);
        }
        Some(())
    }

    /// Saves, and returns the revision that was made.
    async fn saved(&mut self) -> Option<u32> {
        let base =
            Ask { id: Some(self.hidden.id), ..Ask::of(RequestKind::Read, self.hidden.persona) };
        if self.tag.is_none() {
            self.tag = self.answered(&base).await?.tag;
        }
        let (operation, request) = (RequestKind::Replace, self.hidden.load.new_request());
        let (expected, is_autosave) = (self.tag, true);
        let ask = Ask { operation, request, expected, has_key: true, is_autosave, ..base };
        for _ in 0..ATTEMPTS_MAX {
            if let Some(told) = self.answered(&ask).await
                && told.outcome != Knowledge::Unknown
            {
                self.tag = told.tag;
                return told.revision.filter(|_| told.outcome == Knowledge::Done);
            }
            pause_after(None).await;
        }
        None
    }

    /// Sends a request once.
    async fn answered(&self, ask: &Ask) -> Option<Understood> {
        let load = &self.hidden.load;
        let mut connection = Connection::open(&load.address).await.ok()?;
        attempt(load, ask, &mut connection).await
    }

    /// Has the label point to a revision, and tells whether that was acknowledged.
    async fn is_labelled(&self, revision: u32) -> bool {
        let path = OperationId::SetLabel.path_of(&[&self.hidden.id.to_string(), LABEL]);
        let body = Bytes::from(json!({ "revision": revision }).to_string());
        let moved = ask(&self.hidden.load.address, Method::PUT, &path, &[], body).await;
        moved.is_ok_and(|answer| answer.status.is_success())
    }

    /// Looks whether a revision is kept on a worker. A read without an answer is judged by other
    /// clients.
    async fn look(&self, worker: u8, revision: u32, is_kept: bool) {
        let hidden = &self.hidden;
        let (id, number) = (hidden.id.to_string(), revision.to_string());
        let path = OperationId::GetRevision.path_of(&[&id, &number]);
        let Some(answer) = hidden.get_on(worker, &path).await else { return };
        let is_dropped = ProblemBody::read(&answer.body).is(Code::RevisionDropped);
        let is_as_told = match answer.status {
            StatusCode::OK => is_kept,
            StatusCode::GONE if is_dropped => !is_kept,
            StatusCode::GONE | StatusCode::NOT_FOUND => false,
            _ => return,
        };
        if !is_as_told {
            let what = if is_kept { "is to be kept" } else { "was dropped by an autosave" };
            let status = answer.status.as_u16();
            let what = format!("revision {revision} {what}, and a read of it is answered {status}");
            hidden.load.complain(Check::Squashed, what);
        }
        hidden.load.findings().squashed += u64::from(!is_kept && is_as_told);
    }
}
