//! Handles in addresses: wherever a path has the id of a persona, `@` and its handle do as well.
//!
//! A request is led to the persona before its handler sees it: the handle is looked up once, and
//! the path has the id from then on. A read of the current state is answered with what that same
//! look found, so that handle and persona are of one moment. A write says by which handle its
//! persona was named, and is not made where the persona has given it up when the write has its
//! turn.
//!
//! A handle that was given up leads to its persona, as long as no other persona of the owner has
//! taken it: in a path with an answer that says where the persona is, and in a body or a parameter,
//! where that is not possible, at once.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri};
use persona_model::{HandleName, PersonaId, excerpt};
use persona_storage::{
    Glance, HandleLook, HandleTarget, NAMESAKES_MAX, Namesake, Party, Representation, View,
};

use crate::answering::Answering;
use crate::auth::viewer_of;
use crate::contract::{OPERATIONS, OperationId};
use crate::problem::{Code, Problem};
use crate::{Context, personas};

/// What a handle in a path begins with, as it is and percent-encoded.
const MARKS: [&str; 2] = ["@", "%40"];

/// How often a large persona is read by a handle: each time another persona has it when the read
/// ends, which takes two changes of handles within the read.
const LARGE_READS_MAX: usize = 3;

/// By which handle a request names its persona: an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The handle.
    pub handle: HandleName,
    /// The state of the persona when the handle was looked up.
    found: Glance,
}

/// The segment of a path that names a persona, where that is a handle. Takes the path itself, so
/// that a read by an id allocates nothing.
pub(crate) fn segment_in(path: &str) -> Option<&str> {
    let behind = path.strip_prefix(OperationId::ListPersonas.path())?.strip_prefix('/')?;
    let segment = behind.split('/').next()?;
    MARKS.iter().any(|mark| segment.starts_with(mark)).then_some(segment)
}

/// Whether a path names a persona by a handle.
pub(crate) fn is_in(path: &str) -> bool {
    segment_in(path).is_some()
}

/// The path with its handle in one segment, where it has the words of a handle as segments of its
/// own.
pub(crate) fn encoded(path: &str) -> Option<String> {
    let segment = segment_in(path)?;
    let (before, behind) = path.split_at(path.find(segment)? + segment.len());
    let words: Vec<&str> = behind.split('/').skip(1).take_while(|word| !is_below(word)).collect();
    let handle = MARKS.iter().find_map(|mark| segment.strip_prefix(mark))?;
    HandleName::parse(&[&[handle][..], &words].concat().join("/"))?;
    let length: usize = words.iter().map(|word| word.len() + 1).sum();
    (length > 0).then(|| format!("{before}%2F{}{}", words.join("%2F"), &behind[length..]))
}

/// Whether a segment stands behind a persona in a path of the table.
fn is_below(segment: &str) -> bool {
    let of_persona = OperationId::GetPersona.path();
    OPERATIONS.iter().any(|row| {
        let below = row.path.strip_prefix(of_persona).and_then(|rest| rest.strip_prefix('/'));
        below.and_then(|rest| rest.split('/').next()) == Some(segment)
    })
}

/// The handle of a segment. No persona has a malformed one.
pub(crate) fn handle_of(segment: &str) -> Result<HandleName, Problem> {
    // No other sign that is kept apart in a path can be in a handle.
    of_reference(&personas::decoded(segment, b"@/"))
        .unwrap_or_else(|| Err(Problem::no_such_persona(&excerpt(segment))))
}

/// The handle of a text that names a persona; `None` where it is no handle but an id.
///
/// # Errors
///
/// What follows the `@` can be no handle: no persona has it.
pub(crate) fn of_reference(text: &str) -> Option<Result<HandleName, Problem>> {
    let handle = text.strip_prefix('@')?;
    Some(HandleName::parse(handle).ok_or_else(|| {
        Problem::no_such_persona(&excerpt(text)).hint(
            "a handle has words of a-z, 0-9 and -, with %2F between them in a path, as in \
             @support%2Ftier-1",
        )
    }))
}

