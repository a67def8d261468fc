//! Sends one item to the API.

use bytes::Bytes;
use http::{Method, StatusCode, header};
use persona_formats::Item;
use persona_http::contract::batch::BatchItemAnswer;
use persona_http::contract::import::ImportItem;
use persona_http::contract::problems::Code;
use persona_model::{Document, PersonaId, Revision, Timestamp, join_representation};
use serde_json::Value;

use super::batches::Batches;
use super::labels;
use super::own::{Bound, send_own};
use super::patience::{patiently, reasons_of, refused};
use super::report::Status;
use crate::client::{Api, Reply, failure, persona_path, reasons_of_item};
use crate::commands::arguments::OnDuplicate;
use crate::failure::Failure;

/// Most tries of an update while other clients change the same persona.
const UPDATE_ATTEMPTS_MAX: usize = 5;

/// What sends the items of a command.
#[derive(Clone)]
pub struct Sender {
    /// The server or file that gets the items.
    pub api: Api,
    /// New personas on their way.
    pub creations: Batches<BatchItemAnswer>,
    /// Items on their way that get their identities from the server.
    pub imports: Batches<ImportItem>,
    /// Whether the server gives the personas their identities.
    pub bound: Bound,
    /// What is done with a persona that exists with other content.
    pub on_duplicate: OnDuplicate,
}

impl Sender {
    /// Starts with no item; at most `waiting_max` items can wait in each kind of request.
    pub fn start(api: Api, on_duplicate: OnDuplicate, waiting_max: usize) -> Self {
        Self {
            creations: Batches::of_creations(api.clone(), waiting_max),
            imports: Batches::of_imports(api.clone(), on_duplicate, waiting_max),
            api,
            bound: Bound::default(),
            on_duplicate,
        }
    }
}

/// The result of an item that was sent.
#[derive(Debug)]
pub struct Answer {
    /// The status of the item.
    pub status: Status,
    /// Why the item was refused, as sentence fragments.
    pub errors: Vec<String>,
    /// The persona that has the handle of the item, if it was refused for that.
    pub holder: Option<PersonaId>,
    /// The persona that it is here, where the server gave it another identity.
    pub id: Option<PersonaId>,
}

impl From<(Status, Vec<String>)> for Answer {
    fn from((status, errors): (Status, Vec<String>)) -> Self {
        Self { status, errors, holder: None, id: None }
    }
}

/// Creates the persona of an item, or compares it with the existing persona. A revision of a
/// history is imported unchanged.
///
/// # Errors
///
/// The server cannot be reached, or stayed busy: sending further items would be pointless.
pub async fn send(sender: &Sender, item: &Item) -> Result<Answer, Failure> {
    match item.origin.revision {
        Some(revision) => send_past(&sender.api, revision, item).await,
        None if sender.bound.is_noted() => send_own(sender, item).await,
        None => send_persona(sender, item).await,
    }
}

async fn send_persona(sender: &Sender, item: &Item) -> Result<Answer, Failure> {
    let path = persona_path(item.id);
    let created = create(sender, &path, item).await?;
    match created.status {
        StatusCode::CREATED => Ok((Status::Created, Vec::new()).into()),
        StatusCode::OK => Ok((Status::Unchanged, Vec::new()).into()),
        StatusCode::PRECONDITION_FAILED | StatusCode::GONE => {
            Ok(compare(sender, &path, item).await?.into())
        }
        _ if created.is_not_its_choice => {
            sender.bound.note();
            send_own(sender, item).await
        }
        _ if created.is_past_denied => without_past(sender, &path, item, created.reasons).await,
        _ => Ok((Status::Failed, created.reasons).into()),
    }
}

/// Sends an item with times and authors for a client that may not write those: what is there
/// already needs none. A client that is bound to an owner has new personas made with those of the
/// import, as it also has where it may write them.
async fn without_past(
    sender: &Sender,
    path: &str,
    item: &Item,
    reasons: Vec<String>,
) -> Result<Answer, Failure> {
    if sender.bound.ask(&sender.api).await? {
        return send_own(sender, item).await;
    }
    let here = patiently(&sender.api, Method::HEAD, path, &[], None).await?;
    if here.status == StatusCode::NOT_FOUND {
        return Ok((Status::Failed, reasons).into());
    }
    Ok(compare(sender, path, item).await?.into())
}

