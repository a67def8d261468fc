//! One type for both ways; everything above it speaks HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use persona_http::Body;
use persona_storage::sqlite::is_there;
use serde_json::Value;

use super::local::Local;
use super::remote::Remote;
use super::reply::Reply;
use crate::commands::arguments::Target;
use crate::commands::config::loaded;
use crate::commands::failure::Failure;
use crate::commands::new_database::server_hint;
use crate::commands::output::Output;
use persona_server::config::{Environment, Flags};
use persona_server::exit_code::ExitCode;

/// Longest wait for the head of an answer. Writes wait at most for the server's busy timeout, 30 s
/// unless chosen.
const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(90);

/// What a command does with a database file; and what it wants when there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// To fail: there is nothing to read in a file that does not exist.
    Read,
    /// To fail: there is nothing to change or delete in a file that does not exist.
    Change,
    /// To create it.
    Create,
}

/// The API, near or far.
#[derive(Clone)]
pub enum Api {
    /// The router in this process, over a database file.
    Local(Local),
    /// A server.
    Remote(Remote),
}

impl Api {
    /// Opens what the user named, or what the settings say.
    pub fn open(
        target: &Target,
        access: Access,
        environment: &Environment,
        output: &Output,
    ) -> Result<Self, Failure> {
        if let Some(url) = &target.server {
            return Remote::new(url).map(Self::Remote);
        }
        let values = target.database.iter().map(|text| ("database", text.clone())).collect();
        let config =
            loaded(&Flags { config: target.config.clone(), values }, environment, output)?.config;
        // A database that is named on the command line is meant, whatever the settings say.
        if let Some(url) = config.server.as_ref().filter(|_| target.database.is_none()) {
            return Remote::new(url).map(Self::Remote);
        }
        if access != Access::Create && config.database.file().is_some_and(|file| !is_there(file)) {
            let message = format!("there is no database {}", config.database);
            let hint = "name one with --database, or a running server with --server; `persona import FILE --create` makes one";
            let failure = Failure::new(ExitCode::NotFound, message).hint(hint);
            return Err(server_hint(&config).into_iter().fold(failure, Failure::hint));
        }
        Local::open(&config, access != Access::Read).map(Self::Local)
    }

    /// Sends a request and hands back the answer as a stream.
    pub async fn stream(&self, request: Request<Bytes>) -> Result<Response<Body>, Failure> {
        let answer = async {
            match self {
                Self::Local(local) => Ok(local.send(request).await),
                Self::Remote(remote) => remote.send(request).await,
            }
        };
        tokio::time::timeout(RESPONSE_WAIT_MAX, answer).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", RESPONSE_WAIT_MAX.as_secs());
            Err(Failure::new(ExitCode::Unavailable, message)
                .hint("ask `persona health` whether the server is ready"))
        })
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Reply, Failure> {
        Reply::read(self.stream(request).await?).await
    }

    /// Reads a resource.
    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send(request(Method::GET, path, &[], None)).await
    }

    /// Changes something; the headers are conditions such as `If-Match`.
    pub async fn write(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, String)],
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        self.send(request(method, path, headers, body)).await
    }

    /// Finishes what was accepted.
    pub async fn close(self) {
        if let Self::Local(local) = self {
            local.close().await;
        }
    }
}

/// A request of the API. JSON bodies are declared as such; a PATCH is a merge patch (RFC 7396).
pub fn request(
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, String)],
    body: Option<&Value>,
) -> Request<Bytes> {
    request_with(method, path, headers, body.map(|value| Bytes::from(value.to_string())))
}

/// The same with a body that is JSON text already.
pub fn request_with(
    method: Method,
    path: &str,
    headers: &[(header::HeaderName, String)],
    body: Option<Bytes>,
) -> Request<Bytes> {
    let is_patch = method == Method::PATCH;
    let mut builder =
        Request::builder().method(method).uri(path).header(header::USER_AGENT, "persona-cli");
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    if body.is_some() {
        let kind = if is_patch { "application/merge-patch+json" } else { "application/json" };
        builder = builder.header(header::CONTENT_TYPE, kind);
    }
    builder
        .body(body.unwrap_or_default())
        .expect("paths and header values of the command line are percent-encoded or checked")
}

/// The server that the user named, or the one that the settings describe.
pub fn base_url(
    server: Option<&str>,
    file: Option<&std::path::PathBuf>,
    environment: &Environment,
    output: &Output,
) -> Result<String, Failure> {
    if let Some(url) = server {
        return Ok(url.into());
    }
    let flags = Flags { config: file.cloned(), values: vec![("allow_open", "true".into())] };
    let config = loaded(&flags, environment, output)?.config;
    if let Some(url) = config.server {
        return Ok(url);
    }
    let host = if config.host.is_unspecified() {
        std::net::Ipv4Addr::LOCALHOST.into()
    } else {
        config.host
    };
    Ok(format!("http://{}", std::net::SocketAddr::new(host, config.port)))
}
