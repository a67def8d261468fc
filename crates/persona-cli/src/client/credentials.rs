//! What a command has to come in with: a token, and the authorities that it trusts.

use std::path::PathBuf;

use persona_server::exit_code::ExitCode;

use super::token::Token;
use crate::failure::Failure;

/// What a command comes in with.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The token, if there is one.
    pub token: Option<Token>,
    /// The authorities that may vouch for a server, in place of those of this machine.
    pub ca_file: Option<PathBuf>,
    /// The certificate that the server itself has to show, whatever its name and its authority: the
    /// one that the settings of the server on this machine name.
    pub own_certificate: Option<PathBuf>,
    /// Whether the token may be sent where others can read it.
    pub token_over_http: bool,
}

impl Credentials {
    /// Refuses to send the token to another machine as it is.
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
