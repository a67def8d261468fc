//! The credentials of a command: its token, and the certificate authorities that it trusts.

use std::path::PathBuf;

use persona_server::exit_code::ExitCode;

use super::token::Token;
use crate::failure::Failure;

/// The token of a command and what it trusts.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The token, if there is one.
    pub token: Option<Token>,
    /// A file of authorities that may sign the certificate of a server, in place of those of this
    /// machine.
    pub ca_file: Option<PathBuf>,
    /// The certificate of the server on this machine, from its settings. It is trusted whatever its
    /// name and its authority.
    pub own_certificate: Option<PathBuf>,
    /// Whether the token may be sent over an unencrypted network.
    pub token_over_http: bool,
}

impl Credentials {
    /// Refuses to send the token unencrypted to another machine.
    pub(super) fn refuse_plain(&self, host: &str, is_loopback: bool) -> Result<(), Failure> {
        if self.token.is_none() || is_loopback || self.token_over_http {
            return Ok(());
        }
        let message =
            format!("the token would be sent to {host} over plain HTTP, where others can read it");
        Err(Failure::new(ExitCode::Usage, message)
            .hint("use https://, or add --token-over-http where the network is trusted"))
    }
}
