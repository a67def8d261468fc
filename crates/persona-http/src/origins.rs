//! Requests from pages of other sites: which sites may read answers, and which may change
//! something.
//!
//! A browser sends the requests of any page, also to a server on the user's own machine that no
//! other machine can reach. The browser describes the page in `Sec-Fetch-Site` (Fetch Metadata) and
//! `Origin` (Fetch standard, section 3.2), which no page can forge. A client that is no browser
//! sends neither header and is served normally.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, HOST, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use persona_model::excerpt;

use crate::contract::{OPERATIONS, OperationRow};
use crate::problem::{Code, Problem};

/// The header in which a browser says how the page of a request relates to the server.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The word for every origin.
pub const ANY_ORIGIN: &str = "*";

/// Headers that a page of an allowed site may send, besides those that are always allowed: those of
/// the operations, and those that every operation takes.
static ALLOWED_HEADERS: LazyLock<HeaderValue> = LazyLock::new(|| {
    let of_all = ["Authorization", "Content-Type", "X-Request-Id"];
    let of_operations =
        OPERATIONS.iter().flat_map(OperationRow::all_headers).map(|header| header.name);
    let names: BTreeSet<&str> = of_all.into_iter().chain(of_operations).collect();
    let names: Vec<&str> = names.into_iter().collect();
    HeaderValue::try_from(names.join(", ")).expect("names of headers are visible ASCII")
});

/// Headers of answers that a page of an allowed site may read, besides those that are always
/// allowed.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Accept-Patch, Content-Location, ETag, Idempotency-Replayed, Link, Location, \
     RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate, X-Persona-Worker, X-Request-Id",
);

/// How long a browser may cache the answer to a preflight request, in seconds.
const ALLOWED_FOR: HeaderValue = HeaderValue::from_static("600");

/// The origins of the pages that may use the server; none unless the settings name some.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[String]>);

/// What is done with a request before its handler sees it.
#[derive(Debug)]
pub(crate) enum PageVerdict {
    /// The request goes to its handler.
    Serve,
    /// The request is a preflight: the browser asks what a page may do.
    Preflight,
    /// A page of another site wants to change something; the request is refused with this problem.
    Refuse(Problem),
}

impl Origins {
    /// These origins, as browsers write them (RFC 6454, section 6.2), or [`ANY_ORIGIN`] alone.
    pub fn new(allowed: impl IntoIterator<Item = String>) -> Self {
        Self(allowed.into_iter().collect())
    }

    /// Whether any page of another site may use the server.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has_any(&self) -> bool {
        self.0.iter().any(|allowed| allowed == ANY_ORIGIN)
    }

    fn names(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }

    /// Decides what is done with a request.
    pub(crate) fn judge<B>(&self, request: &Request<B>) -> PageVerdict {
        let (method, headers) = (request.method(), request.headers());
        let Some(origin) = headers.get(ORIGIN) else {
            return if method.is_safe() || is_from_here(headers) != Some(false) {
                PageVerdict::Serve
            } else {
                PageVerdict::Refuse(refusal("another site"))
            };
        };
        let is_preflight =
            method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if is_preflight && (self.names(origin) || self.has_any()) {
            return PageVerdict::Preflight;
        }
        // If every origin is allowed, a page still needs a token to change something; otherwise
        // every page that a user of this machine opens could.
        let is_allowed = method.is_safe()
            || self.names(origin)
            || (self.has_any() && headers.contains_key(AUTHORIZATION))
            || is_from_here(headers).unwrap_or_else(|| is_own(origin, headers, request.uri()));
        if is_allowed {
            PageVerdict::Serve
        } else {
            PageVerdict::Refuse(refusal(&excerpt(&String::from_utf8_lossy(origin.as_bytes()))))
        }
    }

    /// Sets the headers that let the page read the answer, if its origin is allowed.
    pub(crate) fn admit(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        if self.names(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.has_any() {
            // Credentials are not allowed: a browser refuses them together with `*` (Fetch, section
            // 3.2.5).
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static(ANY_ORIGIN));
        } else {
            return;
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}

/// The answer to a browser that asks for the methods of a path.
pub(crate) fn preflight(methods: HeaderValue) -> Response {
    let mut response = (StatusCode::NO_CONTENT, Body::empty()).into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS.clone());
    headers.insert(ACCESS_CONTROL_MAX_AGE, ALLOWED_FOR);
    response
}

/// The answer to a page of another site that would change something.
pub(crate) fn refusal(from: &str) -> Problem {
    Problem::new(Code::CrossSite, format!("a page of {from} may not change anything here"))
        .hint("have the operator add the origin of the page to cors_origins")
}

/// Whether a browser says that the request comes from a page of this server, or from its user;
/// `None` where it says nothing.
fn is_from_here(headers: &HeaderMap) -> Option<bool> {
    let site = headers.get(SEC_FETCH_SITE)?;
    Some(site == "same-origin" || site == "none")
}

