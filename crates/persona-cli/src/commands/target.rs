//! Decides which store a command works on: the one that the flags name, else the one of the
//! settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use persona_server::config::{Config, Environment, Flags, Loaded, Profile};
use persona_server::listen::on_this_machine;

use super::arguments::{CredentialFlags, Target};
use super::config::loaded;
use super::existing_database;
use crate::client::{Api, Credentials, ServerAddress, Token, server_at, usual_address, usual_url};
use crate::failure::Failure;
use crate::terminal::Output;

/// What a command does with a database, and what happens when there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads. A database that does not exist is a failure.
    Read,
    /// Changes or deletes personas. A database that does not exist is a failure.
    Change,
    /// Creates personas. A database that does not exist is made.
    Create,
}

/// Opens the store that the user named, or the one of the settings.
pub fn open(
    target: &Target,
    access: Access,
    environment: &Environment,
    output: &Output,
) -> Result<Api, Failure> {
    let flags = &target.credentials;
    if let Some(named) = &target.server {
        let server = named_server(named, flags, target.config.as_ref(), environment, output)?;
        return Ok(Api::remote(server));
    }
    let loaded = loaded(&flags_of(target), environment, output)?;
    let config = &loaded.config;
    // A database on the command line takes precedence over a server in the settings.
    if let Some(named) = config.server.as_ref().filter(|_| target.database.is_none()) {
        return Ok(Api::remote(server_of(named, flags, &loaded.profiles, environment)?));
    }
    if access != Access::Create {
        let hint = "name one with --database, or a running server with --server; `persona import \
                    FILE --create` makes one";
        existing_database::require(config, hint)
            .map_err(|failure| server_hint(config).into_iter().fold(failure, Failure::hint))?;
    }
    Api::local(config, access != Access::Read)
}

/// The settings that a target stands for.
pub fn flags_of(target: &Target) -> Flags {
    let values = target.database.iter().map(|text| ("database", text.clone())).collect();
    Flags { config: target.config.clone(), values }
}

/// The server that the user named, or the one that the settings describe.
pub fn server_address(
    server: Option<&str>,
    flags: &CredentialFlags,
    settings_file: Option<&PathBuf>,
    environment: &Environment,
    output: &Output,
) -> Result<ServerAddress, Failure> {
    if let Some(named) = server {
        return named_server(named, flags, settings_file, environment, output);
    }
    let loaded = settings(settings_file, environment, output)?;
    if let Some(named) = &loaded.config.server {
        return server_of(named, flags, &loaded.profiles, environment);
    }
    // The address is that of the server of these settings on this machine, so its own certificate
    // is trusted, whatever its name.
    let own_certificate = loaded.config.tls.as_ref().map(|files| files.cert.clone());
    let credentials = Credentials { own_certificate, ..credentials(flags, None, environment)? };
    ServerAddress::parse(&usual_url(&loaded.config), &credentials)
}

/// The address of the server of these settings, which was found at this socket of this machine.
pub fn own_server(
    address: SocketAddr,
    config: &Config,
    flags: &CredentialFlags,
    environment: &Environment,
) -> Result<ServerAddress, Failure> {
    let own_certificate = config.tls.as_ref().map(|files| files.cert.clone());
    let scheme = if own_certificate.is_some() { "https" } else { "http" };
    let credentials = Credentials { own_certificate, ..credentials(flags, None, environment)? };
    ServerAddress::parse(&format!("{scheme}://{}", on_this_machine(address)), &credentials)
}

/// The server of a URL, or of a name in the settings file.
pub fn named_server(
    named: &str,
    flags: &CredentialFlags,
    settings_file: Option<&PathBuf>,
    environment: &Environment,
    output: &Output,
) -> Result<ServerAddress, Failure> {
    // The settings are not needed for a URL, and may be broken.
    let profiles = if Profile::can_be_name(named) {
        settings(settings_file, environment, output)?.profiles
    } else {
        Vec::new()
    };
    server_of(named, flags, &profiles, environment)
}

/// The server of a URL, or of one of these names.
pub fn server_of(
    named: &str,
    flags: &CredentialFlags,
    profiles: &[Profile],
    environment: &Environment,
) -> Result<ServerAddress, Failure> {
    let profile = profiles.iter().find(|profile| profile.name == named);
    let url = profile.map_or(named, |profile| profile.url.as_str());
    ServerAddress::parse(url, &credentials(flags, profile, environment)?)
}

fn credentials(
    flags: &CredentialFlags,
    profile: Option<&Profile>,
    environment: &Environment,
) -> Result<Credentials, Failure> {
    let of_profile = profile.and_then(|profile| profile.token_file.as_deref());
    let ca_file = flags.ca_file.clone();
    Ok(Credentials {
        token: Token::find(of_profile, environment)?,
        ca_file: ca_file.or_else(|| profile.and_then(|profile| profile.ca_file.clone())),
        own_certificate: None,
        token_over_http: flags.token_over_http,
    })
}

/// Loads the settings for a client. The settings may describe a server that is open to other
/// machines.
fn settings(
    settings_file: Option<&PathBuf>,
    environment: &Environment,
    output: &Output,
) -> Result<Loaded, Failure> {
    let values = vec![("allow_open", "true".into())];
    loaded(&Flags { config: settings_file.cloned(), values }, environment, output)
}

/// The hint that a server runs at the address of the settings.
pub fn server_hint(config: &Config) -> Option<String> {
    let url = server_at(usual_address(config))?;
    Some(format!(
        "a server runs at {url}: talk to it with --server {url}, or set PERSONA_SERVER={url}"
    ))
}
