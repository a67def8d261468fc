//! Conditions of requests (RFC 9110, section 13): entity tags, lists of them, dates.
//!
//! The first byte chooses the request. Each line behind it is a condition: a letter for its header,
//! and its value, in which `TAG` stands for the current entity tag.

use http::header::{ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::header::{HeaderValue, InvalidHeaderValue};
use http::{HeaderMap, Request};
use persona_http::Body;

use super::api::{Api, PERSONA, answer, answer_at_once, replaced, request_of, wait};

/// The requests, each without its conditions.
const REQUESTS: [&str; 8] = [
    "GET {}",
    "HEAD {}",
    "GET {}?label=production",
    "PUT {}\ncontent-type: application/json\n\n{\"name\":\"Bea\"}",
    "PATCH {}\ncontent-type: application/merge-patch+json\n\n{\"nickname\":\"x\"}",
    "DELETE {}",
    "PUT {}/labels/production\ncontent-type: application/json\n\n{\"revision\":1}",
    "DELETE {}/labels/production",
];
/// What the letters stand for.
const HEADERS: [(u8, &str); 4] = [
    (b'm', "if-match"),
    (b'n', "if-none-match"),
    (b's', "if-modified-since"),
    (b'u', "if-unmodified-since"),
];
/// What stands for the current entity tag.
const TAG: &[u8] = b"TAG";

/// Sends the request. A write that is done named the current state, or none; what a client is told
/// to have already it named; the short way of reads answers as the router.
pub fn run(bytes: &[u8]) {
    let Some((chosen, lines)) = bytes.split_first() else { return };
    let text = REQUESTS[usize::from(*chosen) % REQUESTS.len()].replacen("{}", PERSONA, 1);
    wait(async {
        let api = Api::new().await;
        let target = text.split([' ', '\n']).nth(1).unwrap_or(PERSONA);
        let Some(tag) = tag_of(&api, target).await else { return };
        let Ok(conditions) = conditions(lines, &tag) else { return };
        let made = || -> Option<Request<Body>> {
            let mut request = request_of(text.as_bytes())?;
            request.headers_mut().extend(conditions.clone());
            Some(request)
        };
        let (Some(request), Some(again)) = (made(), made()) else { return };
        let is_read = request.method().is_safe();
        let Some((status, body)) = answer(&api.open, request).await else { return };
        assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
        let names = |header: &HeaderName| {
            let is_current = |value: &HeaderValue| {
                let value = value.as_bytes();
                value.contains(&b'*') || value.windows(tag.len()).any(|part| part == tag)
            };
            conditions.get_all(header).iter().any(is_current)
        };
        if !is_read && status < 300 {
            assert!(!conditions.contains_key(IF_MATCH) || names(&IF_MATCH), "{conditions:?}");
        }
        if status == 304 {
            let by_date = !conditions.contains_key(IF_NONE_MATCH)
                && conditions.contains_key(IF_MODIFIED_SINCE);
            assert!(by_date || names(&IF_NONE_MATCH), "{conditions:?}");
        }
        if is_read && let Some((at_once, _)) = answer_at_once(&api.plain, again).await {
            assert_eq!(at_once, status, "{conditions:?}");
        }
    });
}

/// The current entity tag of what is at a target.
async fn tag_of(api: &Api, target: &str) -> Option<Vec<u8>> {
    let request = request_of(format!("GET {target}").as_bytes())?;
    let answer = api.open.answer(request).await;
    Some(answer.headers().get(ETAG)?.as_bytes().to_vec())
}

/// The conditions that the lines say.
fn conditions(lines: &[u8], tag: &[u8]) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut conditions = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((letter, value)) = line.split_first() else { continue };
        let Some((_, name)) = HEADERS.iter().find(|(known, _)| known == letter) else { continue };
        let value = replaced(value, TAG, tag);
        conditions.append(*name, HeaderValue::from_bytes(value.trim_ascii())?);
    }
    Ok(conditions)
}
