//! The routes: which operation of the table a request is for, and the handler of each.
//!
//! Routes follow from the table of operations alone. Routing a request costs one look at its path
//! and one allocation for the future of its handler.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::header::{ALLOW, CONTENT_LENGTH};
use http_body::Body as _;
use persona_model::{PersonaId, excerpt, nearest_name, shortened};

use crate::allow::{methods_at, operations_at};
use crate::answering::Answering;
use crate::contract::parameters::parse_revision;
use crate::contract::{Method, OPERATIONS, OperationId, OperationRow, PREFIX};
use crate::middleware::finish;
use crate::problem::{Code, Problem};
use crate::{
    Context, docs, events, export, handles, health, history, labels, landing, maintenance, openapi,
    personas, problem, restart, sessions, status, studio, tokens,
};

/// The name of requests in the log that no route matches.
const NO_ROUTE: &str = "none";

/// The whole API.
#[derive(Clone)]
pub struct Router {
    context: Arc<Context>,
    routes: Arc<[Route]>,
}

/// A path of the table of operations, with its operations.
struct Route {
    path: &'static str,
    /// The number of slashes in the pattern; only a path with the same number can match.
    slashes: usize,
    operations: Vec<OperationId>,
}

/// The operation or path that a request is for.
#[derive(Clone, Copy)]
enum Target {
    Operation(OperationId),
    /// A path of the table, with a method that has no row there.
    OtherMethod(&'static str),
    Nothing,
}

/// The whole API as one service.
pub fn router(context: Context) -> Router {
    let route = |path: &'static str| Route {
        path,
        slashes: slashes_in(path),
        operations: operations_at(path).collect(),
    };
    let mut routes: Vec<Route> = paths().map(route).collect();
    // If two patterns match a path, the one with fewer variables wins.
    routes.sort_by_key(|route| route.path.matches('{').count());
    Router { context: Arc::new(context), routes: routes.into() }
}

impl Router {
    /// Answers a request.
    pub async fn answer(&self, request: Request) -> Response {
        let is_head = request.method() == http::Method::HEAD;
        let target = self.target_of(&request);
        let (route, operation) = match target {
            Target::Operation(id) => (id.path(), Some(id)),
            Target::OtherMethod(path) => (path, None),
            Target::Nothing => (NO_ROUTE, None),
        };
        let answering = |request: Request| match target {
            Target::Operation(id) if handles::is_in(request.uri().path()) => {
                let led = move |request, context| handle(id, request, context);
                handles::lead(Arc::clone(&self.context), request, led)
            }
            Target::Operation(id) => handle(id, request, Arc::clone(&self.context)),
            Target::OtherMethod(path) => refusing(method_not_allowed(path, &request)),
            Target::Nothing => refusing(no_such_route(request.uri())),
        };
        let mut response = finish(&self.context, operation, route, request, answering).await;
        if is_head {
            leave_out_body(&mut response);
        }
        response
    }

    /// The operation that a request is for.
    #[cfg(test)]
    pub(crate) fn operation_of(&self, request: &Request) -> Option<OperationId> {
        match self.target_of(request) {
            Target::Operation(id) => Some(id),
            Target::OtherMethod(_) | Target::Nothing => None,
        }
    }

    fn target_of(&self, request: &Request) -> Target {
        let path = request.uri().path();
        let slashes = slashes_in(path);
        let Some(route) =
            self.routes.iter().find(|route| route.slashes == slashes && is_at(route.path, path))
        else {
            return Target::Nothing;
        };
        let method = method_of(request.method());
        let mut operations = route.operations.iter();
        match operations.find(|id| Some(id.row().method) == method) {
            Some(id) => Target::Operation(*id),
            None => Target::OtherMethod(route.path),
        }
    }
}

fn slashes_in(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// Whether a path matches a pattern with the same number of slashes. A variable stands for one
/// segment that is not empty.
fn is_at(pattern: &str, path: &str) -> bool {
    pattern
        .split('/')
        .zip(path.split('/'))
        .all(|(segment, asked)| segment == asked || (segment.starts_with('{') && !asked.is_empty()))
}

/// The method of the row that answers; `None` for a method that no row has.
fn method_of(method: &http::Method) -> Option<Method> {
    Some(match *method {
        http::Method::GET | http::Method::HEAD => Method::Get,
        http::Method::POST => Method::Post,
        http::Method::PUT => Method::Put,
        http::Method::PATCH => Method::Patch,
        http::Method::DELETE => Method::Delete,
        _ => return None,
    })
}

/// Removes the body of the answer to HEAD, after setting its length.
fn leave_out_body(response: &mut Response) {
    if let Some(bytes) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| bytes.into());
    }
    *response.body_mut() = Body::empty();
}