/// Whether the origin is the host that the request is for. The scheme is not compared, because it
/// differs behind a proxy that ends TLS.
fn is_own(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let Some((scheme, own)) = origin.split_once("://") else { return false };
    let usual_port = if scheme == "https" { ":443" } else { ":80" };
    let plain = |host: &str| host.strip_suffix(usual_port).unwrap_or(host).to_ascii_lowercase();
    let of_target = uri.authority().map(http::uri::Authority::as_str);
    let of_field = || headers.get(HOST).and_then(|host| host.to_str().ok());
    of_target.or_else(of_field).is_some_and(|host| plain(host) == plain(own))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN};
    use http::{HeaderMap, HeaderValue, Request};

    use super::{ALLOWED_HEADERS, EXPOSED_HEADERS, Origins, PageVerdict};
    use crate::contract::OPERATIONS;
    use crate::contract::headers::spelled;

    const PAGE: &str = "https://app.example";

    fn judge(origins: &Origins, method: &str, headers: &[(&str, &str)]) -> &'static str {
        let mut request =
            Request::builder().method(method).uri("/").header("host", "localhost:8000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match origins.judge(&request.body(()).expect("a request")) {
            PageVerdict::Serve => "serve",
            PageVerdict::Preflight => "preflight",
            PageVerdict::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn a_write_from_a_page_of_another_site_is_refused_and_nothing_else_is() {
        let none = Origins::default();
        let write = |headers: &[(&str, &str)]| judge(&none, "POST", headers);
        let own = ("origin", "http://localhost:8000");
        assert_eq!(write(&[]), "serve", "no browser");
        assert_eq!(write(&[own]), "serve");
        assert_eq!(write(&[("origin", "HTTP://LocalHost:8000")]), "serve");
        assert_eq!(write(&[own, ("sec-fetch-site", "same-origin")]), "serve");
        assert_eq!(write(&[("sec-fetch-site", "none")]), "serve");
        // A proxy may send another host; then `Sec-Fetch-Site` decides.
        assert_eq!(write(&[("origin", PAGE), ("sec-fetch-site", "same-origin")]), "serve");
        for refused in [
            &[("origin", PAGE)][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "http://localhost")],
            &[("origin", "localhost:8000")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site")],
            &[own, ("sec-fetch-site", "cross-site")],
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                assert_eq!(judge(&none, method, refused), "refuse", "{method} {refused:?}");
            }
            assert_eq!(judge(&none, "GET", refused), "serve", "{refused:?}");
        }
        let asks = [("origin", PAGE), ("access-control-request-method", "PUT")];
        assert_eq!(judge(&none, "OPTIONS", &asks), "serve", "it goes on to 405");
    }

    #[test]
    fn origins_of_the_settings_may_write_and_any_origin_needs_a_token_for_it() {
        let (listed, any) = (Origins::new([PAGE.to_owned()]), Origins::new(["*".to_owned()]));
        let page = [("origin", PAGE), ("sec-fetch-site", "cross-site")];
        let asks = [("origin", PAGE), ("access-control-request-method", "PUT")];
        let with_token = [page[0], page[1], ("authorization", "Bearer psk_x")];
        assert_eq!(judge(&listed, "PUT", &page), "serve");
        assert_eq!(judge(&listed, "OPTIONS", &asks), "preflight");
        assert_eq!(judge(&listed, "PUT", &[("origin", "https://evil.example")]), "refuse");
        assert_eq!(judge(&any, "PUT", &page), "refuse");
        assert_eq!(judge(&any, "PUT", &with_token), "serve");
        assert_eq!(judge(&any, "OPTIONS", &asks), "preflight");
    }

    #[test]
    fn a_page_may_send_and_read_every_header_of_the_operations() {
        let listed = |value: &HeaderValue| -> Vec<String> {
            let text = value.to_str().expect("visible ASCII");
            text.split(", ").map(str::to_ascii_lowercase).collect()
        };
        let allowed = listed(&ALLOWED_HEADERS);
        for name in ["x-persona-note", "x-persona-author", "last-event-id", "idempotency-key"] {
            assert!(allowed.contains(&name.to_owned()), "{name}: {allowed:?}");
        }
        let of_answers = OPERATIONS.iter().flat_map(|row| row.answers);
        let of_answers = of_answers.flat_map(|answer| answer.headers).map(|name| spelled(name));
        let exposed = listed(&EXPOSED_HEADERS);
        for name in of_answers {
            let name = name.to_ascii_lowercase();
            // The Fetch standard lets every page read it.
            assert!(name == "last-modified" || exposed.contains(&name), "{name}: {exposed:?}");
        }
    }

    #[test]
    fn credentials_are_never_allowed_to_every_origin() {
        let admitted = |origins: &[&str], origin: &str| {
            let mut headers = HeaderMap::new();
            let origin = HeaderValue::from_str(origin).expect("an origin");
            Origins::new(origins.iter().map(ToString::to_string))
                .admit(Some(&origin), &mut headers);
            let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
            (
                text(ACCESS_CONTROL_ALLOW_ORIGIN).map(str::to_owned),
                text(ACCESS_CONTROL_ALLOW_CREDENTIALS).map(str::to_owned),
                headers.contains_key("vary"),
            )
        };
        assert_eq!(admitted(&[], PAGE), (None, None, false));
        assert_eq!(admitted(&[PAGE], PAGE), (Some(PAGE.into()), Some("true".into()), true));
        assert_eq!(admitted(&[PAGE], "https://evil.example"), (None, None, true));
        assert_eq!(admitted(&["*"], PAGE), (Some("*".into()), None, true));
    }
}
