//! The handler of each operation, bound to its row of the table of operations.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use http::header::ALLOW;
use http::{HeaderValue, Uri};
use persona_model::{PersonaId, excerpt, nearest_name, shortened};

use crate::contract::parameters::parse_revision;
use crate::contract::{Method, OPERATIONS, OperationId, OperationRow, PREFIX};
use crate::middleware::{Bound, around};
use crate::problem::{Code, Problem};
use crate::{Context, docs, export, health, history, landing, openapi, personas, problem, status};

/// The name of requests in the log that no route matches.
const NO_ROUTE: &str = "none";

/// The whole API as one service.
pub fn router(context: Context) -> Router {
    let context = Arc::new(context);
    let bound = |route, operation| Bound { context: Arc::clone(&context), route, operation };
    let mut router = Router::new();
    for path in paths() {
        let refuse = move |request: Request| async move { method_not_allowed(path, &request) };
        let mut methods = around(MethodRouter::new().fallback(refuse), bound(path, None));
        for id in operations_at(path) {
            methods = methods.merge(around(handler(id), bound(path, Some(id))));
        }
        router = router.route(path, methods);
    }
    router.fallback(around(any(no_such_route), bound(NO_ROUTE, None))).with_state(context)
}

/// The handler of an operation. Without a wildcard: an operation without a handler does not
/// compile.
fn handler(id: OperationId) -> MethodRouter<Arc<Context>> {
    let method = match id.row().method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    };
    match id {
        OperationId::ListPersonas => on(method, personas::list::list_personas),
        OperationId::CreatePersona => on(method, personas::create::create_persona),
        OperationId::BatchPersonas => on(method, personas::batch::batch_personas),
        OperationId::GetPersona => on(method, personas::get::get_persona),
        OperationId::ReplacePersona => on(method, personas::replace::replace_persona),
        OperationId::PatchPersona => on(method, personas::patch::patch_persona),
        OperationId::DeletePersona => on(method, personas::delete::delete_persona),
        OperationId::UndeletePersona => on(method, personas::undelete::undelete_persona),
        OperationId::ListRevisions => on(method, history::list_revisions::list_revisions),
        OperationId::GetRevision => on(method, personas::get_revision::get_revision),
        OperationId::ImportRevision => on(method, personas::import::import_revision),
        OperationId::GetStatus => on(method, status::get_status),
        OperationId::ListProblems => on(method, problem::list_problems),
        OperationId::GetOpenapi => on(method, openapi::get_openapi),
        OperationId::Landing => on(method, landing::landing),
        OperationId::ExportPersonas => on(method, export::export_personas),
        OperationId::GetDocs => on(method, docs::get_docs),
        OperationId::GetDocsFile => on(method, docs::get_docs_file),
        OperationId::GetHealth => on(method, health::get_health),
        OperationId::GetReadiness => on(method, health::get_readiness),
        OperationId::GetMetrics => on(method, health::get_metrics),
    }
}

/// Every path of the table once, in its order.
fn paths() -> impl Iterator<Item = &'static str> {
    let is_first = |(place, row): &(usize, &'static OperationRow)| {
        OPERATIONS[..*place].iter().all(|before| before.path != row.path)
    };
    OPERATIONS.iter().enumerate().filter(is_first).map(|(_, row)| row.path)
}

fn operations_at(path: &str) -> impl Iterator<Item = OperationId> {
    OperationId::ALL.iter().copied().filter(move |id| id.path() == path)
}

async fn no_such_route(uri: Uri) -> Problem {
    let path = uri.path();
    let problem =
        Problem::new(Code::NoSuchRoute, format!("there is nothing at {}", shortened(path)));
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
        .header(ALLOW, allow(&methods))
}

/// The value of `Allow` for a path with these methods.
fn allow(methods: &[&str]) -> HeaderValue {
    let with_head = methods.join(",").replace("GET", "GET,HEAD");
    HeaderValue::try_from(with_head).expect("methods are visible ASCII")
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
    if PersonaId::parse(segment).is_some() {
        "{id}"
    } else if parse_revision(segment).is_some() {
        "{revision}"
    } else {
        segment
    }
}

/// What a client may have meant each pattern by: itself, or all before its last variable, and of
/// both also what is behind the prefix, or behind the persona.
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
