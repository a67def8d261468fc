//! Why a request is refused by its head.

/// Why a request is refused before anything of it is looked at. An extension of the request that is
/// answered in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It breaks this rule of RFC 9112.
    Malformed(&'static str),
    /// It names a host that the server does not answer for.
    ForeignHost,
    /// Its head is longer than [`super::HEAD_BYTES_MAX`].
    TooManyBytes,
    /// Its head has more fields than [`super::HEADERS_MAX`].
    TooManyFields,
    /// Its head did not come in time.
    TooSlow,
    /// Its body has a transfer coding other than `chunked`.
    UnknownCoding,
    /// No place was free for its connection, and it does not ask for the health of the server.
    NoPlace,
    /// It is of another version of HTTP than 1.0 and 1.1.
    UnknownVersion,
}
