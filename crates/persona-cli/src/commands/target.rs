//! Which store a command works on: what the flags name, else what the settings say.

use std::path::PathBuf;

use persona_server::config::{Config, Environment, Flags};
use persona_server::exit_code::ExitCode;
use persona_storage::sqlite::is_there;

use super::arguments::Target;
use super::config::loaded;
use crate::client::{Api, ServerAddress, server_at, token_of, usual_address};
use crate::failure::Failure;
use crate::terminal::Output;

/// What a command does with a database file, and what happens when the file does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads. A file that does not exist is a failure.
    Read,
    /// Changes or deletes personas. A file that does not exist is a failure.
    Change,
    /// Creates personas. A file that does not exist is made.
    Create,
}

/// Opens the store that the user named, or the one of the settings.
pub fn open(
    target: &Target,
    access: Access,
    environment: &Environment,
    output: &Output,
) -> Result<Api, Failure> {
    if let Some(url) = &target.server {
        return server_with_token(url, environment).map(Api::remote);
    }
    let config = loaded(&flags_of(target), environment, output)?.config;
    // A database on the command line outweighs a server in the settings.
    if let Some(url) = config.server.as_ref().filter(|_| target.database.is_none()) {
        return server_with_token(url, environment).map(Api::remote);
    }
    if access != Access::Create && config.database.file().is_some_and(|file| !is_there(file)) {
        let message = format!("there is no database {}", config.database);
        let hint = "name one with --database, or a running server with --server; `persona import FILE --create` makes one";
        let failure = Failure::new(ExitCode::NotFound, message).hint(hint);
        return Err(server_hint(&config).into_iter().fold(failure, Failure::hint));
    }
    Api::local(&config, access != Access::Read)
}

/// The settings that a target stands for.
pub fn flags_of(target: &Target) -> Flags {
    let values = target.database.iter().map(|text| ("database", text.clone())).collect();
    Flags { config: target.config.clone(), values }
}

/// The server that the user named, or the one that the settings describe.
pub fn server_address(
    server: Option<&str>,
    settings_file: Option<&PathBuf>,
    environment: &Environment,
    output: &Output,
) -> Result<ServerAddress, Failure> {
    if let Some(url) = server {
        return server_with_token(url, environment);
    }
    let flags = Flags { config: settings_file.cloned(), values: Vec::new() };
    let config = loaded(&flags, environment, output)?.config;
    let url = config.server.clone().unwrap_or_else(|| usual_address(&config).to_string());
    server_with_token(&url, environment)
}

/// The server at a URL, for requests with the user's token, if there is one.
pub fn server_with_token(url: &str, environment: &Environment) -> Result<ServerAddress, Failure> {
    Ok(ServerAddress::parse(url)?.with_token(token_of(environment)?))
}

/// What to say when a server runs where the settings would have one.
pub fn server_hint(config: &Config) -> Option<String> {
    let url = server_at(usual_address(config))?;
    Some(format!(
        "a server runs at {url}: talk to it with --server {url}, or set PERSONA_SERVER={url}"
    ))
}
