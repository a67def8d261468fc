//! The certificate that the settings name.

use persona_model::Timestamp;

/// The certificate that the settings name.
pub struct CertificateFacts {
    /// When the certificate ends; or why a server could not start with it, and what to do.
    pub ends_at: Result<Timestamp, (String, String)>,
}
