//! The body of an import: a file. Its content tells the format.

use std::io::Cursor;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use persona_formats::{Bad, Item, Items};
use persona_model::excerpt;

use super::body::Received;
use super::fingerprint;
use super::request::WriteRequest;
use crate::Context;
use crate::limits::heavy::Weight;
use crate::problem::{Code, Problem};

/// Most items of one file: each is a write of its own, and the client waits until all are done. For
/// larger collections there is `persona import`, which can continue after an interruption.
pub(crate) const IMPORT_ITEMS_MAX: usize = 10_000;
/// The media types that a file may be sent with. Before a page sends one of them to another site, a
/// browser asks that site (CORS preflight). `text/plain` and `multipart/form-data` are missing
/// because a browser sends them without asking (ADR 0100).
const FILE_TYPES: [&str; 4] =
    ["application/octet-stream", "application/json", "application/x-ndjson", "text/csv"];

/// An item that can be imported, or what is wrong with it.
pub(crate) type Read = Result<Item, Bad>;

/// Waits for a turn, and reads every item of the body on a blocking thread.
pub(crate) async fn items(
    request: &mut WriteRequest,
    context: &Context,
) -> Result<Vec<Read>, Problem> {
    check_media_type(&request.parts.headers)?;
    let turn =
        context.heavy.take(Weight::Large, request.client(), context.write_deadline()).await?;
    let turn = Arc::new(turn);
    request.hold(Arc::clone(&turn));
    let body = File(request.body());
    let digest = request.has_key().then(|| fingerprint::begun(&request.parts));
    let work = tokio::task::spawn_blocking(move || {
        let fingerprint = digest.map(|digest| fingerprint::finished(digest, body.as_ref()));
        let items: Vec<Read> =
            Items::new(Box::new(Cursor::new(body))).take(IMPORT_ITEMS_MAX + 1).collect();
        items.iter().flatten().for_each(|item| item.document.prepare());
        drop(turn);
        (items, fingerprint)
    });
    let (items, fingerprint) =
        work.await.map_err(|_| Problem::new(Code::Internal, "the file could not be read"))?;
    request.keep_fingerprint(fingerprint);
    if items.len() > IMPORT_ITEMS_MAX {
        let detail = format!("a file may have {IMPORT_ITEMS_MAX} items, this one has more");
        return Err(Problem::new(Code::BodyTooLarge, detail)
            .hint("split it, or use persona import, which takes files of any size"));
    }
    Ok(items)
}

/// The body in a form that a reader can own.
struct File(Arc<Received>);

impl AsRef<[u8]> for File {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_RANGE) {
        let reason = "a part of a file cannot be sent; split it at its items";
        return Err(Problem::bad_header("Content-Range", "not_here", reason));
    }
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !is_plain(encoding)) {
        return Err(Problem::new(Code::UnsupportedMediaType, "a compressed body is not accepted")
            .hint("send it without Content-Encoding")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if FILE_TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let names = FILE_TYPES.join(", ");
    let hint = if essence.eq_ignore_ascii_case("multipart/form-data") {
        "send each file as a body of its own (curl: --data-binary @FILE instead of -F)".into()
    } else {
        format!("send Content-Type: {}; the format is found by content", FILE_TYPES[0])
    };
    let detail = if essence.is_empty() {
        format!("Content-Type is missing; accepted: {names}")
    } else {
        format!("{} is not accepted here; accepted: {names}", excerpt(essence))
    };
    Err(Problem::new(Code::UnsupportedMediaType, detail)
        .hint(hint)
        .header(ACCEPT, HeaderValue::try_from(names).expect("media types are visible ASCII")))
}
