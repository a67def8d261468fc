//! The answers of a running server.

use persona_http::contract::status::Status;

/// The answers of a running server.
pub struct ServerFacts {
    /// Where it was asked.
    pub url: String,
    /// Why it does not take requests; `None` when it does.
    pub not_ready: Option<String>,
    /// Its answer to `GET /api/v1/status`; `None` when it gave none in time.
    pub status: Option<Status>,
}
