//! An item for a client that does not choose identities, because its token is bound to an owner.
//!
//! Whether an identity is in use tells of personas of others, so the server refuses to such a
//! client to create one of its choice. `POST /api/v1/import` gives the item an identity that
//! follows from the owner and that of the item: a second run finds the same persona again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_formats::Item;
use persona_http::contract::OperationId;
use persona_http::contract::import::{ImportItem, ImportReport, ImportStatus};
use persona_http::contract::session::Session;
use persona_model::{PersonaId, join_representation};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::patience::{RETRY_TOTAL_MAX, patiently, refused};
use super::report::Status;
use super::send::{Answer, Sender};
use crate::client::{Api, Query};
use crate::commands::arguments::OnDuplicate;
use crate::failure::Failure;

/// Pause before an item is sent again that the store was too busy for.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Whether the client was found to be one that does not choose identities.
#[derive(Clone, Debug, Default)]
pub struct Bound(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    is_bound: AtomicBool,
    /// Filled once the server was asked.
    is_asked: OnceCell<()>,
}

impl Bound {
    /// Notes that it is.
    pub fn note(&self) {
        self.0.is_bound.store(true, Ordering::Relaxed);
    }

    /// Whether it was noted.
    pub fn is_noted(&self) -> bool {
        self.0.is_bound.load(Ordering::Relaxed)
    }

    /// Whether it is, which the server is asked once for all items.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or stayed busy.
    pub async fn ask(&self, api: &Api) -> Result<bool, Failure> {
        let ask = async || {
            let path = OperationId::GetSession.path();
            let session = patiently(api, Method::GET, path, &[], None).await?;
            let session = session.success().and_then(|session| session.read_as::<Session>());
            if session.is_ok_and(|session| session.owner.is_some()) {
                self.note();
            }
            Ok::<_, Failure>(())
        };
        self.0.is_asked.get_or_try_init(ask).await?;
        Ok(self.is_noted())
    }
}

/// Has the server import an item, together with others or alone, and returns the result.
///
/// # Errors
///
/// The server cannot be reached, or stayed busy.
pub async fn send_own(sender: &Sender, item: &Item) -> Result<Answer, Failure> {
    if let Some(told) = sender.imports.import(item).await {
        return Ok(told.into());
    }
    let body = Bytes::from(text(item));
    let path = path(sender.on_duplicate);
    let started_at = Instant::now();
    loop {
        let reply = patiently(&sender.api, Method::POST, &path, &[], Some(&body)).await?;
        if reply.status != StatusCode::OK {
            return Ok(refused(reply).into());
        }
        let report: ImportReport = reply.read_as()?;
        let Some(told) = report.items.into_iter().next() else {
            return Ok((Status::Failed, vec!["the server told nothing of it".into()]).into());
        };
        // The answer of an import has 200 also where the store was busy with its item.
        if !told.can_be_repeated() || started_at.elapsed() + BUSY_WAIT >= RETRY_TOTAL_MAX {
            return Ok(told.into());
        }
        sleep(BUSY_WAIT).await;
    }
}

/// The path and query of an import.
pub(super) fn path(on_duplicate: OnDuplicate) -> String {
    let word = match on_duplicate {
        OnDuplicate::Skip => "skip",
        OnDuplicate::Update => "update",
    };
    let path = OperationId::ImportPersonas.path();
    Query::new(path).with("on_duplicate", word).into_path()
}

/// An item in the body of an import: its document with its identity.
pub(super) fn text(item: &Item) -> String {
    let identity = json!({ "id": item.id.to_string() }).to_string();
    let text = join_representation(&identity, item.document.text());
    String::from_utf8(text).expect("two texts in UTF-8")
}

impl From<ImportItem> for Answer {
    fn from(told: ImportItem) -> Self {
        let id = told.id.as_deref().and_then(PersonaId::parse);
        Self { status: status_of(told.status), errors: told.errors, holder: None, id }
    }
}

fn status_of(told: ImportStatus) -> Status {
    match told {
        ImportStatus::Created => Status::Created,
        ImportStatus::Updated => Status::Updated,
        ImportStatus::Unchanged => Status::Unchanged,
        ImportStatus::Differs => Status::Differs,
        ImportStatus::Deleted => Status::Deleted,
        ImportStatus::Failed | ImportStatus::New | ImportStatus::WouldUpdate => Status::Failed,
    }
}
