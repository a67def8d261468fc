//! Reads what a request for events asks for.

use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use persona_model::{
    FeedPlace, HandleName, LabelName, Owned, PAGE_LIMIT_DEFAULT, PersonaId, excerpt, filter_tags,
};
use persona_storage::{Error, View};

use super::marks::hash;
use super::selection::Selection;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::events::EventKind;
use crate::contract::parameters as row;
use crate::extract::parameters::Parameters;
use crate::problem::Problem;
use crate::{Context, handles};

/// Most personas that one request follows by name.
pub const EVENT_PERSONAS_MAX: usize = 32;
/// Most labels that one request follows.
pub const EVENT_LABELS_MAX: usize = 32;
/// The header with the id of the last event.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A place that no feed has. It stands for an event id that cannot be read, so that the answer is
/// the same as for an id of another database: a reset.
const NO_PLACE: FeedPlace = FeedPlace { sequence: u64::MAX, proof: None };

/// What a request for events asks for.
pub(super) struct Asked {
    /// The place behind which events start; `None` for events that are committed from now on.
    pub place: Option<FeedPlace>,
    pub selection: Arc<Selection>,
    /// Whether events contain the persona at their revision.
    pub with_document: bool,
    pub form: Form,
}

/// The form of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// A stream of server-sent events.
    Stream,
    /// A page of at most `limit` events; without an event the server waits `wait_seconds`.
    Page { limit: usize, wait_seconds: u64 },
}

impl Asked {
    pub(super) async fn read(context: &Context, request: &Parts) -> Result<Self, Problem> {
        let headers = &request.headers;
        let mut query = Parameters::read(&request.uri, OperationId::FollowEvents);
        let after = query.value(&row::AFTER);
        let (limit, wait) = (query.value(&row::EVENTS_LIMIT), query.value(&row::WAIT));
        let form = if wants_page(headers) {
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            let (limit, wait_seconds) = (limit.unwrap_or(PAGE_LIMIT_DEFAULT), wait.unwrap_or(0));
            Form::Page { limit, wait_seconds }
        } else {
            for (name, is_there) in [("limit", limit.is_some()), ("wait", wait.is_some())] {
                if is_there {
                    query.refuse(name, "bad_value", "needs Accept: application/json");
                }
            }
            Form::Stream
        };
        let viewer = viewer_of(&request.extensions)?;
        let named = personas(&mut query);
        let (kinds, tags) = (kinds(&mut query), tags(&mut query));
        let labels = labels(&mut query);
        let owner = query.value(&row::OWNER).map(|owned| match owned {
            Owned::By(owner) => hash(owner.as_str()),
            Owned::ByNone => hash(""),
        });
        if !labels.is_empty() && !kinds.is_empty() && !kinds.iter().any(|kind| kind.is_of_label()) {
            let message = "does not go with label, which leaves moves of labels alone: those are \
                           labelled and unlabelled";
            query.refuse("kind", "contradiction", message);
        }
        let with_document = query.value(&row::INCLUDE_DOCUMENT).unwrap_or(false);
        query.done()?;
        let view = context.store.view(viewer);
        let personas = ids_of(view, named).await?;
        let place = match last_event_id(headers).or(after) {
            Some(place) => Some(meant(view, place).await?),
            None => None,
        };
        let selection = Selection { viewer: viewer.clone(), personas, kinds, tags, owner, labels };
        Ok(Self { place, selection: Arc::new(selection), with_document, form })
    }
}

/// Whether the client wants JSON: it accepts JSON and does not accept a stream.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = |media: &str| {
        let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|part| {
            let name = part.split(';').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case(media)
        })
    };
    accepts("application/json") && !accepts("text/event-stream")
}

/// The place where the last stream of the client broke off (`Last-Event-ID`).
fn last_event_id(headers: &HeaderMap) -> Option<FeedPlace> {
    let value = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty())?;
    let place = value.to_str().ok().and_then(|text| FeedPlace::parse(text.trim()));
    Some(place.unwrap_or(NO_PLACE))
}

/// The place that a client means; one that it cannot know is none of the feed.
async fn meant(view: View<'_>, place: FeedPlace) -> Result<FeedPlace, Error> {
    match view.meant(place).await {
        Err(Error::UnknownPosition) => Ok(NO_PLACE),
        meant => meant,
    }
}

/// What names a persona.
enum Named {
    Identity(PersonaId),
    Handle(HandleName),
}

fn personas(query: &mut Parameters<'_>) -> Vec<Named> {
    let texts: Vec<String> = query.texts(&row::PERSONA).map(str::to_owned).collect();
    if texts.len() > EVENT_PERSONAS_MAX {
        let message = format!("must be there at most {EVENT_PERSONAS_MAX} times");
        query.refuse("persona", "too_many", message);
        return Vec::new();
    }
    let mut found = Vec::new();
    for text in texts {
        let handle = text.strip_prefix('@').and_then(HandleName::parse).map(Named::Handle);
        if let Some(named) = handle.or_else(|| PersonaId::parse(&text).map(Named::Identity)) {
            found.push(named);
        } else {
            let message = format!(
                "must be the id of a persona, or @ and its handle, is {:?}",
                excerpt(&text)
            );
            query.refuse("persona", "bad_value", message);
        }
    }
    found
}

/// The personas that are followed. A handle means the persona that it leads to when the request
/// comes: an event tells its id, and does not tell of another one later.
async fn ids_of(view: View<'_>, named: Vec<Named>) -> Result<Vec<PersonaId>, Problem> {
    let mut ids = Vec::with_capacity(named.len());
    for one in named {
        ids.push(match one {
            Named::Identity(id) => id,
            Named::Handle(handle) => handles::id_of(view, &handle).await?,
        });
    }
    Ok(ids)
}

fn kinds(query: &mut Parameters<'_>) -> Vec<persona_model::ChangeKind> {
    let texts: Vec<String> = query.texts(&row::EVENT_KIND).map(str::to_owned).collect();
    let mut found = Vec::new();
    for text in texts {
        if let Some((_, kind, _)) = EventKind::ALL.iter().find(|(_, _, word)| *word == text) {
            found.push(*kind);
        } else {
            let words = row::EVENT_KIND_WORDS.join(", ");
            let message = format!("must be one of {words}, is {:?}", excerpt(&text));
            query.refuse("kind", "bad_value", message);
        }
    }
    found
}

fn labels(query: &mut Parameters<'_>) -> Vec<LabelName> {
    let texts: Vec<String> = query.texts(&row::EVENT_LABEL).map(str::to_owned).collect();
    if texts.len() > EVENT_LABELS_MAX {
        let message = format!("must be there at most {EVENT_LABELS_MAX} times");
        query.refuse("label", "too_many", message);
        return Vec::new();
    }
    let mut found = Vec::new();
    for text in texts {
        match LabelName::parse(&text) {
            Ok(name) => found.push(name),
            Err(bad) => query.refuse("label", "bad_value", bad.to_string()),
        }
    }
    found
}

fn tags(query: &mut Parameters<'_>) -> Vec<u64> {
    match filter_tags(query.texts(&row::TAG)) {
        Ok(tags) => tags.iter().map(|tag| hash(tag)).collect(),
        Err(error) => {
            query.refuse("tag", "too_many", error.to_string());
            Vec::new()
        }
    }
}
