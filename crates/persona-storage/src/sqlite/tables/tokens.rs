//! Rows of `tokens`: access tokens. Each row has a checksum, which is verified when the row is
//! read: a damaged row lets no request in, does not count, and is in no list. It can be ended like
//! every other one, and stands in the way of none.

use persona_model::{Timestamp, UnknownWord};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use super::row;
use crate::sqlite::error::{damage, from_driver};
use crate::token::{Decision, Kept, TOKENS_OF_OWNER_MAX, decide, decide_damaged};
use crate::{Error, Token, TokenChange, TokenHash, TokenLook, TokenPage, TokenScope};

/// The first schema version with tokens.
pub(crate) const TOKENS_SINCE: u32 = 10;

const COLUMNS: &str = "id, name, hash, previous_hash, previous_until, scope, act_as, owner, shared,
                       created_at, expires_at, revoked_at, used_at, checksum";

/// The row of the token that a change is about.
enum Found {
    /// The token.
    Sound(Token),
    /// The row does not fit its checksum.
    Damaged {
        row_id: i64,
        /// What can still be read of the token.
        remains: Token,
        /// Why the row is not believed.
        error: rusqlite::Error,
    },
}

/// The token with a secret of this hash, or whether there is any.
pub(crate) fn look(
    connection: &Connection,
    hash: Option<&TokenHash>,
) -> rusqlite::Result<TokenLook> {
    let found = match hash {
        Some(hash) => connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM tokens WHERE hash = ?1 OR previous_hash = ?1"
            ))?
            .query_row([hash.as_bytes()], token)
            .optional()?,
        None => None,
    };
    if let Some(found) = found {
        return Ok(TokenLook::Known(found.into()));
    }
    let is_any = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tokens)")?
        .query_row([], |found| found.get(0))?;
    Ok(if is_any { TokenLook::Unknown } else { TokenLook::NoneKept })
}

/// Every token, in the order of their names. A damaged one is an error: a copy would leave it out.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Token>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM tokens ORDER BY name"))?;
    statement.query_map([], token)?.collect()
}

/// One page of the tokens, in the order of their names, without those that are damaged.
pub(crate) fn page(connection: &Connection, page: &TokenPage) -> rusqlite::Result<Vec<Token>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM tokens
         WHERE name > :after AND (:owner IS NULL OR owner = :owner)
         ORDER BY name"
    ))?;
    let after = page.after.as_deref().unwrap_or_default();
    let mut rows = statement.query(named_params! { ":after": after, ":owner": page.owner })?;
    let mut tokens = Vec::new();
    while tokens.len() < page.limit
        && let Some(found) = rows.next()?
    {
        tokens.extend(token(found));
    }
    Ok(tokens)
}

/// The number of tokens that are valid by the clock of the system, and of all tokens, damaged ones
/// included.
pub(crate) fn counts(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let mut statement = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM tokens
         WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > unixepoch() * 1000000)"
    ))?;
    let mut rows = statement.query([])?;
    let mut valid = 0;
    while let Some(found) = rows.next()? {
        valid += u64::from(token(found).is_ok());
    }
    let all =
        connection.query_row("SELECT count(*) FROM tokens", [], |found| row::number(found, 0))?;
    Ok((valid, all))
}

/// Changes a token, in the transaction that is open.
pub(crate) fn change(connection: &Connection, change: &TokenChange) -> Result<Token, Error> {
    let (name, id) = change.subject();
    let found = find(connection, name, id).map_err(from_driver)?;
    let authority = change.authority();
    let own = authority.map(|(id, _)| find(connection, None, Some(id))).transpose();
    let own = match own.map_err(from_driver)?.flatten() {
        Some(Found::Sound(own)) => Some(own),
        Some(Found::Damaged { .. }) | None => None,
    };
    let kept = kept(connection, change).map_err(from_driver)?;
    let found = match found {
        None => None,
        Some(Found::Sound(found)) => Some(found),
        Some(Found::Damaged { row_id, remains, error }) => {
            let decided = decide_damaged(change, remains, own.as_ref(), &kept);
            let ended = decided.ok_or_else(|| from_driver(error))??;
            remove_row(connection, row_id).map_err(from_driver)?;
            return Ok(ended);
        }
    };
    let decision = decide(change, found, own.as_ref(), &kept)?;
    let write = || match &decision {
        Decision::Unchanged(_) => Ok(()),
        Decision::Insert(token) | Decision::Update(token) => put(connection, token),
        Decision::Replace { token, ended } => {
            remove(connection, *ended)?;
            put(connection, token)
        }
        Decision::Remove(token) => remove(connection, token.id),
    };
    write().map_err(from_driver)?;
    Ok(decision.into_token())
}

