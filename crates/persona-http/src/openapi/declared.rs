//! Tests: an operation declares exactly the problems that it can answer with.
//!
//! Errors of the store come from a test store that always fails, other refusals from requests. The
//! clients in the tests of the built program check every answer against the OpenAPI document too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use persona_model::{Document, LabelName, PersonaId, Precondition, Timestamp};
use persona_storage::{
    LabelMove, LabelMoves, LabelTarget, Operation, Purge, Store, Token, TokenChange, TokenScope,
    TokenSecret, Write,
};
use serde_json::{Value, json};

use super::failing::{ERRORS, Failing};
use super::met::{BATCH, can_keep_a_token_from_being_found, operations_that_meet};
use crate::contract::{OPERATIONS, Scope};
use crate::problem::Code;
use crate::router;
use crate::testing::{context, memory_store};
use crate::{AccessRules, Context};

/// The persona that every request is about.
const ID: &str = "0193b0c2-7f3e-7a10-8c1d-000000000001";

/// A label that it has.
const LABEL: &str = "staging";

/// Problems that are decided before the store is asked.
const AT_THE_DOOR: &[Code] = &[
    Code::TokenRequired,
    Code::TokenRefused,
    Code::ScopeTooSmall,
    Code::AuthorRefused,
    Code::RateLimited,
    Code::LabelProtected,
    Code::MalformedRequest,
    Code::ForeignHost,
    Code::HeadTooSlow,
    Code::HeadTooLarge,
    Code::UnknownCoding,
    Code::OldProtocol,
    Code::Internal,
    Code::Busy,
    Code::CrossSite,
    Code::BodyCutOff,
    Code::BodyTooSlow,
    Code::BodyTooLarge,
    Code::MalformedJson,
    Code::UnsupportedMediaType,
    Code::Invalid,
    Code::BadParameter,
    Code::BadHeader,
    Code::BadSearch,
    Code::ConditionRequired,
    Code::NoSuchRoute,
    Code::NotReady,
    Code::TaskBusy,
    Code::TaskNotOffered,
];

/// Method, path and declared codes of each operation, by its name.
fn operations() -> BTreeMap<String, (String, String, BTreeSet<String>)> {
    let document: Value = serde_json::from_slice(&super::document()).expect("JSON");
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in
            item.as_object().expect("a path").iter().filter(|(name, _)| *name != "parameters")
        {
            let responses = operation["responses"].as_object().expect("responses").values();
            let examples = responses.filter_map(|response| {
                response["content"]["application/problem+json"]["examples"].as_object()
            });
            let codes = examples.flat_map(|examples| examples.keys().cloned()).collect();
            let id = operation["operationId"].as_str().expect("a name").to_owned();
            let path = path.replace("{id}", ID).replace("{revision}", "1");
            let path = path.replace("{label}", LABEL).replace("{token}", "none");
            found.insert(id, (method.to_uppercase(), path, codes));
        }
    }
    found
}

/// A valid body: the example of the OpenAPI document.
fn body_for(id: &str) -> Body {
    let row = OPERATIONS.iter().find(|row| row.name == id).expect("an operation");
    let example = row.bodies.iter().find(|body| body.media_type == "application/json");
    example.map_or_else(Body::empty, |body| Body::from(body.example))
}

/// The code of the problem that a request is answered.
async fn answered(store: Arc<dyn Store>, request: Request<Body>) -> Option<String> {
    let response = router(context(store)).answer(request).await;
    code_of(response).await
}

async fn code_of(response: Response) -> Option<String> {
    if response.status() < StatusCode::BAD_REQUEST {
        return None;
    }
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let problem: Value = serde_json::from_slice(&body).expect("a problem");
    problem["code"].as_str().map(str::to_owned)
}

