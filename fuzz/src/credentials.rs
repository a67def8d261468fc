//! The headers in which clients send tokens, to a server that has one and a session.
//!
//! Each line is a letter for its header, and its value, in which `SECRET` stands for the secret of
//! the token, `SESSION` for that of the session, which a browser has in its cookie, and `LINK` for
//! that of the link with which the session began, and which has ended.

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue};
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

/// The secrets that the words of an input stand for.
struct Secrets {
    token: String,
    session: String,
    link: String,
}

impl Secrets {
    /// A value in which each word is the secret that it stands for.
    fn in_place_of_words(&self, value: &[u8]) -> Vec<u8> {
        let value = replaced(value, b"SECRET", self.token.as_bytes());
        let value = replaced(&value, b"SESSION", self.session.as_bytes());
        replaced(&value, b"LINK", self.link.as_bytes())
    }
}

/// Asks with the headers. A request is let in if it has one `Authorization` with the scheme and the
/// secret of the token or the session, or without that header the cookie of the session, and in no
/// other case, on both ways.
pub fn run(bytes: &[u8]) {
    wait(async {
        let api = Api::new().await;
        let token = first_token(&api).await;
        let (link, session) = api.sign_in().await;
        let secrets = Secrets { token, session, link };
        let mut headers = HeaderMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            let Some((letter, value)) = line.split_first() else { continue };
            let named = HEADERS.iter().find(|(known, _)| known == letter);
            let value = secrets.in_place_of_words(value);
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
        let expected = if is_let_in(&headers, &secrets) { 200 } else { 401 };
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

/// Whether the headers are those of a client with the token or the session (RFC 6750, section 2.1;
/// RFC 6265, section 5.4).
fn is_let_in(headers: &HeaderMap, secrets: &Secrets) -> bool {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => {
            has_bearer(line, &secrets.token) || has_bearer(line, &secrets.session)
        }
        (Some(_), Some(_)) => false,
        (None, _) => has_cookie(headers, &secrets.session),
    }
}

fn has_bearer(line: &HeaderValue, secret: &str) -> bool {
    let line = line.as_bytes();
    let Some((scheme, rest)) = line.split_at_checked(b"bearer".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"bearer")
        && rest.first() == Some(&b' ')
        && rest.trim_ascii() == secret.as_bytes()
}

/// Whether the cookie of the server has this secret, each time that it is there. Its name ends with
/// the port of the host, which a browser sends the cookies of all ports to.
fn has_cookie(headers: &HeaderMap, secret: &str) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let name = if has_port { format!("persona_session_{port}") } else { "persona_session".into() };
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let sent: Vec<&str> =
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| value).collect();
    !sent.is_empty() && sent.iter().all(|value| *value == secret)
}
