//! `persona token link`: a link that signs a browser in to the studio, once.

use std::net::SocketAddr;

use persona_server::config::Config;
use persona_server::exit_code::ExitCode;
use persona_server::listen::Address;
use persona_storage::{Token, TokenChange, is_link_name, is_session_name, link_name};
use serde_json::json;

use super::arguments::TokenLink;
use super::token::{
    after, change_token, check_shared, failed, is_any_kept, no_random_numbers, now, random,
};
use crate::client::Local;
use crate::doctor::server_of;
use crate::failure::Failure;
use crate::terminal::Output;

/// Makes a link and prints it. Links and sessions that have ended are forgotten meanwhile, so that
/// they do not pile up.
pub(super) async fn print(
    arguments: &TokenLink,
    config: &Config,
    local: &Local,
    output: &Output,
) -> Result<(), Failure> {
    check_shared(arguments.scope, arguments.owner.as_ref())?;
    let url = url(arguments, config, output)?;
    let tokens = local.store().all_tokens().await.map_err(|error| failed(&error))?;
    if !is_any_kept(local).await? {
        // A link would be the first token, and from then on every client would need one.
        let message = "there is no access token, so the studio needs no sign-in";
        return Err(Failure::new(ExitCode::Conflict, message).hint(format!("open {url}/")));
    }
    let (secret, made_at) = (random()?, now());
    let fresh = Token::new(String::new(), secret.hash(), arguments.scope.scope, made_at)
        .map_err(no_random_numbers)?;
    let link = Token {
        name: link_name(fresh.id),
        owner: arguments.owner.as_ref().map(ToString::to_string),
        shared: arguments.scope.with_shared,
        // A person, with the right to the database: the studio names the author.
        act_as: arguments.owner.is_none(),
        expires_at: Some(after(made_at, arguments.expires)),
        ..fresh
    };
    let link = change_token(local, TokenChange::Create(link)).await?;
    for token in tokens {
        if (is_link_name(&token.name) || is_session_name(&token.name)) && !token.is_live(made_at) {
            change_token(local, TokenChange::Delete { which: token.id.to_string() }).await?;
        }
    }
    let address = format!("{url}/#/link/{}", secret.expose());
    if output.is_json() {
        let expires_at = link.expires_at.map(|time| time.to_string());
        return output
            .json(&json!({ "url": address, "name": link.name, "expires_at": expires_at }));
    }
    output.note("a link that signs one browser in, once; keep it like a password");
    output.result(&address)
}

/// Where browsers reach the server.
fn url(arguments: &TokenLink, config: &Config, output: &Output) -> Result<String, Failure> {
    let given = arguments.url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
    if let Some(url) = given {
        if url.starts_with("http://") || url.starts_with("https://") {
            return Ok(url);
        }
        let message = format!("{url:?} is no address of a server");
        return Err(
            Failure::new(ExitCode::Usage, message).hint("such as --url https://persona.example")
        );
    }
    let running = config.database.file().and_then(server_of);
    let socket = running.unwrap_or_else(|| {
        output.note(
            "no server of this database was found on this machine, so the address is that of the \
             settings; --url names another",
        );
        SocketAddr::new(config.host, config.port)
    });
    let address = Address::Tcp { socket, is_encrypted: config.tls.is_some() };
    Ok(format!("{}{}", address.url(), config.root_path))
}