/// Has a request that names its persona by a handle answered by `handle`, or says where the persona
/// is.
pub(crate) fn lead(
    context: Arc<Context>,
    mut request: Request,
    handle: impl FnOnce(Request, Arc<Context>) -> Answering + Send + 'static,
) -> Answering {
    Box::pin(async move {
        match led(&context, &mut request).await {
            Ok(None) => handle(request, context).await,
            Ok(Some(elsewhere)) => elsewhere,
            Err(problem) => problem.into_response(),
        }
    })
}

/// Puts the id in place of the handle; the answer where the handle was given up.
async fn led(context: &Context, request: &mut Request) -> Result<Option<Response>, Problem> {
    let segment = segment_in(request.uri().path()).unwrap_or_default();
    let handle = handle_of(segment)?;
    let view = context.store.view(viewer_of(request.extensions())?);
    let HandleLook { target, glance } = view.look_at_handle(&handle).await?;
    match named(&handle, target)? {
        Target::Persona(id) => {
            *request.uri_mut() = with_id(request.uri(), segment, id);
            request.extensions_mut().insert(Named { handle, found: glance });
            Ok(None)
        }
        Target::Former(id) => Ok(Some(redirect(request.uri(), segment, id))),
    }
}

/// A persona that a handle leads to.
pub(crate) enum Target {
    /// The persona has the handle.
    Persona(PersonaId),
    /// The persona had the handle.
    Former(PersonaId),
}

/// The persona that a handle leads to.
///
/// # Errors
///
/// There is none, or there are several.
pub(crate) fn named(handle: &HandleName, target: HandleTarget) -> Result<Target, Problem> {
    match target {
        HandleTarget::Persona(id) => Ok(Target::Persona(id)),
        HandleTarget::Former(id) => Ok(Target::Former(id)),
        HandleTarget::Nothing => Err(Problem::no_such_persona(&format!("@{handle}"))),
        HandleTarget::Several(all) => Err(Problem::several_personas(handle, &all)),
    }
}

/// Where a handle leads, for what is no path.
pub(crate) async fn target_of(view: View<'_>, handle: &HandleName) -> Result<Target, Problem> {
    let HandleLook { target, .. } = view.look_at_handle(handle).await?;
    named(handle, target)
}

/// The persona that a handle leads to, for what is no path.
pub(crate) async fn id_of(view: View<'_>, handle: &HandleName) -> Result<PersonaId, Problem> {
    Ok(match target_of(view, handle).await? {
        Target::Persona(id) | Target::Former(id) => id,
    })
}

/// The same address with the id in place of the handle.
fn with_id(uri: &Uri, segment: &str, id: PersonaId) -> Uri {
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    // The first is the one of the path: what comes before it is that of the list.
    let target = target.replacen(segment, &id.to_string(), 1);
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// Where the persona is that gave a handle up. Not for a cache: another persona can take the
/// handle.
fn redirect(uri: &Uri, segment: &str, id: PersonaId) -> Response {
    let uri = with_id(uri, segment, id);
    // A question mark with nothing behind it asks for nothing.
    let place = uri.path_and_query().map_or("/", PathAndQuery::as_str).trim_end_matches('?');
    let place = HeaderValue::try_from(place).expect("a target has no control characters");
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, place), (CACHE_CONTROL, no_store)]).into_response()
}

