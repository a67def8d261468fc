//! The address of a server, and how it is reached. No other file of the command line reads URLs of
//! servers.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::uri::Authority;
use http::{Method, Request, Uri, header, request};
use persona_http::contract::PREFIX;
use persona_server::config::Config;
use persona_server::exit_code::ExitCode;
use persona_server::listen::on_this_machine;
use persona_server::secrets::without_user_information;

use super::credentials::Credentials;
use super::token::Token;
use super::trust::Trust;
use crate::failure::Failure;

/// The ports of URLs without one (RFC 9110, sections 4.2.1 and 4.2.2).
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// The start of the address of a unix socket.
const UNIX: &str = "unix:";

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum ServerRoute {
    /// Host and port.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// Everything that a request to a server needs.
#[derive(Clone, Debug)]
pub struct ServerAddress {
    /// How the server is reached.
    pub route: ServerRoute,
    /// Host and port, as in a URL and in `Host`; the port may be missing.
    pub authority: Authority,
    /// The prefix of all paths, for a server behind a proxy; mostly empty.
    pub prefix: String,
    /// What the server must prove; `None` for connections without encryption.
    pub trust: Option<Trust>,
    token: Option<Token>,
}

impl ServerAddress {
    /// Reads the address that a URL names, such as `https://persona.example` or
    /// `unix:/run/persona.sock`; `http://` may be left out.
    ///
    /// # Errors
    ///
    /// The text is no URL of a server, or the token would be sent over an unencrypted network.
    pub fn parse(url: &str, credentials: &Credentials) -> Result<Self, Failure> {
        if let Some(path) = url.strip_prefix(UNIX) {
            return Self::unix(path, credentials);
        }
        let shown = without_user_information(url);
        let usage = |message: String| {
            Failure::new(ExitCode::Usage, message)
                .hint("write it like http://127.0.0.1:8000, https://persona.example or unix:PATH")
        };
        let full = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
        let uri: Uri =
            full.parse().map_err(|_| usage(format!("{shown:?} is no URL of a server")))?;
        let is_encrypted = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => {
                return Err(usage(format!("{shown:?} must begin with http://, https:// or unix:")));
            }
        };
        let authority =
            uri.authority().cloned().ok_or_else(|| usage(format!("{shown:?} names no host")))?;
        // A password with a slash in it makes a host of the name before it.
        if full.contains('@') {
            return Err(usage(format!("{shown:?} must not hold a name or a password"))
                .hint("a token is read from --token-file, PERSONA_TOKEN or the settings file"));
        }
        let prefix = uri.path().trim_end_matches('/').to_string();
        if let Some(base) = prefix.strip_suffix(PREFIX) {
            let scheme = if is_encrypted { "https" } else { "http" };
            let message =
                format!("{shown:?} is the address of the API, and the one of the server is wanted");
            return Err(Failure::new(ExitCode::Usage, message)
                .hint(format!("write it like {scheme}://{authority}{base}")));
        }
        if !is_encrypted {
            credentials.refuse_plain(authority.host(), is_loopback(authority.host()))?;
        }
        let usual_port = if is_encrypted { HTTPS_PORT } else { HTTP_PORT };
        let port = authority.port_u16().unwrap_or(usual_port);
        let route = ServerRoute::Tcp(format!("{}:{port}", authority.host()));
        let trust = if is_encrypted { Some(Trust::of(credentials)?) } else { None };
        Ok(Self { route, authority, prefix, trust, token: credentials.token.clone() })
    }

    fn unix(path: &str, credentials: &Credentials) -> Result<Self, Failure> {
        if path.is_empty() || path.starts_with("//") {
            return Err(Failure::new(ExitCode::Usage, format!("{UNIX}{path} names no socket"))
                .hint("write it like unix:/run/persona/persona.sock"));
        }
        Ok(Self {
            route: ServerRoute::Unix(path.into()),
            authority: Authority::from_static("localhost"),
            prefix: String::new(),
            trust: None,
            token: credentials.token.clone(),
        })
    }

    /// The name that the server has to prove.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// The beginning of a request for a path of this server, with its host and the token.
    pub fn request(&self, method: Method, path: &str) -> request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(header::HOST, self.authority.as_str());
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, token.header()),
            None => request,
        }
    }

    /// The token as a header, where there is one.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }
}

