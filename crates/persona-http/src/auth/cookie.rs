//! The cookie of a session: a token that a browser keeps, and that no script of a page can read.
//!
//! Browsers send the cookie with requests of pages of the same site only (`SameSite=Strict`). A
//! site includes all ports of a host, so changes are also refused to pages of other origins
//! (`origins.rs`).

use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

/// The name of the cookie, without the port that is added to it. A browser sends the cookies of a
/// host to all of its ports, and several servers can run on one machine.
const NAME: &str = "persona_session";

/// The secret in the cookie of a request. `None` if several cookies of this name have different
/// secrets: a server on another port of the machine can set a cookie of this name.
pub(super) fn secret_in(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(COOKIE).iter().peekable();
    lines.peek()?;
    let port = port_in(headers);
    let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut secrets = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let rest = name.strip_prefix(NAME)?;
        let is_ours =
            if port.is_empty() { rest.is_empty() } else { rest.strip_prefix('_') == Some(port) };
        is_ours.then_some(value)
    });
    let first = secrets.next()?;
    secrets.all(|other| other == first).then_some(first)
}

/// The value of `Set-Cookie` that keeps a secret for this many seconds; 0 removes the cookie.
pub(crate) fn set_cookie(
    headers: &HeaderMap,
    root_path: &str,
    secret: &str,
    seconds: u64,
) -> HeaderValue {
    let port = port_in(headers);
    let separator = if port.is_empty() { "" } else { "_" };
    // A browser sends `Origin` with each POST and DELETE, also if a proxy ends the encryption.
    let is_encrypted =
        headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"));
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!(
        "{NAME}{separator}{port}={secret}; Path={root_path}/; Max-Age={seconds}; HttpOnly; \
         SameSite=Strict{secure}"
    );
    let mut value = HeaderValue::try_from(text).expect("a path, digits and letters");
    value.set_sensitive(true);
    value
}

/// The port in the host of a request; empty for the usual port.
fn port_in(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port).unwrap_or_default();
    if port.bytes().all(|byte| byte.is_ascii_digit()) { port } else { "" }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{secret_in, set_cookie};

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn a_cookie_is_read_back_by_the_server_that_set_it_and_by_no_other() {
        for host in ["localhost:8000", "persona.example", "[::1]:8000", "[::1]"] {
            let asked = headers(&[("host", host)]);
            let set = set_cookie(&asked, "", "psk_x", 60);
            let set = set.to_str().expect("a text");
            let (pair, rest) = set.split_once(';').expect("attributes");
            assert_eq!(rest, " Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
            let cookies = format!("a=b; {pair}; persona_session_1=psk_other");
            let request = headers(&[("host", host), ("cookie", &cookies)]);
            assert_eq!(secret_in(&request), Some("psk_x"), "{host}");
            let elsewhere = headers(&[("host", "localhost:9000"), ("cookie", &cookies)]);
            assert_eq!(secret_in(&elsewhere), None, "{host}");
        }
        assert_eq!(secret_in(&headers(&[("host", "localhost")])), None);
        for (cookies, secret) in [
            ("persona_session=psk_x; persona_session=psk_x", Some("psk_x")),
            ("persona_session=psk_planted; persona_session=psk_x", None),
        ] {
            assert_eq!(secret_in(&headers(&[("host", "localhost"), ("cookie", cookies)])), secret);
        }
    }

    #[test]
    fn a_cookie_of_an_encrypted_page_stays_encrypted_and_below_its_path() {
        let asked = headers(&[("host", "a.example"), ("origin", "https://a.example")]);
        let set = set_cookie(&asked, "/personas", "", 0);
        assert_eq!(
            set,
            "persona_session=; Path=/personas/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
