//! `persona token`: the access tokens of a database. Works on the database itself, also beside
//! running servers. A client does the same over `/api/v1/tokens`, as far as its own token permits.

use std::time::Duration;

use persona_model::{Clock, Owner, Timestamp};
use persona_server::clock::SystemClock;
use persona_server::config::{Config, Environment, Flags};
use persona_server::exit_code::ExitCode;
use persona_storage::{Error, Token, TokenChange, TokenError, TokenLook, TokenSecret, TokenState};
use serde_json::{Value, json};

use super::arguments::{DatabaseFile, ScopeOfToken, TokenAction, TokenCreate};
use super::config::loaded;
use super::{existing_database, token_link};
use crate::client::Local;
use crate::failure::Failure;
use crate::terminal::{Output, Table};

/// Runs the command.
pub async fn run(
    action: &TokenAction,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match action {
        TokenAction::Create(arguments) => {
            let config = config_of(&arguments.database, environment, output)?;
            let local = if arguments.new_database {
                Local::open(&config, true)?
            } else {
                open_of(&config, true)?
            };
            let done = create(arguments, &local, output).await;
            close(local, done).await
        }
        TokenAction::List(database) => {
            let local = open(database, false, environment, output)?;
            let done = list(&local, output).await;
            close(local, done).await
        }
        TokenAction::Revoke(subject) => {
            let local = open(&subject.database, true, environment, output)?;
            let change = TokenChange::Revoke { which: subject.token.clone(), at: now() };
            let done = change_token(&local, change).await.and_then(|token| {
                let said = format!("revoked {}: no server accepts it any more", token.name);
                tell(&token, None, &said, output)
            });
            close(local, done).await
        }
        TokenAction::Rotate(arguments) => {
            let local = open(&arguments.subject.database, true, environment, output)?;
            let done = rotate(&arguments.subject.token, arguments.keep, &local, output).await;
            close(local, done).await
        }
        TokenAction::Link(arguments) => {
            let config = config_of(&arguments.database, environment, output)?;
            let local = open_of(&config, true)?;
            let done = token_link::print(arguments, &config, &local, output).await;
            close(local, done).await
        }
        TokenAction::Delete(subject) => {
            let local = open(&subject.database, true, environment, output)?;
            let change = TokenChange::Delete { which: subject.token.clone() };
            let done = change_token(&local, change).await.and_then(|token| {
                let said = format!("deleted {}: no server accepts it any more", token.name);
                tell(&token, None, &said, output)
            });
            close(local, done).await
        }
    }
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// The time so much after another one.
pub(super) fn after(time: Timestamp, length: Duration) -> Timestamp {
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_add(micros))
}

fn open(
    database: &DatabaseFile,
    writes: bool,
    environment: &Environment,
    output: &Output,
) -> Result<Local, Failure> {
    open_of(&config_of(database, environment, output)?, writes)
}

fn config_of(
    database: &DatabaseFile,
    environment: &Environment,
    output: &Output,
) -> Result<Config, Failure> {
    let values = database.database.iter().map(|text| ("database", text.clone())).collect();
    let flags = Flags { config: database.config.clone(), values };
    Ok(loaded(&flags, environment, output)?.config)
}

fn open_of(config: &Config, writes: bool) -> Result<Local, Failure> {
    let hint = "name one with --database; `persona serve` makes one, and so do `persona token create` \
                and `persona import FILE` with --create";
    existing_database::require(config, hint)?;
    Local::open(config, writes)
}

async fn close(local: Local, done: Result<(), Failure>) -> Result<(), Failure> {
    local.close().await;
    done
}

async fn create(arguments: &TokenCreate, local: &Local, output: &Output) -> Result<(), Failure> {
    let secret = random()?;
    let made_at = now();
    let (name, scope) = (arguments.name.clone(), arguments.scope);
    check_shared(scope, arguments.owner.as_ref())?;
    let token = Token {
        owner: arguments.owner.as_ref().map(ToString::to_string),
        shared: scope.with_shared,
        act_as: arguments.act_as,
        expires_at: arguments.expires.map(|length| after(made_at, length)),
        ..Token::new(name, secret.hash(), scope.scope, made_at).map_err(no_random_numbers)?
    };
    let token = change_token(local, TokenChange::Create(token)).await?;
    let said =
        format!("the token {}, which is shown only now; keep it like a password", token.name);
    tell(&token, Some(&secret), &said, output)
}

/// Refuses `+shared` without an owner.
pub(super) fn check_shared(scope: ScopeOfToken, owner: Option<&Owner>) -> Result<(), Failure> {
    if scope.with_shared && owner.is_none() {
        let message =
            "+shared is for tokens that are bound to an owner: the others read everything";
        return Err(Failure::new(ExitCode::Usage, message).hint("name the owner with --owner"));
    }
    Ok(())
}

