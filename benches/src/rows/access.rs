//! Reads with a token, reads over encrypted connections, and requests for personas of many owners,
//! each beside requests without: what they cost a kept connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use persona_model::Clock;
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{NoObserver, Store, Token, TokenChange, TokenScope, TokenSecret};
use persona_test_support::Authority;

use super::reads::row;
use crate::Result;
use crate::personas::{self, USUAL_BYTES};
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};

/// Tokens in the store beside the token that is used.
const OTHER_TOKENS: usize = 10_000;
/// Owners of the personas of a store, each of as many as any other.
const OWNERS: u64 = 10_000;

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, folder) = (&session.options, tempfile::tempdir()?);
    let start_on = |database: PathBuf, flags: &[_]| -> Result<_> {
        let ours = Ours::start_with(&database, options.workers(), "normal", flags)?;
        Ok((database, ours))
    };
    let (cert, key) = Authority::new(folder.path()).issue("server");
    let flags = ["--tls-cert".into(), cert.into(), "--tls-key".into(), key.into()];
    let start = |name, flags: &[_]| start_on(session.store(name)?, flags);
    // Each server has a copy of the store, so that none waits for the write lock of another; only
    // one is under load at a time.
    let (_, plain) = start("access-plain", &[])?;
    let (database, guarded) = start("access-token", &[])?;
    let (_, encrypted) = start("access-tls", &flags)?;
    let (_, owned) = start_on(store_of_owners(session)?, &[])?;
    let token = add_tokens(&database)?;
    let plain = Aim::api(plain.server.url(), options.personas);
    let guarded = Aim { url: guarded.server.url(), ..plain.clone() }.with("Authorization", &token);
    // wrk builds each request anew, so that a further header field costs wrk as much as the server.
    let as_long = plain.clone().with("X-Nothing-Set", &token);
    let encrypted = Aim { url: encrypted.server.url(), ..plain.clone() };
    let owned = Aim { url: owned.server.url(), ..plain.clone() };
    let tokens = beside(session, Load::Get, &guarded, &as_long)?;
    let tls = beside(session, Load::Get, &encrypted, &plain)?;
    let reads_of_owners = beside(session, Load::Get, &owned, &plain)?;
    let writes_of_owners = beside(session, Load::Patch, &owned, &plain)?;
    let requests = |what: &str, target, pairs: &[(Measured, Measured)]| {
        row(what, "requests/s", Target::RatioAtLeast(target), pairs, |load| load.rate)
    };
    Ok(vec![
        requests("GET by id with one of 10,001 tokens, beside a field as long", 0.95, &tokens),
        requests("GET by id over TLS on kept connections, beside plain ones", 0.8, &tls),
        row("p99 of GET over TLS beside plain", "ms", Target::None, &tls, |load| load.p99),
        requests(
            "GET by id of personas of 10,000 owners, beside ones of none",
            0.95,
            &reads_of_owners,
        ),
        // Without a target: a change of an owned persona moves its entry in one index more, by
        // owner and time of the change, and the entries of 10,000 owners lie on as many pages.
        row(
            "PATCH of personas of 10,000 owners, beside ones of none",
            "requests/s",
            Target::None,
            &writes_of_owners,
            |load| load.rate,
        ),
    ])
}

/// Requests in pairs. The first pair warms both servers up and is thrown away.
fn beside(
    session: &Session,
    load: Load,
    one: &Aim,
    other: &Aim,
) -> Result<Vec<(Measured, Measured)>> {
    session.load(one, load)?;
    session.load(other, load)?;
    session.pairs(|| session.load(one, load), || session.load(other, load))
}

/// A store as the others, but for the owners of its personas.
fn store_of_owners(session: &Session) -> Result<PathBuf> {
    let personas = session.options.personas;
    let name = format!("personas-{personas}-{USUAL_BYTES}-owned.db");
    let filled = personas::filled_with(&session.place, &name, personas, |number| {
        let mut document = personas::document(number, USUAL_BYTES);
        document["owner"] = format!("owner-{}", number % OWNERS).into();
        document
    })?;
    personas::copied(&session.place, &filled, "access-owners")
}

/// Makes tokens in the store of a running server, and returns the header field of the last token.
fn add_tokens(database: &Path) -> Result<String> {
    let store =
        SqliteStore::open(Settings::new(database), Arc::new(SystemClock), Arc::new(NoObserver))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut value = String::new();
    for number in 0..=OTHER_TOKENS {
        let secret = TokenSecret::random()?;
        let name = format!("client {number}");
        let token = Token::new(name, secret.hash(), TokenScope::Read, SystemClock.now())?;
        runtime.block_on(store.change_token(TokenChange::Create(token)))?;
        value = format!("Bearer {}", secret.expose());
    }
    Ok(value)
}
