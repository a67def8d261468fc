//! The fingerprint by which the repetition of a request with an idempotency key is recognised: a
//! SHA-256 over its parts, each after its length.

use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::request::Parts;
use sha2::{Digest, Sha256};

use super::note;
use crate::personas;

/// The digest of a request before its body.
pub fn begun(parts: &Parts) -> Sha256 {
    let target = personas::plain(parts.uri.path_and_query().map_or("", |target| target.as_str()));
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| add_part(&mut digest, part);
    add(parts.method.as_str().as_bytes());
    add(target.as_bytes());
    for name in [IF_MATCH, IF_NONE_MATCH, CONTENT_TYPE] {
        parts.headers.get_all(&name).iter().for_each(|value| add(value.as_bytes()));
        add(name.as_str().as_bytes());
    }
    // An absent header adds nothing, so that requests without it have the same fingerprint as in
    // older versions, which did not know the header.
    for value in parts.headers.get_all(IF_UNMODIFIED_SINCE) {
        add(value.as_bytes());
        add(IF_UNMODIFIED_SINCE.as_str().as_bytes());
    }
    for value in parts.headers.get_all(&note::HEADER) {
        add(value.as_bytes());
        add(note::HEADER.as_str().as_bytes());
    }
    digest
}

/// The fingerprint of a request with this body.
pub fn finished(mut digest: Sha256, body: &[u8]) -> [u8; 32] {
    add_part(&mut digest, body);
    digest.finalize().into()
}

fn add_part(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_be_bytes());
    digest.update(part);
}
