//! The token that a request carries: `Authorization: Bearer psk_...` (RFC 6750, section 2.1), or
//! without that header the cookie of a session. A token in the query would end up in the logs of
//! proxies.

use http::header::{AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use persona_storage::TokenHash;

use super::Denial;
use super::cookie;

const SCHEME: &str = "bearer";
/// Headers in which clients of other services send their tokens. A token in one of them is refused
/// with a hint.
const OTHER_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-auth-token"),
    PROXY_AUTHORIZATION,
];

/// The headers of a request that contain its credentials, for a check while the request goes on.
pub(crate) fn credentials(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [AUTHORIZATION, COOKIE, HOST] {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

/// The hash of the token that a request carries, or the reason why there is none.
pub(super) fn hash_in(headers: &HeaderMap) -> Result<TokenHash, Denial> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => hash_of(line),
        (None, _) => {
            let of_session = cookie::secret_in(headers);
            if let Some(Ok(hash)) = of_session.map(|text| TokenHash::of_secret(text.as_bytes())) {
                return Ok(hash);
            }
            let elsewhere = OTHER_HEADERS.into_iter().find(|name| headers.contains_key(name));
            Err(elsewhere.map_or(Denial::Missing, Denial::Elsewhere))
        }
        (Some(_), Some(_)) => Err(Denial::Twice),
    }
}

fn hash_of(line: &HeaderValue) -> Result<TokenHash, Denial> {
    let line = line.as_bytes().trim_ascii();
    let (scheme, token) = line.split_at_checked(SCHEME.len()).unwrap_or((line, &[]));
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes())
        || token.first().is_some_and(|first| *first != b' ')
    {
        return Err(Denial::OtherScheme);
    }
    TokenHash::of_secret(token.trim_ascii()).map_err(Denial::Malformed)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::AUTHORIZATION;
    use persona_storage::{BadSecret, TokenSecret};

    use super::hash_in;
    use crate::auth::Denial;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, line.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn a_token_is_read_from_one_line_of_one_header_and_one_scheme() {
        let secret = TokenSecret::random().expect("random numbers");
        let text = secret.expose();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let found = hash_in(&headers(&[&format!("{scheme} {text}")]));
            assert_eq!(found, Ok(secret.hash()), "{scheme}");
        }
        let (mistyped, form) = (BadSecret::Checksum, BadSecret::Form);
        let last = if text.ends_with('0') { '1' } else { '0' };
        let other = format!("{}{last}", &text[..text.len() - 1]);
        for (lines, expected) in [
            (vec![], Denial::Missing),
            (vec![format!("Bearer {text}"), format!("Bearer {text}")], Denial::Twice),
            (vec![format!("Basic {text}")], Denial::OtherScheme),
            (vec![text.to_owned()], Denial::OtherScheme),
            (vec![format!("Bearer{text}")], Denial::OtherScheme),
            (vec!["Bearer".into()], Denial::Malformed(form)),
            (vec![String::new()], Denial::OtherScheme),
            (vec![format!("Bearer {text} {text}")], Denial::Malformed(form)),
            (vec![format!("Bearer {other}")], Denial::Malformed(mistyped)),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(hash_in(&headers(&lines)), Err(expected), "{lines:?}");
        }
    }

    #[test]
    fn a_token_in_another_header_is_led_to_the_right_one() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "psk_".parse().expect("a value"));
        let name = "x-api-key".parse().expect("a name");
        assert_eq!(hash_in(&headers), Err(Denial::Elsewhere(name)));
    }
}
