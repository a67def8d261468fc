//! Flags of `persona token`.

use std::time::Duration;

use clap::{Args, Subcommand};
use persona_model::{OWNER_CHARS_MAX, OWNER_SIGNS, Owner};
use persona_storage::{TokenScope, is_link_name, is_session_name, is_token_name};

use super::DatabaseFile;

/// Longest time that a token may live, in days: ten years. Longer is no limit.
const DAYS_MAX: u64 = 3_660;

/// What stands behind the scope of a token that reads personas without an owner too.
const SHARED: &str = "+shared";

/// Arguments of `token`.
#[derive(Args, Debug)]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
}

/// What to do with tokens.
#[derive(Subcommand, Debug)]
pub enum TokenAction {
    /// Make a token and print it; it cannot be printed again.
    Create(TokenCreate),
    /// List tokens: names, scopes and times; never the tokens themselves.
    List(DatabaseFile),
    /// End a token: when this returns, no server accepts it any more.
    Revoke(TokenSubject),
    /// Give a token a new secret and print it; the old one counts for a while.
    Rotate(TokenRotate),
    /// Print a link that signs a browser in to the studio, once.
    Link(TokenLink),
    /// Forget a token, which ends it too. Without any token a server on loopback is open.
    Delete(TokenSubject),
}

/// Arguments of `token create`.
#[derive(Args, Debug)]
pub struct TokenCreate {
    /// Its name, which is the author of what is changed with it.
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// What it permits: read, write (to change personas too) or admin (everything). With --owner,
    /// read+shared and so on let it read personas without an owner too.
    #[arg(long, value_name = "WORD", value_parser = scope)]
    pub scope: ScopeOfToken,
    /// Bind it to this owner: it reads and changes the personas of this owner, and there are no
    /// others for it.
    #[arg(long, value_name = "NAME", value_parser = owner)]
    pub owner: Option<Owner>,
    /// For how long it counts, such as 90d or 12h; for ever when not given.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub expires: Option<Duration>,
    /// Let its requests name other authors.
    #[arg(long)]
    pub act_as: bool,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
    /// Make a new database where there is none yet.
    #[arg(long = "create", help_heading = "Where")]
    pub new_database: bool,
}

/// Arguments of `token link`.
#[derive(Args, Debug)]
pub struct TokenLink {
    /// What the browser may do: read, write or admin. With --owner also read+shared and so on.
    /// What writes may name its authors, as with --act-as of other tokens.
    #[arg(long, value_name = "WORD", value_parser = scope, default_value = "admin")]
    pub scope: ScopeOfToken,
    /// Bind it to this owner: there are no personas of others for it.
    #[arg(long, value_name = "NAME", value_parser = owner)]
    pub owner: Option<Owner>,
    /// For how long the link counts. What it signs in stays signed in for 7 days.
    #[arg(long, value_name = "TIME", value_parser = lifetime, default_value = "10m")]
    pub expires: Duration,
    /// Where browsers reach the server; by default where the server that has the database open
    /// listens, or else the address in the settings.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
}

/// The scope of a token as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopeOfToken {
    /// What it permits.
    pub scope: TokenScope,
    /// Whether it reads personas without an owner too.
    pub with_shared: bool,
}

/// Which token.
#[derive(Args, Debug)]
pub struct TokenSubject {
    /// Name or id of the token.
    pub token: String,
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseFile,
}

/// Arguments of `token rotate`.
#[derive(Args, Debug)]
pub struct TokenRotate {
    /// Which token.
    #[command(flatten)]
    pub subject: TokenSubject,
    /// For how long the old secret counts, such as 24h; 0 to end it now.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "24h")]
    pub keep: Duration,
}

/// Reads the name of a token.
fn name(text: &str) -> Result<String, String> {
    if is_link_name(text) || is_session_name(text) {
        return Err("names that begin so are those of links and sessions of the studio".into());
    }
    if is_token_name(text) {
        return Ok(text.into());
    }
    Err("a name has 1 to 64 letters, digits, dots, underscores and hyphens, and begins with a \
         letter or digit"
        .into())
}

/// Reads a scope, with `+shared` behind it or not.
fn scope(text: &str) -> Result<ScopeOfToken, String> {
    let (word, with_shared) = match text.strip_suffix(SHARED) {
        Some(word) => (word, true),
        None => (text, false),
    };
    let words = TokenScope::ALL.map(TokenScope::as_str).join(", ");
    let scope = word.parse().map_err(|_| format!("a scope is one of {words}, or with {SHARED}"))?;
    Ok(ScopeOfToken { scope, with_shared })
}

/// Reads the name of an owner.
fn owner(text: &str) -> Result<Owner, String> {
    text.parse().map_err(|_| {
        format!(
            "an owner has 1 to {OWNER_CHARS_MAX} letters, digits and {OWNER_SIGNS}, and begins with a \
             letter or digit"
        )
    })
}

/// What the tests take for a token that has run out: no other build knows of it.
#[cfg(feature = "faults")]
const RUN_OUT: &str = "run-out";

/// Reads for how long something counts: a time with its unit that is not nothing.
fn lifetime(text: &str) -> Result<Duration, String> {
    #[cfg(feature = "faults")]
    if text == RUN_OUT {
        return Ok(Duration::ZERO);
    }
    match time(text)? {
        Duration::ZERO => Err("a time of nothing: the least is 1s".into()),
        time => Ok(time),
    }
}

/// Reads a time with its unit; nothing needs none.
fn time(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong =
        || format!("a time is a number of s, m, h or d, such as 90d, and at most {DAYS_MAX}d");
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let time = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    let within = time.filter(|time| *time <= DAYS_MAX * 86_400);
    within.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use persona_storage::TokenScope;

    use super::{ScopeOfToken, lifetime, scope, time};

    #[test]
    fn a_scope_is_a_word_that_may_have_shared_behind_it() {
        let of = |scope, with_shared| Ok(ScopeOfToken { scope, with_shared });
        assert_eq!(scope("read"), of(TokenScope::Read, false));
        assert_eq!(scope("write+shared"), of(TokenScope::Write, true));
        for text in ["", "+shared", "shared", "read+", "read+act-as", "Read", "read+shared+shared"]
        {
            assert!(scope(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit_and_an_end() {
        for (text, seconds) in
            [("0", 0), ("0s", 0), ("5m", 300), ("24h", 86_400), ("3660d", 316_224_000)]
        {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "9", "00", "d", "-1d", "1.5d", "1 d", "3661d", "99999999999999999999d", "1w", "1ä"]
        {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_counts_for_no_time() {
        assert_eq!(lifetime("1s"), Ok(Duration::from_secs(1)));
        for text in ["0", "0s", "0m", "0h", "0d", "00d", "d"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
