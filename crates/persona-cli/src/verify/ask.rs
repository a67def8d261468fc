//! Builds the HTTP message of a client's request.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use persona_http::contract::OperationId;
use persona_model::{EntityTag, PersonaId};
use persona_storage::SQUASH_SECONDS_MAX;
use serde_json::json;

use super::answer::key_of;
use super::checks::DELETED;
use super::history::RequestKind;
use super::load::Load;
use super::random::effect_of;
use super::search::word_of;

/// A text that fills a document up to a usual size.
const DESCRIPTION: &str = "Answers like an archivist with many years of practice: patiently, in \
                           whole sentences, and with the figures at hand.";

/// The author of autosaves.
const AUTHOR: &str = "verify";

/// One request of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub operation: RequestKind,
    pub persona: u32,
    /// The number of the write; 0 for reads.
    pub request: u32,
    /// The entity tag that a condition names.
    pub expected: Option<EntityTag>,
    pub has_key: bool,
    /// The identity of a persona that other clients do not know; `None` for one that they know.
    pub id: Option<PersonaId>,
    /// Whether a write is an autosave.
    pub is_autosave: bool,
}

impl Ask {
    /// A request about a persona without anything else.
    pub fn of(operation: RequestKind, persona: u32) -> Self {
        Self {
            operation,
            persona,
            request: 0,
            expected: None,
            has_key: false,
            id: None,
            is_autosave: false,
        }
    }

    /// A read on another worker than that of the last write.
    pub fn visit(persona: u32) -> Self {
        Self::of(RequestKind::Visit, persona)
    }

    /// A patch without a condition.
    pub fn patch(persona: u32, request: u32) -> Self {
        Self { request, has_key: true, ..Self::of(RequestKind::Patch, persona) }
    }

    /// The revision that a condition names; 0 without a condition.
    pub fn expected_revision(&self) -> u32 {
        self.expected.and_then(|tag| tag.revision.number().try_into().ok()).unwrap_or_default()
    }
}

/// The idempotency key of a write.
pub(super) fn idempotency_key(load: &Load, request: u32) -> String {
    format!("{}/{request}", load.tag).replace(' ', "-")
}

/// The HTTP message of the request.
pub(super) fn message(load: &Load, ask: &Ask) -> Option<Request<Full<Bytes>>> {
    let id = ask.id.or_else(|| load.personas().get(ask.persona as usize).copied().flatten());
    let operation = match ask.operation {
        RequestKind::Create => OperationId::CreatePersona,
        RequestKind::Undelete => OperationId::UndeletePersona,
        RequestKind::Patch => OperationId::PatchPersona,
        RequestKind::Replace => OperationId::ReplacePersona,
        RequestKind::Delete => OperationId::DeletePersona,
        RequestKind::Read | RequestKind::Visit | RequestKind::Export => OperationId::GetPersona,
    };
    let path = if ask.operation == RequestKind::Create {
        operation.path_of(&[])
    } else {
        operation.path_of(&[&id?.to_string()])
    };
    let query =
        if ask.is_autosave { format!("?squash={SQUASH_SECONDS_MAX}") } else { String::new() };
    let mut request = load.request(operation, &format!("{path}{query}"));
    if ask.is_autosave && load.address.token().is_none() {
        // Only what one author saved is squashed. With a token that is the token's name.
        request = request.header("x-persona-author", AUTHOR);
    }
    if let Some(tag) = ask.expected {
        let name = if ask.operation.is_write() { header::IF_MATCH } else { header::IF_NONE_MATCH };
        request = request.header(name, format!("\"{tag}\""));
    }
    if ask.has_key {
        request = request.header("idempotency-key", idempotency_key(load, ask.request));
    }
    let keys = json!({ key_of(ask.request): 1 });
    let word = word_of(ask.request);
    let body = match ask.operation {
        RequestKind::Create | RequestKind::Replace => {
            json!({ "name": load.name_of(ask.persona), "description": DESCRIPTION, "tags": ["persona-verify"], "extensions": keys, "creator_notes": word })
        }
        RequestKind::Patch => json!({ "extensions": keys, "creator_notes": word }),
        _ => return request.body(Full::default()).ok(),
    };
    request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body.to_string())).ok()
}

/// The effect of a write on the state.
pub(super) fn effect(ask: &Ask) -> u64 {
    match ask.operation {
        RequestKind::Create | RequestKind::Patch | RequestKind::Replace => effect_of(ask.request),
        RequestKind::Delete | RequestKind::Undelete => DELETED,
        RequestKind::Read | RequestKind::Visit | RequestKind::Export => 0,
    }
}
