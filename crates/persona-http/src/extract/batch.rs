//! The items of a batch: each is a single request, written as a JSON object.
//!
//! Conditions and keys of an item are read by the code that reads the headers of single requests,
//! so an item is refused exactly if the single request would be.

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use persona_model::{
    Document, FieldError, HandleName, Patch, PatchPlaces, PersonaId, Precondition, Revision,
    ValidationErrors, excerpt, nearest_name,
};
use persona_storage::{IdentityOrigin, Operation, SQUASH_SECONDS_MAX, Squash, SquashWindow, View};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::json::whole_number;
use super::members::{inside, pointer_of};
use super::request::{IDEMPOTENCY_KEY, idempotency_key};
use super::{conditions, etag, note, squash};
use crate::contract::batch::BATCH_ITEMS_MAX;
use crate::contract::idempotency_key::{self as key_form, read_key};
use crate::handles::{self, Target};
use crate::problem::Problem;
use crate::wire;

/// Every member that an item can have.
const MEMBERS: [&str; 11] = [
    "op",
    "id",
    "document",
    "patch",
    "if_match",
    "if_none_match",
    "base_revision",
    "squash",
    "squash_key",
    "idempotency_key",
    "note",
];

/// Stands for the persona of an item that names it by a handle.
const UNNAMED: PersonaId = PersonaId::from_bytes([0; 16]);

/// One change of a batch.
#[derive(Debug)]
pub(crate) struct BatchItem {
    /// The change.
    pub operation: Operation,
    /// The handle that its persona is named by: then the operation is about none yet.
    pub named: Option<HandleName>,
    /// Where the identity of a new persona comes from.
    pub identity: IdentityOrigin,
    /// The note of the item itself.
    pub note: Option<String>,
    /// What makes an autosave of it, with put and patch.
    pub squash: Option<Squash>,
    /// The idempotency key of the item itself.
    pub key: Option<String>,
    /// The fingerprint by which a repetition is recognised; `None` where the item has no key.
    pub fingerprint: Option<[u8; 32]>,
    /// Bytes of JSON of the document or patch of the item.
    pub bytes: usize,
}

impl BatchItem {
    /// The item about the persona that it names, where it does so by a handle: the one that has the
    /// handle now, or that gave it up and is found by it.
    pub async fn led(self, view: View<'_>) -> Result<Self, Problem> {
        let Some(handle) = self.named else { return Ok(self) };
        let (id, named) = match handles::target_of(view, &handle).await? {
            Target::Persona(id) => (id, Some(handle)),
            Target::Former(id) => (id, None),
        };
        Ok(Self { operation: self.operation.about(id), named, ..self })
    }
}

/// Reads a whole body of a batch: its items, each by itself good or bad. A creation gets its
/// identity from `new_id`. With `have_keys`, items without a key of their own get one from the
/// request.
///
/// # Errors
///
/// The body is no batch; no item may be done then.
pub(crate) fn items(
    body: Value,
    have_keys: bool,
    new_id: impl Fn() -> PersonaId,
) -> Result<Vec<Result<BatchItem, Problem>>, Problem> {
    let wrong = |pointer: &str, code, message: String| {
        Err(Problem::from(ValidationErrors::one(pointer, code, message)))
    };
    let Value::Object(mut members) = body else {
        return wrong("", "not_an_object", "must be an object with items".into());
    };
    let Some(Value::Array(items)) = members.remove("items") else {
        return wrong("/items", "required", "must be a list of changes".into());
    };
    if let Some(name) = members.keys().next() {
        let message = format!("{:?} is no member of a batch, which has items only", excerpt(name));
        return wrong(&pointer_of(name), "unknown_member", message);
    }
    if !(1..=BATCH_ITEMS_MAX).contains(&items.len()) {
        let message = format!("must have 1 to {BATCH_ITEMS_MAX} items, has {}", items.len());
        let code = if items.is_empty() { "too_short" } else { "too_many" };
        return wrong("/items", code, message);
    }
    Ok(items.into_iter().map(|read| item(read, have_keys, &new_id)).collect())
}

