//! The whole URL map. One row of [`ROUTES`] per path; `openapi/` describes the same rows, and a
//! test compares them.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::routing::{MethodRouter, get, post, put};
use http::Uri;
use persona_model::{PersonaId, excerpt, nearest_name, shortened};

use super::problem::{Code, Problem};
use super::{
    Context, docs, export, health, landing, middleware, openapi, personas, problem, status,
};

/// Where the API starts; health, metrics and the landing page lie outside.
pub(super) const PREFIX: &str = "/api/v1";

/// One path and what it answers to.
pub struct Route {
    /// The pattern, `{name}` for a variable segment.
    pub path: &'static str,
    /// Its methods. HEAD comes with every GET.
    pub methods: &'static [&'static str],
    handlers: fn() -> MethodRouter<Arc<Context>>,
}

/// Every path of the server.
pub const ROUTES: &[Route] = &[
    Route { path: "/", methods: &["GET"], handlers: || get(landing::landing) },
    Route {
        path: "/api/v1/personas",
        methods: &["GET", "POST"],
        handlers: || get(personas::list::list_personas).post(personas::create::create_persona),
    },
    Route {
        path: "/api/v1/personas/{id}",
        methods: &["GET", "PUT", "PATCH", "DELETE"],
        handlers: || {
            get(personas::get::get_persona)
                .put(personas::replace::replace_persona)
                .patch(personas::patch::patch_persona)
                .delete(personas::delete::delete_persona)
        },
    },
    Route {
        path: "/api/v1/personas/{id}/restore",
        methods: &["POST"],
        handlers: || post(personas::restore::restore_persona),
    },
    Route {
        path: "/api/v1/personas/{id}/revisions/{revision}",
        methods: &["PUT"],
        handlers: || put(personas::import::import_revision),
    },
    Route { path: "/api/v1/export", methods: &["GET"], handlers: || get(export::export_personas) },
    Route { path: "/api/v1/status", methods: &["GET"], handlers: || get(status::get_status) },
    Route { path: "/api/v1/problems", methods: &["GET"], handlers: || get(problem::list_problems) },
    Route {
        path: "/api/v1/openapi.json",
        methods: &["GET"],
        handlers: || get(openapi::get_openapi),
    },
    Route { path: "/api/v1/docs", methods: &["GET"], handlers: || get(docs::get_docs) },
    Route { path: "/api/v1/docs/{file}", methods: &["GET"], handlers: || get(docs::get_docs_file) },
    Route { path: "/healthz", methods: &["GET"], handlers: || get(health::get_health) },
    Route { path: "/readyz", methods: &["GET"], handlers: || get(health::get_readiness) },
    Route { path: "/metrics", methods: &["GET"], handlers: || get(health::get_metrics) },
];

/// The whole API as one service.
pub fn router(context: Context) -> axum::Router {
    let context = Arc::new(context);
    let routes = ROUTES
        .iter()
        .fold(axum::Router::new(), |router, route| router.route(route.path, (route.handlers)()));
    middleware::around(
        routes.fallback(no_such_route).method_not_allowed_fallback(method_not_allowed),
        &context,
    )
    .with_state(context)
}

async fn no_such_route(uri: Uri) -> Problem {
    let path = uri.path();
    let problem =
        Problem::new(Code::NoSuchRoute, format!("there is nothing at {}", shortened(path)));
    match nearest_route(path) {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None => problem.hint(format!("every route is listed at {PREFIX}/openapi.json")),
    }
}

async fn method_not_allowed(request: Request) -> Problem {
    let pattern = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let methods = ROUTES
        .iter()
        .find(|route| route.path == pattern)
        .map_or(String::new(), |route| route.methods.join(", "));
    let (method, path) = (excerpt(request.method().as_str()), shortened(request.uri().path()));
    Problem::new(Code::MethodNotAllowed, format!("{method} is not possible at {path}"))
        .hint(format!("it answers to {methods}"))
}

/// The pattern that is nearest to a mistyped path, with or without its prefix.
fn nearest_route(path: &str) -> Option<&'static str> {
    let segments = path.trim_end_matches('/').split('/');
    let pattern = segments
        .map(|part| if PersonaId::parse(part).is_some() { "{id}" } else { part })
        .collect::<Vec<_>>()
        .join("/");
    let known = || ROUTES.iter().map(|route| route.path).filter(|path| path.len() > 1);
    known()
        .find(|known| **known == format!("{PREFIX}{pattern}"))
        .or_else(|| nearest_name(&pattern, known()))
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
            nearest_route(&format!("/api/v1/personas/{id}/restor")),
            Some("/api/v1/personas/{id}/restore")
        );
        assert_eq!(nearest_route("/health"), Some("/healthz"));
        assert_eq!(nearest_route("/wp-login.php"), None);
    }
}
