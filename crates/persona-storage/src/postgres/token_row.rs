//! The columns of an access token: as the driver takes and gives them.

use persona_model::{Timestamp, UnknownWord};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::Parameter;
use super::error::damaged;
use super::row;
use crate::{Error, Token, TokenHash};

pub(super) const COLUMNS: &str =
    "id, name, hash, previous_hash, previous_until, scope, act_as, owner, shared,
           created_at, expires_at, revoked_at, used_at";

/// A token with the values in the order of [`COLUMNS`].
pub(super) const VALUES: &str = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13";

pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_micros()
}

/// The columns of a token, as the driver takes them.
pub(super) struct Values<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub hash: &'a [u8],
    pub previous_hash: Option<&'a [u8]>,
    pub previous_until: Option<i64>,
    scope: &'static str,
    act_as: bool,
    owner: Option<&'a str>,
    shared: bool,
    created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub used_at: Option<i64>,
}

pub(super) fn values_of(token: &Token) -> Values<'_> {
    let previous = token.previous.as_ref();
    Values {
        id: token.id,
        name: &token.name,
        hash: token.hash.as_bytes(),
        previous_hash: previous.map(|(hash, _)| &hash.as_bytes()[..]),
        previous_until: previous.map(|(_, until)| micros(*until)),
        scope: token.scope.as_str(),
        act_as: token.act_as,
        owner: token.owner.as_deref(),
        shared: token.shared,
        created_at: micros(token.created_at),
        expires_at: token.expires_at.map(micros),
        revoked_at: token.revoked_at.map(micros),
        used_at: token.used_at.map(micros),
    }
}

impl Values<'_> {
    /// In the order of [`COLUMNS`].
    pub(super) fn parameters(&self) -> Vec<Parameter<'_>> {
        vec![
            (&self.id, Type::UUID),
            (&self.name, Type::TEXT),
            (&self.hash, Type::BYTEA),
            (&self.previous_hash, Type::BYTEA),
            (&self.previous_until, Type::INT8),
            (&self.scope, Type::TEXT),
            (&self.act_as, Type::BOOL),
            (&self.owner, Type::TEXT),
            (&self.shared, Type::BOOL),
            (&self.created_at, Type::INT8),
            (&self.expires_at, Type::INT8),
            (&self.revoked_at, Type::INT8),
            (&self.used_at, Type::INT8),
        ]
    }
}

/// A token from neighbouring columns that are null where there is none.
pub(super) fn optional(found: &Row, first: usize) -> Result<Option<Token>, Error> {
    let id: Option<Uuid> = row::value(found, first)?;
    id.map(|_| token(found, first)).transpose()
}

/// A token from neighbouring columns, in the order of [`COLUMNS`].
pub(super) fn token(found: &Row, first: usize) -> Result<Token, Error> {
    let time = |column: usize| -> Result<_, Error> {
        Ok(row::value::<Option<i64>>(found, first + column)?.map(Timestamp::from_micros))
    };
    let scope: &str = row::value(found, first + 5)?;
    let previous: Option<&[u8]> = row::value(found, first + 3)?;
    Ok(Token {
        id: row::value(found, first)?,
        name: row::value(found, first + 1)?,
        hash: hash(row::value(found, first + 2)?)?,
        previous: previous.map(hash).transpose()?.zip(time(4)?),
        scope: scope.parse().map_err(|UnknownWord| damaged(&"the scope of a token is none"))?,
        act_as: row::value(found, first + 6)?,
        owner: row::value(found, first + 7)?,
        shared: row::value(found, first + 8)?,
        created_at: row::time(found, first + 9)?,
        expires_at: time(10)?,
        revoked_at: time(11)?,
        used_at: time(12)?,
    })
}

fn hash(bytes: &[u8]) -> Result<TokenHash, Error> {
    let bytes = bytes.try_into().map_err(|_| damaged(&"the hash of a token is none"))?;
    Ok(TokenHash::from_bytes(bytes))
}
