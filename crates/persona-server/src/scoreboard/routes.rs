//! The closed set of labels under which requests are counted.
//!
//! A label that a client can choose would let it fill the scoreboard, so everything that is not
//! listed counts as [`OTHER`].

/// Where a request is counted that fits no other pair.
const OTHER: (&str, &str) = ("other", "other");

/// Classes of status codes: `1xx` to `5xx`.
pub(super) const CLASSES: usize = 5;

/// Every pair of route and method of the router, which tests that none is missing. `HEAD` is
/// counted with `GET`, which answers it.
pub(super) const ROUTES: [(&str, &str); 19] = [
    OTHER,
    ("GET", "/"),
    ("GET", "/api/v1/personas"),
    ("POST", "/api/v1/personas"),
    ("GET", "/api/v1/personas/{id}"),
    ("PUT", "/api/v1/personas/{id}"),
    ("PATCH", "/api/v1/personas/{id}"),
    ("DELETE", "/api/v1/personas/{id}"),
    ("POST", "/api/v1/personas/{id}/restore"),
    ("PUT", "/api/v1/personas/{id}/revisions/{revision}"),
    ("GET", "/api/v1/export"),
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/problems"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/docs"),
    ("GET", "/api/v1/docs/{file}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
];

/// How many series the requests are spread over.
pub(super) const SERIES: usize = ROUTES.len() * CLASSES;

/// The series of a request.
pub(super) fn series_of(route: &str, method: &http::Method, status: u16) -> usize {
    let method = if method == http::Method::HEAD { "GET" } else { method.as_str() };
    let pair = ROUTES.iter().position(|known| *known == (method, route)).unwrap_or(0);
    let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
    pair * CLASSES + class
}

/// Method, route and class of status of a series.
pub(super) fn labels_of(series: usize) -> (&'static str, &'static str, &'static str) {
    let (method, route) = ROUTES[series / CLASSES];
    (method, route, ["1xx", "2xx", "3xx", "4xx", "5xx"][series % CLASSES])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;
    use persona_model::Timestamp;

    use super::super::Scoreboard;
    use super::{SERIES, labels_of, series_of};
    use persona_http::ROUTES;

    #[test]
    fn every_route_is_counted_under_its_own_name() {
        let scoreboard = Scoreboard::create().expect("a scoreboard");
        let entry = scoreboard.entry(1, 0);
        entry.prepare(Timestamp::from_micros(1));
        for route in ROUTES {
            for method in route.methods {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                entry.request_answered(route.path, &method, 200, Duration::from_micros(1));
            }
        }
        let text = scoreboard.prometheus();
        for route in ROUTES {
            for method in route.methods {
                assert!(
                    text.contains(&format!("method=\"{method}\",route=\"{}\"", route.path)),
                    "{method} {}",
                    route.path
                );
            }
        }
    }

    #[test]
    fn a_request_is_counted_under_its_route_method_and_class_of_status() {
        let counted = |route, method, status| labels_of(series_of(route, &method, status));
        assert_eq!(
            counted("/api/v1/personas/{id}", Method::PUT, 412),
            ("PUT", "/api/v1/personas/{id}", "4xx")
        );
        assert_eq!(
            counted("/api/v1/personas/{id}", Method::HEAD, 200),
            ("GET", "/api/v1/personas/{id}", "2xx")
        );
    }

    #[test]
    fn what_a_client_makes_up_is_counted_as_other() {
        let invented = Method::from_bytes(b"BREW").expect("a token is a method");
        for (route, method, status) in [("/made/up", Method::GET, 404), ("/healthz", invented, 405)]
        {
            assert_eq!(labels_of(series_of(route, &method, status)), ("other", "other", "4xx"));
        }
        assert!(series_of("/", &Method::GET, 999) < SERIES);
    }
}
