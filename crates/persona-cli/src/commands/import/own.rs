//! An item for a client that does not choose identities, because its token is bound to an owner.
//!
//! Whether an identity is in use tells of personas of others, so the server refuses to such a
//! client to create one of its choice. `POST /api/v1/import` gives the item an identity that
//! follows from the owner and that of the item: a second run finds the same persona again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_formats::Item;
use persona_http::contract::OperationId;
use persona_http::contract::import::{ImportReport, ImportStatus};
use persona_model::{PersonaId, join_representation};
use serde_json::json;

use super::report::Status;
use super::send::{Answer, patiently, refused};
use crate::client::{Api, Query};
use crate::commands::arguments::OnDuplicate;
use crate::failure::Failure;

/// Whether the client was found to be one that does not choose identities.
#[derive(Clone, Debug, Default)]
pub struct Bound(Arc<AtomicBool>);

impl Bound {
    /// Notes that it is.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was noted.
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Has the server take an item in, and tells what came of it.
///
/// # Errors
///
/// The server cannot be reached, or stayed busy.
pub async fn send_own(
    api: &Api,
    item: &Item,
    on_duplicate: OnDuplicate,
) -> Result<Answer, Failure> {
    let word = match on_duplicate {
        OnDuplicate::Skip => "skip",
        OnDuplicate::Update => "update",
    };
    let path = OperationId::ImportPersonas.path();
    let query = Query::new(path).with("on_duplicate", word).into_path();
    let identity = json!({ "id": item.id.to_string() }).to_string();
    let body: Bytes = join_representation(&identity, item.document.text()).into();
    let reply = patiently(api, Method::POST, &query, &[], Some(&body)).await?;
    if reply.status != StatusCode::OK {
        return Ok(refused(reply).into());
    }
    let report: ImportReport = reply.read_as()?;
    let Some(told) = report.items.into_iter().next() else {
        return Ok((Status::Failed, vec!["the server told nothing of it".into()]).into());
    };
    let id = told.id.as_deref().and_then(PersonaId::parse);
    Ok(Answer { status: status_of(told.status), errors: told.errors, holder: None, id })
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