/// Stores a token, in place of the one with the same identity.
pub(crate) fn put(connection: &Connection, token: &Token) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO tokens (id, name, hash, previous_hash, previous_until, scope, act_as, owner, shared,
                                 created_at, expires_at, revoked_at, used_at, checksum)
             VALUES (:id, :name, :hash, :previous_hash, :previous_until, :scope, :act_as, :owner, :shared,
                     :created_at, :expires_at, :revoked_at, :used_at, :checksum)
             ON CONFLICT (id) DO UPDATE
             SET name = excluded.name, hash = excluded.hash, previous_hash = excluded.previous_hash,
                 previous_until = excluded.previous_until, scope = excluded.scope, act_as = excluded.act_as,
                 owner = excluded.owner, shared = excluded.shared, created_at = excluded.created_at,
                 expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, used_at = excluded.used_at,
                 checksum = excluded.checksum",
        )?
        .execute(named_params! {
            ":id": token.id.as_bytes(),
            ":name": token.name,
            ":hash": token.hash.as_bytes(),
            ":previous_hash": token.previous.as_ref().map(|(hash, _)| hash.as_bytes()),
            ":previous_until": token.previous.as_ref().map(|(_, until)| until.as_micros()),
            ":scope": token.scope.as_str(),
            ":act_as": token.act_as,
            ":owner": token.owner,
            ":shared": token.shared,
            ":created_at": token.created_at.as_micros(),
            ":expires_at": token.expires_at.map(Timestamp::as_micros),
            ":revoked_at": token.revoked_at.map(Timestamp::as_micros),
            ":used_at": token.used_at.map(Timestamp::as_micros),
            ":checksum": token.checksum(),
        })
        .map(drop)
}

/// Forgets all tokens.
pub(crate) fn remove_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM tokens", []).map(drop)
}

/// The faults of tokens, one text for each.
pub(crate) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare(&format!("SELECT {COLUMNS} FROM tokens ORDER BY row_id"))?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let Some(found) = rows.next()? {
        if let Err(error) = token(found) {
            faults.push(error.to_string());
        }
    }
    Ok(faults)
}

fn remove(connection: &Connection, id: Uuid) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM tokens WHERE id = ?1")?
        .execute([id.as_bytes()])
        .map(drop)
}

/// Removes a row whatever is in its columns.
fn remove_row(connection: &Connection, row_id: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM tokens WHERE row_id = ?1", [row_id]).map(drop)
}

fn find(
    connection: &Connection,
    name: Option<&str>,
    id: Option<Uuid>,
) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, row_id FROM tokens WHERE name = ?1 OR id = ?2"
        ))?
        .query_row(params![name, id.map(Uuid::into_bytes)], |found| match token(found) {
            Ok(token) => Ok(Found::Sound(token)),
            Err(error) => {
                Ok(Found::Damaged { row_id: found.get(14)?, remains: remains(found), error })
            }
        })
        .optional()
}

/// What can be read of a damaged row, for the answer to the client that ends the token. Nothing of
/// it is believed.
fn remains(found: &Row<'_>) -> Token {
    let time = |column| found.get(column).ok().map(Timestamp::from_micros);
    let scope: String = found.get(5).unwrap_or_default();
    Token {
        id: Uuid::from_bytes(found.get(0).unwrap_or_default()),
        name: found.get(1).unwrap_or_default(),
        hash: TokenHash::from_bytes(found.get(2).unwrap_or_default()),
        previous: None,
        scope: scope.parse().unwrap_or(TokenScope::Read),
        act_as: found.get(6).unwrap_or_default(),
        owner: found.get(7).unwrap_or_default(),
        shared: found.get(8).unwrap_or_default(),
        created_at: time(9).unwrap_or(Timestamp::from_micros(0)),
        expires_at: time(10),
        revoked_at: time(11),
        used_at: time(12),
    }
}

fn kept(connection: &Connection, change: &TokenChange) -> rusqlite::Result<Kept> {
    let all = connection
        .prepare_cached("SELECT count(*) FROM tokens")?
        .query_row([], |found| row::number(found, 0))?;
    let Some((owner, now)) = change.share() else { return Ok(Kept { all, ..Kept::default() }) };
    let of_owner = connection
        .prepare_cached("SELECT count(*) FROM tokens WHERE owner = ?1")?
        .query_row([owner], |found| row::number(found, 0))?;
    let mut ended = None;
    if of_owner >= TOKENS_OF_OWNER_MAX {
        // A damaged token makes no room, and does not hide one that does.
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM tokens
             WHERE owner = ?1 AND (revoked_at IS NOT NULL OR expires_at <= ?2)
             ORDER BY min(coalesce(revoked_at, expires_at), coalesce(expires_at, revoked_at)), name"
        ))?;
        let mut rows = statement.query(params![owner, now.as_micros()])?;
        while ended.is_none()
            && let Some(found) = rows.next()?
        {
            ended = token(found).ok();
        }
    }
    Ok(Kept { all, of_owner, ended })
}

fn token(found: &Row<'_>) -> rusqlite::Result<Token> {
    let time = |column| -> rusqlite::Result<_> {
        Ok(found.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
    };
    let scope: String = found.get(5)?;
    let unknown = |UnknownWord| rusqlite::Error::InvalidColumnType(5, "scope".into(), Type::Text);
    let token = Token {
        id: Uuid::from_bytes(found.get(0)?),
        name: found.get(1)?,
        hash: TokenHash::from_bytes(found.get(2)?),
        previous: found.get::<_, Option<_>>(3)?.map(TokenHash::from_bytes).zip(time(4)?),
        scope: scope.parse().map_err(unknown)?,
        act_as: found.get(6)?,
        owner: found.get(7)?,
        shared: found.get(8)?,
        created_at: row::time(found, 9)?,
        expires_at: time(10)?,
        revoked_at: time(11)?,
        used_at: time(12)?,
    };
    if token.checksum() == found.get::<_, u32>(13)? {
        Ok(token)
    } else {
        Err(damage(format!("the token {:?} does not fit its checksum", token.name)))
    }
}