/// The code of the problem from a server that demands tokens; sent with this secret if any.
pub(super) async fn answered_for_a_token(
    store: Arc<dyn Store>,
    request: Request<Body>,
    secret: Option<&TokenSecret>,
) -> Option<String> {
    let access = AccessRules::Clients { open_without_tokens: false, open_monitoring: false };
    let mut request = request;
    if let Some(secret) = secret {
        let value = format!("Bearer {}", secret.expose()).parse().expect("a value");
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let context = Context { access, ..context(store) };
    let response = router(context).answer(request).await;
    code_of(response).await
}

/// Requests refused for their token: the expected code of each, and that of the answer.
async fn refused_for_its_token(
    method: &str,
    path: &str,
    body: impl Fn() -> Body,
) -> [(Code, Option<String>); 4] {
    let secrets = [(); 3].map(|()| TokenSecret::random().expect("random numbers"));
    let [unknown, reading, writing] = &secrets;
    let store = store_with_a_persona().await;
    for (name, secret, scope) in
        [("r", reading, TokenScope::Read), ("a", writing, TokenScope::Admin)]
    {
        let token = Token::new(name.into(), secret.hash(), scope, Timestamp::from_micros(0));
        let create = TokenChange::Create(token.expect("random numbers"));
        store.change_token(create).await.expect("kept");
    }
    let usual = || request(method, path).body(body()).expect("a request");
    let other_author = || {
        let request = request(method, path).header("x-persona-author", "ada");
        request.body(body()).expect("a request")
    };
    let ask = |request, secret| answered_for_a_token(Arc::clone(&store), request, secret);
    [
        (Code::TokenRequired, ask(usual(), None).await),
        (Code::TokenRefused, ask(usual(), Some(unknown)).await),
        (Code::ScopeTooSmall, ask(usual(), Some(reading)).await),
        (Code::AuthorRefused, ask(other_author(), Some(writing)).await),
    ]
}

async fn store_with_a_persona() -> Arc<dyn Store> {
    let store = memory_store();
    let document = Document::from_json(json!({ "name": "Ada" })).expect("valid");
    let persona = PersonaId::parse(ID).expect("an identity");
    let create = Operation::Create { id: persona, document };
    let deadline = Instant::now() + Duration::from_secs(10);
    store.write(Write::new(create, deadline)).await.expect("kept");
    let (name, target) = (LabelName::parse(LABEL).expect("a label"), LabelTarget::Latest);
    let one = LabelMove::new(persona, name, target);
    store.move_labels(LabelMoves::one(one, deadline)).await.expect("moved");
    Arc::new(store)
}

async fn store_with_two_of_a_handle() -> Arc<dyn Store> {
    let store = memory_store();
    for owner in ["ada", "bea"] {
        let members = json!({ "name": "Ada", "handle": "ada", "owner": owner });
        let document = Document::from_json(members).expect("valid");
        let id = PersonaId::from_bytes([owner.as_bytes()[0]; 16]);
        let create = Operation::Create { id, document };
        let deadline = Instant::now() + Duration::from_secs(10);
        store.write(Write::new(create, deadline)).await.expect("kept");
    }
    Arc::new(store)
}

async fn store_with_a_deleted_persona() -> Arc<dyn Store> {
    let store = store_with_a_persona().await;
    let id = PersonaId::parse(ID).expect("an identity");
    let delete = Operation::Delete { id, precondition: Precondition::Any };
    store.write(Write::new(delete, Instant::now() + Duration::from_secs(10))).await.expect("kept");
    store
}

async fn store_with_a_purged_persona() -> Arc<dyn Store> {
    let store = store_with_a_persona().await;
    let id = PersonaId::parse(ID).expect("an identity");
    let deadline = Instant::now() + Duration::from_secs(10);
    store.purge(Purge::new(id, Precondition::Any, deadline)).await.expect("purged");
    store
}

/// The codes of refusals that follow from the state in the store: there is no such persona or
/// revision, the persona is deleted or purged, or its state does not meet the condition.
async fn refused_for_what_is_there(id: &str, method: &str, path: &str) -> Vec<String> {
    let usual = || request(method, path);
    let of_revision = |number| request(method, &path.replace("revisions/1", number));
    let of_label = |label| request(method, &path.replace("labels/staging", label));
    let by_label = |label| request(method, &format!("{path}?label={label}"));
    let probes = [
        (Arc::new(memory_store()) as Arc<dyn Store>, usual()),
        (store_with_a_deleted_persona().await, usual()),
        (store_with_a_purged_persona().await, usual()),
        (store_with_a_persona().await, of_revision("revisions/9")),
        (store_with_a_persona().await, of_revision("revisions/x")),
        (store_with_a_persona().await, request(method, &format!("{path}?revision=9"))),
        (store_with_a_persona().await, request(method, &format!("{path}?from=9"))),
        (store_with_a_persona().await, usual().header("if-match", "\"9-00000000\"")),
        (store_with_a_persona().await, of_label("labels/none")),
        (store_with_a_persona().await, of_label("labels/latest")),
        (store_with_a_persona().await, by_label("none")),
        (store_with_a_persona().await, by_label(LABEL).header("if-match", "\"9-00000000\"")),
    ];
    let by_handle = || request(method, &path.replace(ID, "@ada"));
    let by_handle = [
        (store_with_two_of_a_handle().await, by_handle()),
        (store_with_two_of_a_handle().await, request(method, &format!("{path}?persona=@ada"))),
        (store_with_a_persona().await, request(method, &format!("{path}?persona=@none"))),
    ];
    let probes = probes.into_iter().chain(by_handle);
    let mut codes = Vec::new();
    if id == BATCH {
        let item = r#"{"items":[{"op":"patch","id":"@ada","patch":{}}]}"#;
        let request = request(method, &format!("{path}?atomic=true")).body(Body::from(item));
        let store = store_with_two_of_a_handle().await;
        codes.extend(answered(store, request.expect("a request")).await);
    }
    for (store, request) in probes {
        codes.extend(answered(store, request.body(body_for(id)).expect("a request")).await);
    }
    codes
}

/// A request with the condition that its operation demands; the import of a revision takes none.
fn on_condition(method: &str, path: &str) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    let is_needed = path.ends_with("/revert")
        || ["PUT", "DELETE"].contains(&method) && !path.contains("/revisions/");
    if is_needed { request.header("if-match", "*") } else { request }
}