impl Named {
    /// The persona's current state, of the moment in which it had the handle. A large one is read
    /// behind the look at the handle, so the handle is looked at once more.
    pub(crate) async fn current(
        &self,
        context: &Context,
        view: View<'_>,
        client: Option<Party>,
    ) -> Result<Option<Representation>, Problem> {
        if let Glance::Whole(answer) = &self.found {
            return Ok(answer.clone());
        }
        let _turn = context.turns.large.turn(client).await?;
        for _ in 0..LARGE_READS_MAX {
            let Target::Persona(before) = target_of(view, &self.handle).await? else { break };
            let answer = view.get(before).await?;
            match target_of(view, &self.handle).await? {
                Target::Persona(after) if after == before => return Ok(answer),
                _ => {}
            }
        }
        Err(Problem::new(Code::Busy, "the handle goes from one persona to another").retry())
    }
}

impl Problem {
    /// A handle that personas of several owners have.
    fn several_personas(handle: &HandleName, all: &[Namesake]) -> Self {
        let more = if all.len() < NAMESAKES_MAX { "" } else { " or more" };
        let detail = format!("personas of {}{more} owners have the handle {handle}", all.len());
        let of = |one: &Namesake| match one.owner.as_str() {
            "" => one.persona.to_string(),
            owner => format!("{} of {owner}", one.persona),
        };
        let named: Vec<String> = all.iter().map(of).collect();
        let ids = all.iter().map(|one| one.persona.to_string()).collect();
        Self::new(Code::HandleAmbiguous, detail)
            .hint(format!("name one by its id: {}", named.join(", ")))
            .with(|body| body.personas = ids)
    }

    /// The same for an example.
    pub(crate) fn of_ambiguous_handle(id: PersonaId) -> Self {
        let handle = HandleName::parse("ada").expect("a handle");
        let of = |persona, owner: &str| Namesake { persona, owner: owner.into() };
        let all = [of(id, "ada"), of(PersonaId::from_bytes([7; 16]), "bea")];
        Self::several_personas(&handle, &all)
    }
}

#[cfg(test)]
mod tests {
    use persona_model::PersonaId;

    use super::{encoded, handle_of, is_in, segment_in, with_id};

    #[test]
    fn a_segment_that_begins_with_an_at_sign_is_a_handle_however_it_is_encoded() {
        for (path, handle) in [
            ("/api/v1/personas/@ada", "ada"),
            ("/api/v1/personas/%40ada", "ada"),
            ("/api/v1/personas/@support%2Ftier-1", "support/tier-1"),
            ("/api/v1/personas/%40support%2ftier%2D1/revisions/7", "support/tier-1"),
        ] {
            let segment = segment_in(path).expect("a handle");
            assert_eq!(handle_of(segment).expect("a handle").as_str(), handle, "{path}");
        }
        for path in ["/api/v1/personas/ada", "/api/v1/personas", "/@ada", "/api/v1/personas/batch"]
        {
            assert!(!is_in(path), "{path}");
        }
        for path in ["@", "@A", "@a%2F", "@a%252Fb", "@a%00", "@%FF", "%40%40a"] {
            assert!(handle_of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_handle_made_of_segments_is_told_as_one_segment() {
        let under = |path: &str| encoded(&format!("/api/v1/personas/{path}"));
        for (path, expected) in [
            ("@support/tier-1", "@support%2Ftier-1"),
            ("%40a/b/c/revisions/7", "%40a%2Fb%2Fc/revisions/7"),
            ("@a/b/labels", "@a%2Fb/labels"),
        ] {
            assert_eq!(under(path), Some(format!("/api/v1/personas/{expected}")));
        }
        for path in ["@a", "@a/", "@a/B", "@a/revisions/x", "a/b", "@a/b/c/d/e/f/g/h/i"] {
            assert_eq!(under(path), None, "{path}");
        }
    }

    #[test]
    fn the_id_takes_the_place_of_the_handle_and_nothing_else_changes() {
        let id = PersonaId::from_bytes([7; 16]);
        let uri = "/api/v1/personas/@a/revisions?limit=2&x=@a".parse().expect("a target");
        let expected = format!("/api/v1/personas/{id}/revisions?limit=2&x=@a");
        assert_eq!(with_id(&uri, "@a", id).to_string(), expected);
    }
}
