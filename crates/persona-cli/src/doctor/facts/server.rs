//! The answers of a running server.

use persona_http::contract::status::Status;

/// The answers of a running server.
pub struct ServerFacts {
    /// The URL of the server.
    pub url: String,
    /// Why the server is not ready; `None` when it is.
    pub not_ready: Option<String>,
    /// What the user can do about that, where the server or the way to it told; else empty.
    pub cure: String,
    /// The answer to `GET /api/v1/status`; `None` when none came in time.
    pub status: Option<Status>,
}
