//! A persona read by a label (`?label=production`), and with its labels (`?include=labels`).
//!
//! Labels are read first and the revision after them. A revision that a label points to changes
//! never, and goes only with its whole persona. So the answer is that of the moment in which the
//! labels were read, with every move that was answered before, or that the persona was purged. The
//! current state can be dropped by the autosave that replaces it, so it is read as such, with
//! labels that the persona had in that moment.

use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_LOCATION, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use persona_model::{LabelName, PersonaId, Revision};
use persona_storage::{Error, Glance, Label, Labelled, Party, PersonaLabels, Representation, View};

use super::points;
use super::responses::not_modified;
use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::parameters::LabelWord;
use crate::extract::{conditions, etag};
use crate::personas::{read, responses};
use crate::problem::Problem;

/// Most looks for labels and a current state of one moment: each is in vain only where labels of
/// the persona were moved and it was changed meanwhile.
const LOOKS_MAX: u32 = 10;

/// Which state of a persona is read.
pub(crate) enum Wanted {
    /// The current one.
    Current,
    /// That of a revision.
    Revision(Revision),
    /// That of the revision that a label points to.
    Label(LabelName),
}

impl Wanted {
    /// What a query says, which has one of the two at most.
    pub fn of(revision: Option<Revision>, label: Option<LabelWord>) -> Self {
        match (revision, label) {
            (Some(revision), _) => Self::Revision(revision),
            (None, Some(LabelWord::Label(name))) => Self::Label(name),
            (None, Some(LabelWord::Latest) | None) => Self::Current,
        }
    }
}

/// Answers with the persona at the revision that a label points to.
pub(crate) async fn by_label(
    context: &Context,
    request: &Parts,
    id: PersonaId,
    name: &LabelName,
) -> Result<Response, Problem> {
    let client = request.extensions.get().copied();
    let view = context.store.view(viewer_of(&request.extensions)?);
    let found = view.labelled(id, name).await?;
    let (method, headers) = (&request.method, &request.headers);
    if let Some(answer) =
        answer_by_label(context, method, headers, client, (id, name), found.as_deref())
    {
        return answer;
    }
    let label = found.as_deref().and_then(|found| found.label.as_ref());
    let label = label.ok_or_else(|| Problem::no_such_label(name.as_str()))?;
    let answer = read::at_revision(context, view, client, id, label.revision).await?;
    at_label(context, method, headers, client, label, answer)
}

/// The answer to a read by a label, which the store was asked for once; `None` where the document
/// is large and has to be read still.
pub(crate) fn answer_by_label(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    client: Option<Party>,
    (id, name): (PersonaId, &LabelName),
    found: Option<&Labelled>,
) -> Option<Result<Response, Problem>> {
    let Some(found) = found else { return Some(Err(Problem::no_such_persona(&id.to_string()))) };
    if found.deleted {
        return Some(Err(Problem::labels_of_deleted(id)));
    }
    let Some(label) = &found.label else { return Some(Err(Problem::no_such_label(name.as_str()))) };
    let Glance::Whole(Some(answer)) = &found.found else { return None };
    Some(at_label(context, method, headers, client, label, answer.clone()))
}

/// The answer with the revision that a label points to. Its tag is of its own kind: it names the
/// state of the label and that of the revision.
fn at_label(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    client: Option<Party>,
    label: &Label,
    answer: Representation,
) -> Result<Response, Problem> {
    let tag = etag::by_label(label.tag, answer.tag());
    if conditions::is_known_by_tag(headers, &tag)? {
        let mut response = not_modified(&tag);
        if method == Method::HEAD {
            // As with a read without a label (`personas/get.rs`).
            response.headers_mut().insert(CONTENT_LENGTH, answer.body.len().into());
        }
        return Ok(response);
    }
    let (id, number) = (answer.id.to_string(), label.revision.to_string());
    let place = OperationId::GetRevision.path_of(&[&id, &number]);
    let place = HeaderValue::try_from(place).expect("a path is visible ASCII");
    let memory = context.answers.reserve(client, answer.body.len())?;
    // Without a date: a label can go back to an older revision.
    let mut response = responses::with_tag(StatusCode::OK, answer.body, memory, etag::quoted(&tag));
    response.headers_mut().insert(CONTENT_LOCATION, place);
    Ok(response)
}

/// Answers with the persona and its labels. Without a tag: what is answered is two states.
pub(crate) async fn with_labels(
    context: &Context,
    request: &Parts,
    id: PersonaId,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let client = request.extensions.get().copied();
    let view = context.store.view(viewer_of(&request.extensions)?);
    let (labels, answer) = match wanted {
        Wanted::Current => current_with_labels(context, view, client, id).await?,
        // A revision is read also of a deleted persona.
        Wanted::Revision(revision) => {
            let labels = of_persona(view, id).await?;
            (labels, read::at_revision(context, view, client, id, revision).await?)
        }
        Wanted::Label(name) => {
            let labels = living(view, id).await?;
            let label = labels.get(&name);
            let label = label.ok_or_else(|| Problem::no_such_label(name.as_str()))?;
            let answer = read::at_revision(context, view, client, id, label.revision).await?;
            (labels, answer)
        }
    };
    let text = points::including(&answer.body, &points::text_of(&labels.labels));
    responses::json_text(context, client, text)
}

/// The current state of a persona, and the labels that it had in that moment: those from before it
/// was read, where it is still the same or where those from after it are the same.
async fn current_with_labels(
    context: &Context,
    view: View<'_>,
    client: Option<Party>,
    id: PersonaId,
) -> Result<(PersonaLabels, Representation), Problem> {
    let mut before = living(view, id).await?;
    for _ in 0..LOOKS_MAX {
        let answer = read::current(context, view, client, id).await?;
        if answer.deleted {
            return Err(Problem::labels_of_deleted(id));
        }
        if answer.revision == before.latest {
            return Ok((before, answer));
        }
        let after = living(view, id).await?;
        if answer.revision == after.latest || after.labels == before.labels {
            return Ok((after, answer));
        }
        before = after;
    }
    Err(Error::Busy { what: "a moment in which the labels stay" }.into())
}

/// The labels of a persona that is not deleted.
async fn living(view: View<'_>, id: PersonaId) -> Result<PersonaLabels, Problem> {
    let labels = of_persona(view, id).await?;
    if labels.deleted { Err(Problem::labels_of_deleted(id)) } else { Ok(labels) }
}

async fn of_persona(view: View<'_>, id: PersonaId) -> Result<PersonaLabels, Problem> {
    let labels = view.labels(id).await?;
    labels.ok_or_else(|| Problem::no_such_persona(&id.to_string()))
}
