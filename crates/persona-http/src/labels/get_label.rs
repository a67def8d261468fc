//! `GET` and `HEAD /api/v1/personas/{id}/labels/{label}`: where a label points.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use persona_model::{LABEL_LATEST, LabelTag};
use persona_storage::{Error, Party, Representation};
use serde_json::Value;

use super::responses;
use crate::auth::viewer_of;
use crate::contract::labels::LabelEntry;
use crate::contract::{OperationId, Time};
use crate::extract::conditions;
use crate::extract::label::{label_to_read, word_in};
use crate::extract::parameters::Parameters;
use crate::personas::read;
use crate::problem::Problem;
use crate::{Context, personas};

/// Answers with the label, also of a deleted persona.
pub async fn get_label(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let id = personas::id_in(request.uri().path())?;
    let path = request.uri().path();
    let name = if word_in(path) == LABEL_LATEST { None } else { Some(label_to_read(path)?) };
    Parameters::none(request.uri(), OperationId::GetLabel)?;
    let view = context.store.view(viewer_of(request.extensions())?);
    let entry = match name {
        None => latest(&read::current(&context, view, client, id).await?)?,
        Some(name) => {
            let labels = view.labels(id).await?;
            let labels = labels.ok_or_else(|| Problem::no_such_persona(&id.to_string()))?;
            let label = labels.get(&name);
            label.ok_or_else(|| Problem::no_such_label(name.as_str()))?.into()
        }
    };
    let tag = entry.etag.trim_matches('"');
    if conditions::is_known_by_tag(request.headers(), tag)? {
        return Ok(responses::not_modified(tag));
    }
    responses::with_entry(&context, client, StatusCode::OK, &entry)
}

/// The label of the server: each revision moves it.
fn latest(current: &Representation) -> Result<LabelEntry, Error> {
    let body: Value = serde_json::from_slice(&current.body)
        .map_err(|error| Error::Damaged(format!("a stored answer cannot be read: {error}")))?;
    let tag = LabelTag { version: current.revision.number(), checksum: current.checksum };
    Ok(LabelEntry {
        label: LABEL_LATEST.to_owned(),
        revision: current.revision.number(),
        version: tag.version,
        etag: format!("\"{tag}\""),
        at: Time(current.updated_at()),
        by: body["updated_by"].as_str().map(str::to_owned),
    })
}
