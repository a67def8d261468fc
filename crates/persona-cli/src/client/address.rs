//! Where a server is. The only reader of URLs of servers in the command line.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, SocketAddr};

use http::Uri;
use http::uri::Authority;
use persona_http::contract::PREFIX;
use persona_server::config::Config;
use persona_server::exit_code::ExitCode;

use crate::failure::Failure;
use persona_storage::TokenSecret;

/// The port of a URL without one (RFC 9110, section 4.2.1).
const HTTP_PORT: u16 = 80;

/// Host and port of a server, and what its paths begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerAddress {
    /// Host and port, as in a URL and in `Host`; the port may be missing.
    pub authority: Authority,
    /// What the paths begin with, behind a proxy; mostly nothing.
    pub prefix: String,
    /// The token that requests carry.
    pub token: Option<TokenSecret>,
}

impl ServerAddress {
    /// The address that a URL names; `http://` may be left out.
    ///
    /// # Errors
    ///
    /// The text is no URL of a server, or one that this version cannot use.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let usage = |message: String| {
            Failure::new(ExitCode::Usage, message).hint("write it like http://127.0.0.1:8000")
        };
        let full = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
        let uri: Uri = full.parse().map_err(|_| usage(format!("{url:?} is no URL of a server")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                let hint = "use a tunnel or a proxy on this machine that speaks http://";
                let message = "https:// is not available in this version";
                return Err(Failure::new(ExitCode::Usage, message).hint(hint));
            }
            _ => return Err(usage(format!("{url:?} must begin with http://"))),
        }
        let authority =
            uri.authority().cloned().ok_or_else(|| usage(format!("{url:?} names no host")))?;
        let prefix = uri.path().trim_end_matches('/').to_string();
        if let Some(base) = prefix.strip_suffix(PREFIX) {
            let message =
                format!("{url:?} is the address of the API, and the one of the server is wanted");
            return Err(Failure::new(ExitCode::Usage, message)
                .hint(format!("write it like http://{authority}{base}")));
        }
        Ok(Self { authority, prefix, token: None })
    }

    /// The same server, for requests with a token.
    #[must_use]
    pub fn with_token(self, token: Option<TokenSecret>) -> Self {
        Self { token, ..self }
    }

    /// Host and port, for connecting.
    pub fn host_and_port(&self) -> String {
        let port = self.authority.port_u16().unwrap_or(HTTP_PORT);
        format!("{}:{port}", self.authority.host())
    }
}

impl Display for ServerAddress {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority, self.prefix)
    }
}

/// The address at which a program on this machine reaches the server that the settings describe. A
/// server that listens on every address is reached over loopback.
pub fn usual_address(config: &Config) -> SocketAddr {
    let host = if config.host.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { config.host };
    SocketAddr::new(host, config.port)
}

#[cfg(test)]
mod tests {
    use super::ServerAddress;

    #[test]
    fn an_address_has_a_host_a_port_and_a_prefix() {
        for (url, host_and_port, shown) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("localhost:8000/", "localhost:8000", "http://localhost:8000"),
            ("http://[::1]:80/store/", "[::1]:80", "http://[::1]:80/store"),
            ("personas.test", "personas.test:80", "http://personas.test"),
        ] {
            let address = ServerAddress::parse(url).expect(url);
            assert_eq!(address.host_and_port(), host_and_port);
            assert_eq!(address.to_string(), shown);
        }
        for url in ["", "ftp://host", "https://host", "http://host/api/v1", "http://a b"] {
            assert!(ServerAddress::parse(url).is_err(), "{url}");
        }
    }
}
