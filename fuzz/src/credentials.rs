//! The headers in which clients send tokens, to a server that has one.
//!
//! Each line is a letter for its header, and its value, in which `SECRET` stands for the secret of
//! the token.

use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Request};
use persona_http::Body;

use super::api::{Api, PERSONA, answer, answer_at_once, replaced, request_of, wait};

/// What the letters stand for.
const HEADERS: [(u8, &str); 5] = [
    (b'a', "authorization"),
    (b'c', "cookie"),
    (b'h', "host"),
    (b'k', "x-api-key"),
    (b'p', "proxy-authorization"),
];
/// What stands for the secret.
const SECRET: &[u8] = b"SECRET";

/// Asks with the headers. A request is let in if it has one `Authorization` with the scheme and the
/// secret, and in no other case, on both ways.
pub fn run(bytes: &[u8]) {
    wait(async {
        let api = Api::new().await;
        let secret = first_token(&api).await;
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some((letter, value)) = line.split_first() else { continue };
            let named = HEADERS.iter().find(|(known, _)| known == letter);
            let value = replaced(value, SECRET, secret.as_bytes());
            let (Some((_, name)), Ok(value)) = (named, HeaderValue::from_bytes(value.trim_ascii()))
            else {
                continue;
            };
            headers.append(*name, value);
        }
        let made = |path: &str| -> Option<Request<Body>> {
            let mut request = request_of(format!("GET {path}").as_bytes())?;
            request.headers_mut().extend(headers.clone());
            Some(request)
        };
        let expected = if is_let_in(&headers, &secret) { 200 } else { 401 };
        for path in ["/api/v1/personas", PERSONA] {
            let (Some(request), Some(again)) = (made(path), made(path)) else { return };
            let Some((status, _)) = answer(&api.closed, request).await else { return };
            assert_eq!(status, expected, "{headers:?}");
            if let Some((at_once, _)) = answer_at_once(&api.closed_plain, again).await {
                assert_eq!(at_once, expected, "{headers:?}");
            }
        }
    });
}

/// The secret of the first token, which a client of an open server may make.
async fn first_token(api: &Api) -> String {
    let request = request_of(
        b"POST /api/v1/tokens\ncontent-type: application/json\n\n{\"name\":\"ci\",\"scope\":\"read\"}",
    );
    let made = answer(&api.open, request.expect("a request")).await;
    let (status, body) = made.expect("an answer");
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    body["secret"].as_str().expect("a secret").to_owned()
}

/// Whether the headers are those of a client with the token (RFC 6750, section 2.1).
fn is_let_in(headers: &HeaderMap, secret: &str) -> bool {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let line = line.as_bytes();
    let Some((scheme, rest)) = line.split_at_checked(b"bearer".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"bearer")
        && rest.first() == Some(&b' ')
        && rest.trim_ascii() == secret.as_bytes()
}