async fn rotate(
    which: &str,
    keep: Duration,
    local: &Local,
    output: &Output,
) -> Result<(), Failure> {
    let secret = random()?;
    let at = now();
    let previous_until = after(at, keep);
    let change =
        TokenChange::Rotate { which: which.into(), hash: secret.hash(), previous_until, at };
    let token = change_token(local, change).await?;
    let said = format!(
        "the new secret of {}, which is shown only now; the old one counts until {previous_until}",
        token.name
    );
    tell(&token, Some(&secret), &said, output)
}

async fn list(local: &Local, output: &Output) -> Result<(), Failure> {
    let tokens = local.store().all_tokens().await.map_err(|error| failed(&error))?;
    if output.is_json() {
        let items: Vec<Value> = tokens.iter().map(as_json).collect();
        return output.json(&json!({ "items": items }));
    }
    if tokens.is_empty() {
        output.note(if is_any_kept(local).await? {
            "no token can be read; `persona check` names those that are damaged"
        } else {
            "there is no token; `persona token create` makes one"
        });
        return Ok(());
    }
    let mut table = Table::new(["NAME", "OWNER", "SCOPE", "STATE", "EXPIRES", "LAST USED", "ID"]);
    for token in &tokens {
        let shared = if token.shared { "+shared" } else { "" };
        let act_as = if token.act_as { "+act-as" } else { "" };
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".into(), seconds);
        table.row([
            token.name.clone(),
            token.owner.clone().unwrap_or_else(|| "-".into()),
            format!("{}{shared}{act_as}", token.scope),
            state(token).into(),
            time(token.expires_at),
            time(token.used_at),
            token.id.to_string(),
        ]);
    }
    output.bytes(table.text().as_bytes())
}

/// Whether there is a token, also one that has ended, or that is damaged and so in no list: then
/// requests need one.
pub(super) async fn is_any_kept(local: &Local) -> Result<bool, Failure> {
    let look = local.store().token(None).await.map_err(|error| failed(&error))?;
    Ok(look != TokenLook::NoneKept)
}

/// A time in whole seconds: enough for people.
fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

fn state(token: &Token) -> &'static str {
    match token.state_of(&token.hash, now()) {
        TokenState::Revoked => "revoked",
        TokenState::Expired => "expired",
        _ => "live",
    }
}

fn as_json(token: &Token) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "owner": token.owner,
        "scope": token.scope.as_str(),
        "shared": token.shared,
        "act_as": token.act_as,
        "state": state(token),
        "created_at": token.created_at.to_string(),
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
        "used_at": time(token.used_at),
        "old_secret_until": time(token.previous.map(|(_, until)| until)),
    })
}

/// Prints a token, with its secret if there is a new one, or the result of a change.
fn tell(
    token: &Token,
    secret: Option<&TokenSecret>,
    said: &str,
    output: &Output,
) -> Result<(), Failure> {
    if output.is_json() {
        let mut shown = as_json(token);
        if let Some(secret) = secret {
            shown["token"] = secret.expose().into();
        }
        return output.json(&shown);
    }
    output.note(said);
    secret.map_or(Ok(()), |secret| output.result(secret.expose()))
}

pub(super) async fn change_token(local: &Local, change: TokenChange) -> Result<Token, Failure> {
    local.store().change_token(change).await.map_err(|error| failed(&error))
}

pub(super) fn failed(error: &Error) -> Failure {
    let hint = "`persona token list` shows every token";
    match error {
        Error::Token(TokenError::Unknown) => {
            Failure::new(ExitCode::NotFound, error.to_string()).hint(hint)
        }
        Error::Token(TokenError::NameTaken) => Failure::new(ExitCode::Conflict, error.to_string())
            .hint(
                "choose another name, or give that token a new secret with `persona token rotate`",
            ),
        Error::Token(_) => Failure::new(ExitCode::Conflict, error.to_string()).hint(hint),
        Error::Busy { .. } | Error::Unreachable | Error::OutcomeUnknown => {
            Failure::new(ExitCode::TryAgain, error.to_string()).hint(hint)
        }
        error => Failure::new(ExitCode::Failure, error.to_string()),
    }
}

pub(super) fn random() -> Result<TokenSecret, Failure> {
    TokenSecret::random().map_err(no_random_numbers)
}

pub(super) fn no_random_numbers(error: getrandom::Error) -> Failure {
    Failure::new(ExitCode::Failure, "the system gives no random numbers").because(error)
}