fn refusing(problem: Problem) -> Answering {
    Box::pin(std::future::ready(problem.into_response()))
}

/// Calls the handler of an operation. The match has no wildcard, so that an operation without a
/// handler does not compile.
fn handle(id: OperationId, request: Request, context: Arc<Context>) -> Answering {
    fn on<H, T>(handler: H, request: Request, context: Arc<Context>) -> Answering
    where
        H: Handler<T, Arc<Context>, Future = Answering>,
    {
        handler.call(request, context)
    }
    match id {
        OperationId::ListPersonas => on(personas::list::list_personas, request, context),
        OperationId::CountPersonas => on(personas::count::count_personas, request, context),
        OperationId::CreatePersona => on(personas::create::create_persona, request, context),
        OperationId::BatchPersonas => on(personas::batch::batch_personas, request, context),
        OperationId::ImportPersonas => {
            on(personas::import_personas::import_personas, request, context)
        }
        OperationId::GetPersona => on(personas::get::get_persona, request, context),
        OperationId::ReplacePersona => on(personas::replace::replace_persona, request, context),
        OperationId::PatchPersona => on(personas::patch::patch_persona, request, context),
        OperationId::DeletePersona => on(personas::delete::delete_persona, request, context),
        OperationId::UndeletePersona => on(personas::undelete::undelete_persona, request, context),
        OperationId::ListRevisions => on(history::list_revisions::list_revisions, request, context),
        OperationId::GetRevision => on(personas::get_revision::get_revision, request, context),
        OperationId::ImportRevision => on(personas::import::import_revision, request, context),
        OperationId::RevertPersona => on(history::revert::revert_persona, request, context),
        OperationId::DiffRevisions => on(history::diff::diff_revisions, request, context),
        OperationId::DiffDocument => on(history::diff::diff_document, request, context),
        OperationId::ListLabels => on(labels::list_labels::list_labels, request, context),
        OperationId::GetLabel => on(labels::get_label::get_label, request, context),
        OperationId::SetLabel => on(labels::set_label::set_label, request, context),
        OperationId::RemoveLabel => on(labels::remove_label::remove_label, request, context),
        OperationId::ListLabelMoves => on(labels::list_moves::list_label_moves, request, context),
        OperationId::ReleaseLabels => on(labels::release::release_labels, request, context),
        OperationId::FollowEvents => on(events::follow_events, request, context),
        OperationId::GetSession => on(sessions::get_session, request, context),
        OperationId::CreateSession => on(sessions::create_session, request, context),
        OperationId::DeleteSession => on(sessions::delete_session, request, context),
        OperationId::ListTokens => on(tokens::list_tokens, request, context),
        OperationId::CreateToken => on(tokens::create_token, request, context),
        OperationId::RevokeToken => on(tokens::revoke_token, request, context),
        OperationId::RotateToken => on(tokens::rotate_token, request, context),
        OperationId::GetStatus => on(status::get_status, request, context),
        OperationId::RestartServer => on(restart::restart_server, request, context),
        OperationId::ListFindings => on(maintenance::list_findings, request, context),
        OperationId::ListTasks => on(maintenance::list_tasks, request, context),
        OperationId::BeginBackup => on(maintenance::begin_backup, request, context),
        OperationId::BeginCheckpoint => on(maintenance::begin_checkpoint, request, context),
        OperationId::BeginCheck => on(maintenance::begin_check, request, context),
        OperationId::ListProblems => on(problem::list_problems, request, context),
        OperationId::GetOpenapi => on(openapi::get_openapi, request, context),
        OperationId::Landing => on(landing::landing, request, context),
        OperationId::ExportPersonas => on(export::export_personas, request, context),
        OperationId::GetDocs => on(docs::get_docs, request, context),
        OperationId::GetDocsFile => on(docs::get_docs_file, request, context),
        OperationId::GetStudioFile => on(studio::get_studio_file, request, context),
        OperationId::GetHealth => on(health::get_health, request, context),
        OperationId::GetReadiness => on(health::get_readiness, request, context),
        OperationId::GetMetrics => on(health::get_metrics, request, context),
    }
}

/// Every path of the table once, in its order.
fn paths() -> impl Iterator<Item = &'static str> {
    let is_first = |(place, row): &(usize, &'static OperationRow)| {
        OPERATIONS[..*place].iter().all(|before| before.path != row.path)
    };
    OPERATIONS.iter().enumerate().filter(is_first).map(|(_, row)| row.path)
}