/// A valid request.
fn request(method: &str, path: &str) -> http::request::Builder {
    let request = on_condition(method, path);
    if ["POST", "PUT", "PATCH"].contains(&method) {
        request.header("content-type", "application/json")
    } else {
        request
    }
}

#[tokio::test]
async fn every_error_of_a_store_is_declared_where_it_can_be_met_and_no_other() {
    let mut met: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let operations = operations();
    for make in ERRORS {
        for id in operations_that_meet(&make()) {
            let (method, path, declared) = &operations[id];
            let query = if id == BATCH { "?atomic=true" } else { "" };
            let request =
                request(method, &format!("{path}{query}")).body(body_for(id)).expect("a request");
            let code = answered(Arc::new(Failing(*make)), request).await.expect("a problem");
            assert!(declared.contains(&code), "{id} is answered {code}, which it does not declare");
            met.entry(id).or_default().insert(code);
        }
    }
    // A well-formed secret, so that the store is asked for the token.
    let secret = TokenSecret::random().expect("random numbers");
    for row in OPERATIONS.iter().filter(|row| row.scope != Scope::Open) {
        let (method, path, declared) = &operations[row.name];
        for make in ERRORS.iter().filter(|make| can_keep_a_token_from_being_found(&make())) {
            let request = request(method, path).body(body_for(row.name)).expect("a request");
            let store = Arc::new(Failing(*make));
            let code = answered_for_a_token(store, request, Some(&secret)).await;
            let code = code.expect("a problem");
            assert!(declared.contains(&code), "{} is answered {code}", row.name);
            met.entry(row.name).or_default().insert(code);
        }
    }
    super::bound::meet(&mut met).await;
    for (id, (method, path, declared)) in &operations {
        for code in refused_for_what_is_there(id, method, path).await {
            assert!(declared.contains(&code), "{id} is answered {code}, which it does not declare");
            met.entry(id).or_default().insert(code);
        }
    }
    let door: BTreeSet<&str> = AT_THE_DOOR.iter().map(|code| code.facts().word).collect();
    for (id, (_, _, declared)) in &operations {
        let met = met.get(id.as_str()).cloned().unwrap_or_default();
        let never: Vec<&String> = declared
            .iter()
            .filter(|code| !door.contains(code.as_str()) && !met.contains(*code))
            .collect();
        assert!(never.is_empty(), "{id} declares what no store answers it: {never:?}");
    }
}

#[tokio::test]
async fn what_is_refused_at_the_door_is_declared_by_exactly_those_that_refuse_it() {
    let large = || Body::from(vec![b' '; 9 << 20]);
    for (id, (method, path, declared)) in operations() {
        let path = path.replace("{file}", "none.js");
        let as_one = if id == BATCH { format!("{path}?atomic=true") } else { path.clone() };
        let usual = || body_for(&id);
        let ask = async |request: http::request::Builder, body: Body| {
            answered(store_with_a_persona().await, request.body(body).expect("a request")).await
        };
        let bare = || Request::builder().method(method.as_str()).uri(path.as_str());
        let wrong_header =
            request(&method, &path).header("x-persona-author", "").header("if-none-match", "7");
        let probes = [
            (
                Code::BadParameter,
                ask(request(&method, &format!("{path}?nonsense=1")), usual()).await,
            ),
            (Code::BadHeader, ask(wrong_header, usual()).await),
            (Code::MalformedJson, ask(request(&method, &path), Body::from("{")).await),
            (Code::Invalid, ask(request(&method, &path), Body::from("7")).await),
            (
                Code::UnsupportedMediaType,
                ask(on_condition(&method, &path).header("content-type", "text/plain"), usual())
                    .await,
            ),
            (Code::BodyTooLarge, ask(request(&method, &as_one), large()).await),
            (
                Code::ConditionRequired,
                if id == BATCH {
                    let delete = format!(r#"{{"items":[{{"op":"delete","id":"{ID}"}}]}}"#);
                    ask(request(&method, &as_one), Body::from(delete)).await
                } else {
                    ask(bare().header("content-type", "application/json"), usual()).await
                },
            ),
            (Code::NoSuchRoute, ask(request(&method, &path), usual()).await),
            (
                Code::BadSearch,
                if path.ends_with("/personas") {
                    ask(request(&method, &format!("{path}?q=.")), usual()).await
                } else {
                    None
                },
            ),
        ];
        let of_tokens = refused_for_its_token(&method, &path, usual).await;
        for (code, answered) in probes.into_iter().chain(of_tokens) {
            let word = code.facts().word;
            // A revert is invalid only if the rules are stricter than for the old revision, and the
            // end of a session refuses a header only where that has a token of another kind.
            if id == "revert_persona" && code == Code::Invalid
                || id == "delete_session" && code == Code::BadHeader
            {
                continue;
            }
            let is_answered = answered.as_deref() == Some(word);
            assert_eq!(
                declared.contains(word),
                is_answered,
                "{id}: {word}, was answered {answered:?}"
            );
        }
    }
}
