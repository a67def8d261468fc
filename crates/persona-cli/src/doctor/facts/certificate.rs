//! The certificate that the settings name.

use persona_model::Timestamp;

/// The certificate that the settings name.
pub struct CertificateFacts {
    /// When it ends; why a server could not start with it, and what to do, where it cannot be used.
    pub ends_at: Result<Timestamp, (String, String)>,
}
