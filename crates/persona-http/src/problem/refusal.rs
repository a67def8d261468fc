//! Refusals that are decided before a request reaches its handler, as problems.

use super::{Code, Problem};
use crate::contract::limits::{HEAD_BYTES_MAX, HEADERS_MAX};

/// The reason for which a request is refused before its content is looked at. It is an extension of
/// the request, which the middleware answers with the refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The request breaks this rule of RFC 9112.
    Malformed(&'static str),
    /// The request names a host that the server does not answer for.
    ForeignHost,
    /// The head is longer than [`HEAD_BYTES_MAX`].
    TooManyBytes,
    /// The head has more fields than [`HEADERS_MAX`].
    TooManyFields,
    /// The head did not arrive in time.
    TooSlow,
    /// The body has a transfer coding other than `chunked`.
    UnknownCoding,
    /// No place was free for its connection, and it does not ask for the health of the server.
    NoPlace,
    /// The version of HTTP is neither 1.0 nor 1.1.
    UnknownVersion,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(rule) => Self::new(Code::MalformedRequest, rule),
            Refusal::ForeignHost => Self::new(
                Code::ForeignHost,
                "the server does not answer for the host that the request names",
            )
            .hint("ask for localhost, or have the operator add the name to allowed_hosts"),
            Refusal::TooManyBytes => Self::new(
                Code::HeadTooLarge,
                format!("a head may have {HEAD_BYTES_MAX} bytes, this one has more"),
            )
            .with(|body| body.head_bytes_max = Some(HEAD_BYTES_MAX)),
            Refusal::TooManyFields => Self::new(
                Code::HeadTooLarge,
                format!("a head may have {HEADERS_MAX} fields, this one has more"),
            )
            .with(|body| body.head_fields_max = Some(HEADERS_MAX)),
            Refusal::TooSlow => {
                Self::new(Code::HeadTooSlow, "the head of the request did not come in time")
            }
            Refusal::NoPlace => Self::new(
                Code::Busy,
                "every connection of this worker is busy; nothing was changed",
            )
            .retry(),
            Refusal::UnknownCoding => Self::new(
                Code::UnknownCoding,
                "Transfer-Encoding names a coding other than chunked",
            ),
            Refusal::UnknownVersion => Self::new(
                Code::OldProtocol,
                "the version of the request is none of HTTP/1.0 and HTTP/1.1",
            ),
        }
    }
}