/// Tells how the persona that is there compares with an item, and updates it where that is wanted.
async fn compare(
    sender: &Sender,
    path: &str,
    item: &Item,
) -> Result<(Status, Vec<String>), Failure> {
    let api = &sender.api;
    let body = own_body(item);
    let hash = item.document.content_hash();
    for _ in 0..UPDATE_ATTEMPTS_MAX {
        let current = patiently(api, Method::GET, path, &[], None).await?;
        match current.status {
            StatusCode::OK => {}
            StatusCode::GONE if !current.problem().is(Code::Purged) => {
                return Ok((Status::Deleted, Vec::new()));
            }
            _ => return Ok(refused(current)),
        }
        // The hash is computed again, because the stored one may be of an earlier version, in which
        // different numbers could have the same hash.
        if Document::from_representation(&current.json())
            .is_ok_and(|current| current.content_hash() == hash)
        {
            return Ok((Status::Unchanged, Vec::new()));
        }
        if sender.on_duplicate == OnDuplicate::Skip {
            return Ok((Status::Differs, Vec::new()));
        }
        let condition = (header::IF_MATCH, current.etag().unwrap_or_default());
        let updated = patiently(api, Method::PUT, path, &[condition], Some(&body)).await?;
        match updated.status {
            StatusCode::OK => return Ok((Status::Updated, Vec::new())),
            // Another client changed the persona meanwhile; the new state is compared again.
            StatusCode::PRECONDITION_FAILED => {}
            _ => return Ok(refused(updated)),
        }
    }
    Ok((Status::Failed, vec!["other clients keep changing this persona".into()]))
}

/// The result of a creation, with the reasons of a refusal.
struct Created {
    status: StatusCode,
    reasons: Vec<String>,
    /// Whether there is no such persona, which is told of a creation only where the client does not
    /// choose identities.
    is_not_its_choice: bool,
    /// Whether the token may not write times and authors of the past.
    is_past_denied: bool,
}

/// Creates the persona of an item if its id is free: in a batch with others, or, if the item has
/// times and authors, as an imported first revision.
async fn create(sender: &Sender, path: &str, item: &Item) -> Result<Created, Failure> {
    let api = &sender.api;
    let reply = if item.origin.stamps.is_empty() {
        if let Some(answer) = sender.creations.create(item).await {
            return Ok(Created::of_item(answer));
        }
        let is_new = [(header::IF_NONE_MATCH, "*".into())];
        patiently(api, Method::PUT, path, &is_new, Some(&own_body(item))).await?
    } else {
        let path = revision_path(path, Revision::FIRST);
        patiently(api, Method::PUT, &path, &[], Some(&stamped(item))).await?
    };
    let status = reply.status;
    let is_not_its_choice = !status.is_success() && reply.problem().is(Code::NoSuchPersona);
    let is_past_denied = !item.origin.stamps.is_empty() && is_past_denied(&reply);
    let reasons = if status.is_success() { Vec::new() } else { refused_past(reply) };
    Ok(Created { status, reasons, is_not_its_choice, is_past_denied })
}

impl Created {
    fn of_item(answer: BatchItemAnswer) -> Self {
        let status =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let problem = answer.problem.unwrap_or_default();
        let listed = reasons_of_item(&problem);
        let reasons = if status.is_success() || !listed.is_empty() {
            listed
        } else {
            vec![failure(status, &problem).message]
        };
        let is_not_its_choice = problem.is(Code::NoSuchPersona);
        Self { status, reasons, is_not_its_choice, is_past_denied: false }
    }
}

/// Whether the token may not write the times and authors of a revision.
fn is_past_denied(reply: &Reply) -> bool {
    let problem = reply.problem();
    reply.status == StatusCode::FORBIDDEN
        && (problem.is(Code::ScopeTooSmall) || problem.is(Code::AuthorRefused))
}