fn no_such_route(uri: &Uri) -> Problem {
    let path = uri.path();
    let problem =
        Problem::new(Code::NoSuchRoute, format!("there is nothing at {}", shortened(path)));
    if let Some(encoded) = handles::encoded(path) {
        return problem
            .hint(format!("in a path the / of a handle is %2F: did you mean {encoded}?"));
    }
    let Some(near) = nearest_route(path) else {
        let list = OperationId::GetOpenapi.path();
        return problem.hint(format!("every route is listed at {list}"));
    };
    problem.hint(format!("did you mean {near}?"))
}

/// The answer to a request for a path of the table with a method that has no row there.
fn method_not_allowed(pattern: &str, request: &Request) -> Problem {
    let methods: Vec<&str> = operations_at(pattern).map(|id| id.row().method.as_str()).collect();
    let (method, path) = (excerpt(request.method().as_str()), shortened(request.uri().path()));
    Problem::new(Code::MethodNotAllowed, format!("{method} is not possible at {path}"))
        .hint(format!("it answers to {}", methods.join(", ")))
        .header(ALLOW, methods_at(pattern))
}

/// The pattern that is nearest to a mistyped path.
fn nearest_route(path: &str) -> Option<&'static str> {
    let segments = path.trim_end_matches('/').split('/').map(variable_or_itself);
    let asked = segments.collect::<Vec<_>>().join("/");
    let meant_by = |text: &str| spellings().find(|(spelling, _)| *spelling == text);
    let found = meant_by(&asked).or_else(|| {
        nearest_name(&asked, spellings().map(|(spelling, _)| spelling)).and_then(meant_by)
    });
    found.map(|(_, pattern)| pattern)
}

/// The variable of the patterns that a segment can be the value of.
fn variable_or_itself(segment: &str) -> &str {
    if PersonaId::parse(segment).is_some() || segment.starts_with('@') {
        "{id}"
    } else if parse_revision(segment).is_some() {
        "{revision}"
    } else {
        segment
    }
}

/// The texts with which a mistyped path is compared, for each pattern: the pattern itself, its part
/// before the last variable, and the part of each behind the prefix or behind the persona.
fn spellings() -> impl Iterator<Item = (&'static str, &'static str)> {
    paths().filter(|path| path.len() > 1).flat_map(|pattern| {
        let before_variable = pattern.strip_suffix('}').and_then(|path| path.rsplit_once("/{"));
        let wholes = [Some(pattern), before_variable.map(|(before, _)| before)];
        wholes.into_iter().flatten().flat_map(move |whole| {
            let of_persona = whole.split_once("{id}").map(|(_, behind)| behind);
            [Some(whole), whole.strip_prefix(PREFIX), of_persona]
                .into_iter()
                .flatten()
                .filter(|spelling| !spelling.is_empty())
                .map(move |spelling| (spelling, pattern))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::nearest_route;

    #[test]
    fn a_mistyped_path_is_led_to_the_nearest_route() {
        let id = "0193b0c2-7f3e-7a10-8c1d-000000000001";
        assert_eq!(nearest_route("/api/v1/persona"), Some("/api/v1/personas"));
        assert_eq!(nearest_route("/api/v1/personas/"), Some("/api/v1/personas"));
        assert_eq!(nearest_route("/personas"), Some("/api/v1/personas"));
        assert_eq!(nearest_route(&format!("/personas/{id}")), Some("/api/v1/personas/{id}"));
        assert_eq!(
            nearest_route(&format!("/api/v1/personas/{id}/undelet")),
            Some("/api/v1/personas/{id}/undelete")
        );
        assert_eq!(nearest_route("/health"), Some("/healthz"));
        let revision = Some("/api/v1/personas/{id}/revisions/{revision}");
        for path in ["/revision/1", "/revisions/2"] {
            assert_eq!(nearest_route(path), revision, "{path}");
            assert_eq!(nearest_route(&format!("/personas/{id}{path}")), revision, "{path}");
            assert_eq!(nearest_route(&format!("/api/v1/personas/{id}{path}")), revision, "{path}");
        }
        assert_eq!(nearest_route("/undelete"), Some("/api/v1/personas/{id}/undelete"));
        assert_eq!(nearest_route("/person"), Some("/api/v1/personas"));
        for foreign in ["/wp-login.php", "/robots.txt", "/.env", "/admin", "/index.html", "/login"]
        {
            assert_eq!(nearest_route(foreign), None, "{foreign}");
        }
    }
}
