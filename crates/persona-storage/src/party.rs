//! The party that a limit counts for: a token, or an address.

use std::net::IpAddr;

use uuid::Uuid;

/// What a limit for one client counts for.
///
/// A request that was let in by a token counts for the token, whichever address it comes from.
/// Every other request counts for the address of its client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// The identity of the token.
    Token(Uuid),
    /// The address of the client.
    Address(IpAddr),
}