impl Display for ServerAddress {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.route {
            ServerRoute::Unix(path) => write!(out, "{UNIX}{}", path.display()),
            ServerRoute::Tcp(_) => {
                let scheme = if self.trust.is_some() { "https" } else { "http" };
                write!(out, "{scheme}://{}{}", self.authority, self.prefix)
            }
        }
    }
}

/// Whether data that is sent to this host stays on this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The address at which a program on this machine reaches the server that the settings describe. A
/// server that listens on every address is reached over loopback.
pub fn usual_address(config: &Config) -> SocketAddr {
    on_this_machine(SocketAddr::new(config.host, config.port))
}

/// The URL of that server; the URL of the unix socket if the server listens on one.
pub fn usual_url(config: &Config) -> String {
    match &config.uds {
        Some(socket) if !config.is_tcp_chosen => format!("{UNIX}{}", socket.path.display()),
        _ => {
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", usual_address(config))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use persona_storage::TokenSecret;

    use super::{Credentials, ServerAddress, ServerRoute, Token};

    fn parse(url: &str) -> Option<ServerAddress> {
        ServerAddress::parse(url, &Credentials::default()).ok()
    }

    #[test]
    fn an_address_has_a_host_a_port_and_a_prefix() {
        for (url, reached, shown) in [
            ("http://127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("localhost:8000/", "localhost:8000", "http://localhost:8000"),
            ("http://[::1]:80/store/", "[::1]:80", "http://[::1]:80/store"),
            ("personas.test", "personas.test:80", "http://personas.test"),
        ] {
            let address = parse(url).expect(url);
            assert!(matches!(&address.route, ServerRoute::Tcp(route) if route == reached), "{url}");
            assert_eq!(address.to_string(), shown);
        }
        let socket = parse("unix:/run/persona.sock").expect("an address");
        assert!(matches!(&socket.route, ServerRoute::Unix(path) if path.ends_with("persona.sock")));
        assert_eq!(socket.to_string(), "unix:/run/persona.sock");
        for url in [
            "",
            "ftp://host",
            "http://host/api/v1",
            "http://a b",
            "unix:",
            "unix://x",
            "http://a:b@host",
        ] {
            assert!(parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn no_refusal_of_a_url_shows_a_name_or_a_password_in_it() {
        for url in [
            "https://ada:secret@host",
            "secret@host",
            "ftp://secret@host",
            "http://ada:sec/secret@ho st",
            "http://ada:8/secret@host",
            "http://secret@host/api/v1",
        ] {
            let refused = ServerAddress::parse(url, &Credentials::default()).expect_err(url);
            let text = format!("{refused:?}");
            assert!(text.contains("(hidden)@ho") && !text.contains("secret"), "{url}: {text}");
        }
    }

    #[test]
    fn a_token_is_sent_as_it_is_to_this_machine_only() {
        let secret = TokenSecret::random().expect("random numbers");
        let credentials = Credentials { token: Some(Token::of(&secret)), ..Credentials::default() };
        let bearer = format!("Bearer {}", secret.expose());
        let sent = |url: &str, credentials: &Credentials| {
            let address = ServerAddress::parse(url, credentials).ok()?;
            let request = address.request(Method::GET, "/healthz").body(()).expect("a request");
            Some(request.headers()["authorization"].to_str().expect("text").to_owned())
        };
        for url in ["localhost:8000", "http://127.0.0.9", "http://[::1]:1", "unix:/run/p.sock"] {
            assert_eq!(sent(url, &credentials).as_ref(), Some(&bearer), "{url}");
        }
        for url in ["http://persona.example", "10.0.0.1:8000", "localhost.example"] {
            assert_eq!(sent(url, &credentials), None, "{url}");
        }
        let open = Credentials { token_over_http: true, ..credentials.clone() };
        assert!(sent("http://persona.example", &open).is_some());
        assert!(!format!("{credentials:?}").contains(secret.expose()));
    }
}