/// Reads one item of a batch. With `has_key`, an item without a key of its own gets one from the
/// request.
pub(crate) fn item(
    item: Value,
    has_key: bool,
    new_id: impl Fn() -> PersonaId,
) -> Result<BatchItem, Problem> {
    ItemReader::of(item, has_key)?.read(new_id)
}

/// An item that is being taken apart.
struct ItemReader {
    members: Map<String, Value>,
    named: Option<HandleName>,
    fingerprint: Option<[u8; 32]>,
}

impl ItemReader {
    fn of(item: Value, has_key: bool) -> Result<Self, Problem> {
        let Value::Object(members) = item else {
            return Err(ValidationErrors::one("", "not_an_object", "must be an object").into());
        };
        if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let near = nearest_name(name, MEMBERS).map(|near| format!("; did you mean {near}?"));
            let message =
                format!("{:?} is no member of an item{}", excerpt(name), near.unwrap_or_default());
            return Err(ValidationErrors::one(pointer_of(name), "unknown_member", message).into());
        }
        let fingerprint = (has_key || members.contains_key("idempotency_key")).then(|| {
            let text = serde_json::to_vec(&members).expect("members are JSON");
            Sha256::new().chain_update("an item of a batch").chain_update(text).finalize().into()
        });
        Ok(Self { members, named: None, fingerprint })
    }

    fn read(mut self, new_id: impl Fn() -> PersonaId) -> Result<BatchItem, Problem> {
        let operation = self.text("op")?.ok_or_else(|| missing("op"))?;
        let headers = self.headers()?;
        let note = self.note()?;
        let squash = match operation.as_str() {
            "put" | "patch" => self.squash()?,
            _ => None,
        };
        let identity =
            if operation == "create" { IdentityOrigin::New } else { IdentityOrigin::Chosen };
        let (operation, bytes) = match operation.as_str() {
            "create" => self.creation(&headers, new_id())?,
            "put" => self.replacement(&headers)?,
            "patch" => self.patch(&headers)?,
            "delete" => {
                etag::reject_if_none_match(&headers)?;
                let precondition = conditions::required_precondition(&headers)?;
                (Operation::Delete { id: self.id()?, precondition }, 0)
            }
            other => {
                let message =
                    format!("must be create, put, patch or delete, is {:?}", excerpt(other));
                return Err(ValidationErrors::one("/op", "bad_value", message).into());
            }
        };
        if let Some(name) = self.members.keys().next() {
            let message = format!("{name} does not go with this op");
            return Err(ValidationErrors::one(pointer_of(name), "not_here", message).into());
        }
        let key = idempotency_key(&headers)?;
        let (named, fingerprint) = (self.named, self.fingerprint);
        Ok(BatchItem { operation, named, identity, note, squash, key, fingerprint, bytes })
    }

    fn creation(&mut self, headers: &HeaderMap, id: PersonaId) -> Read {
        conditions::judge_creation(headers)?;
        let document = self.value("document")?;
        let document = Document::from_json(document).map_err(of_document)?;
        document.prepare();
        let bytes = document.text().len();
        Ok((Operation::Create { id, document }, bytes))
    }

    fn replacement(&mut self, headers: &HeaderMap) -> Read {
        let id = self.id()?;
        let precondition = conditions::of_replacement(headers)?;
        let document = self.value("document")?;
        let document = wire::document_of_put(id, document).map_err(of_document)?;
        document.prepare();
        let bytes = document.text().len();
        let operation = match precondition {
            None => Operation::Create { id, document },
            Some(precondition) => Operation::Replace { id, precondition, document },
        };
        Ok((operation, bytes))
    }

    fn patch(&mut self, headers: &HeaderMap) -> Read {
        etag::reject_if_none_match(headers)?;
        let precondition = conditions::precondition(headers)?.unwrap_or(Precondition::Any);
        let (id, base, patch) = (self.id()?, self.base_revision()?, self.value("patch")?);
        let bytes = patch.to_string().len();
        let patch = if patch.is_array() { Patch::json(patch) } else { Patch::merge(patch) };
        let patch = patch.map_err(|invalid| inside("/patch", invalid))?;
        Ok((Operation::Patch { id, precondition, patch, base }, bytes))
    }

    /// The identity of the item. A malformed one is answered as an unknown persona, because no
    /// persona has it.
    fn id(&mut self) -> Result<PersonaId, Problem> {
        let text = self.text("id")?.ok_or_else(|| missing("id"))?;
        if let Some(handle) = handles::of_reference(&text) {
            self.named = Some(handle?);
            return Ok(UNNAMED);
        }
        PersonaId::parse(&text).ok_or_else(|| {
            Problem::no_such_persona(&excerpt(&text)).hint("an id is a UUID with hyphens")
        })
    }

    fn base_revision(&mut self) -> Result<Option<Revision>, Problem> {
        let Some(value) = self.members.remove("base_revision") else { return Ok(None) };
        let revision = whole_number(&value).and_then(Revision::new);
        revision.map(Some).ok_or_else(|| {
            ValidationErrors::one("/base_revision", "bad_value", "must be a revision").into()
        })
    }

    fn squash(&mut self) -> Result<Option<Squash>, Problem> {
        let wrong = |pointer, code, message: String| {
            Problem::from(ValidationErrors::one(pointer, code, message))
        };
        let key = match self.text("squash_key")? {
            None => None,
            Some(text) => Some(read_key(&text).ok_or_else(|| {
                wrong("/squash_key", "bad_value", format!("must be {}", key_form::wanted()))
            })?),
        };
        match self.members.remove("squash") {
            None if key.is_some() => {
                Err(wrong("/squash_key", "not_here", squash::WITHOUT_WINDOW.into()))
            }
            None => Ok(None),
            Some(value) => {
                let window = whole_number(&value).and_then(SquashWindow::of_seconds);
                window.map(|window| Some(Squash { window, key })).ok_or_else(|| {
                    let message =
                        format!("must be a number of seconds from 1 to {SQUASH_SECONDS_MAX}");
                    wrong("/squash", "bad_value", message)
                })
            }
        }
    }

    fn note(&mut self) -> Result<Option<String>, Problem> {
        let Some(text) = self.text("note")? else { return Ok(None) };
        note::checked(&text).map(Some).ok_or_else(|| {
            let message = format!("must be {}", note::wanted());
            ValidationErrors::one("/note", "bad_value", message).into()
        })
    }

    /// The members of the item that stand for headers, as headers.
    fn headers(&mut self) -> Result<HeaderMap, Problem> {
        let places: [(&str, &HeaderName); 3] = [
            ("if_match", &IF_MATCH),
            ("if_none_match", &IF_NONE_MATCH),
            ("idempotency_key", &IDEMPOTENCY_KEY),
        ];
        let mut headers = HeaderMap::new();
        for (member, name) in places {
            if let Some(text) = self.text(member)? {
                let value = HeaderValue::try_from(text).map_err(|_| {
                    let message = "must be what the header of this name can be";
                    ValidationErrors::one(format!("/{member}"), "bad_value", message)
                })?;
                headers.insert(name, value);
            }
        }
        Ok(headers)
    }

    fn text(&mut self, member: &str) -> Result<Option<String>, Problem> {
        match self.members.remove(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => {
                let message = "must be a string";
                Err(ValidationErrors::one(format!("/{member}"), "wrong_type", message).into())
            }
        }
    }

    fn value(&mut self, member: &str) -> Result<Value, Problem> {
        self.members.remove(member).ok_or_else(|| missing(member))
    }
}

type Read = Result<(Operation, usize), Problem>;

fn missing(member: &str) -> Problem {
    ValidationErrors::one(format!("/{member}"), "required", "must be there").into()
}

fn of_document(invalid: ValidationErrors) -> Problem {
    inside("/document", invalid)
}

/// The errors of a patched persona, with places in the patch. In a JSON Patch the place is an
/// operation, so the message also names the member of the persona.
pub(crate) fn in_patch(places: &PatchPlaces, invalid: ValidationErrors) -> Problem {
    let ValidationErrors { errors, more } = invalid;
    let told = |error: FieldError| {
        let place = places.place_of(&error.pointer);
        let message = if place == error.pointer {
            error.message
        } else {
            format!("{} of the persona: {}", error.pointer, error.message)
        };
        FieldError { pointer: place, message, ..error }
    };
    let errors = errors.into_iter().map(told).collect();
    inside("/patch", ValidationErrors { errors, more })
}