/// Why a revision was refused, and which token takes it in where that is the reason.
fn refused_past(reply: Reply) -> Vec<String> {
    let is_denied = is_past_denied(&reply);
    let reasons = reasons_of(reply);
    if !is_denied {
        return reasons;
    }
    let way = "times and authors of an export come in with a token of the scope admin that was \
               made with --act-as";
    reasons.into_iter().map(|reason| format!("{reason}; {way}")).collect()
}

fn own_body(item: &Item) -> Bytes {
    Bytes::copy_from_slice(item.document.text().as_bytes())
}

/// Imports one revision of a history unchanged, or compares it with the existing one. The previous
/// revision was sent before.
async fn send_past(api: &Api, revision: Revision, item: &Item) -> Result<Answer, Failure> {
    let (path, body) = (persona_path(item.id), stamped(item));
    let kept =
        patiently(api, Method::PUT, &revision_path(&path, revision), &[], Some(&body)).await?;
    match kept.status {
        StatusCode::CREATED => return with_labels(api, item, Status::Created).await,
        StatusCode::OK => return with_labels(api, item, Status::Unchanged).await,
        StatusCode::PRECONDITION_FAILED => {}
        _ if revision == Revision::FIRST && kept.problem().is(Code::NoSuchPersona) => {
            let why = "the token is bound to an owner, and takes no histories in: import an \
                       export without --history";
            return Ok((Status::Failed, vec![why.to_owned()]).into());
        }
        _ => {
            let holder = holder_of_handle(&kept);
            return Ok(Answer { holder, ..(Status::Failed, refused_past(kept)).into() });
        }
    }
    let here =
        patiently(api, Method::GET, &format!("{path}?revision={revision}"), &[], None).await?;
    if here.status == StatusCode::OK && is_same_past(&here.json(), item) {
        return with_labels(api, item, Status::Unchanged).await;
    }
    if here.problem().is(Code::RevisionDropped) {
        // The revision was here, and went as autosaves and old revisions do.
        return with_labels(api, item, Status::Unchanged).await;
    }
    let what = if here.status == StatusCode::OK {
        "is another one here"
    } else {
        "does not follow the last one here"
    };
    Ok((
        Status::Failed,
        vec![format!("revision {revision} {what}; a history is continued and never rewritten")],
    )
        .into())
}

/// Whether a revision that is here is that of an item, however the file writes its times and with
/// whatever members the file leaves out.
fn is_same_past(here: &Value, item: &Item) -> bool {
    let stamp = |name: &str| item.origin.stamps.get(name).unwrap_or(&Value::Null);
    let time = |value: &Value| value.as_str().map(Timestamp::parse);
    let has_times = ["created_at", "updated_at", "deleted_at"]
        .iter()
        .all(|name| time(&here[*name]) == time(stamp(name)));
    let has_authors = ["created_by", "updated_by"].iter().all(|name| here[*name] == *stamp(name));
    let is_same = |document: Document| document.content_hash() == item.document.content_hash();
    has_times && has_authors && Document::from_representation(here).is_ok_and(is_same)
}

/// The answer to a line of a history that is kept, once its labels are set too.
async fn with_labels(api: &Api, item: &Item, kept: Status) -> Result<Answer, Failure> {
    let refused = labels::set_again(api, item).await?;
    let status = if refused.is_empty() { kept } else { Status::Failed };
    Ok((status, refused).into())
}

/// The persona that has the handle, where the answer is that it is taken.
fn holder_of_handle(reply: &Reply) -> Option<PersonaId> {
    let problem = reply.problem();
    let is_taken = problem.is(Code::HandleTaken);
    problem.holder.filter(|_| is_taken).and_then(|id| PersonaId::parse(&id))
}

fn revision_path(path: &str, revision: Revision) -> String {
    format!("{path}/revisions/{revision}")
}

/// The document with the times, authors and revision that the exporting store recorded.
fn stamped(item: &Item) -> Bytes {
    let stamps = Value::Object(item.origin.stamps.clone()).to_string();
    join_representation(&stamps, item.document.text()).into()
}
