//! Access tokens: how they are read, and changed by one statement each.
//!
//! What a process has read of a token it believes for [`LEASE`] (`token_lease.rs`). So a change
//! that takes something away is answered only when that time is over everywhere: every process on
//! every machine has then read it, or refuses.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Parameter, Statement};
use super::pool::Pool;
use super::shared_reader::SharedReader;
use super::token_lease::{LEASE, Lease, TokenLeases};
use super::token_row::{COLUMNS, VALUES, micros, optional, token, values_of};
use super::{row, status};
use crate::token::{Decision, Kept, TOKENS_OF_OWNER_MAX, decide};
use crate::{
    Error, Token, TokenChange, TokenError, TokenHash, TokenLook, TokenPage, fault_injection,
};

/// How much longer than [`LEASE`] a change waits. Clocks of two machines may drift by a few seconds
/// in an hour, which is a hundredth of this margin in the time of a lease.
const LEASE_MARGIN: Duration = Duration::from_millis(500);
/// Most attempts of a change while other processes change the same token.
const ATTEMPTS_MAX: u32 = 5;

/// A change is for the schema that this program knows; after a transfer to another database, it
/// violates a constraint.
const IN_KNOWN_SCHEMA: &str = "(SELECT schema_version FROM persona_store.about) = $";

/// The token that asks for a change counts still, and so does the secret of its client as the
/// newest one. Its identity is the parameter at this place, which is null for a change of a
/// program, and the hash of the secret is the next one. The row is locked, so that the change waits
/// for a revocation or rotation that is being committed, and these for the change. So a token that
/// was revoked, and a secret that was replaced, makes no other after that was answered.
fn on_behalf(place: usize) -> String {
    let secret = place + 1;
    format!(
        "(${place} IS NULL OR EXISTS (
             SELECT 1 FROM persona_store.tokens AS own
             WHERE own.id = ${place} AND own.hash = ${secret} AND own.revoked_at IS NULL
             FOR SHARE))"
    )
}

/// The tokens of one process.
pub(super) struct Tokens {
    pool: Pool,
    reader: Arc<Reader>,
    io_thread: Handle,
}

/// Reads tokens, and notes when it did.
struct Reader {
    shared_reader: Arc<SharedReader>,
    leases: TokenLeases,
}

impl Tokens {
    pub(super) fn new(pool: Pool, shared_reader: Arc<SharedReader>, io_thread: Handle) -> Self {
        let reader = Arc::new(Reader { shared_reader, leases: TokenLeases::default() });
        Self { pool, reader, io_thread }
    }

    /// What is known of a secret, while it may be believed; `None` where it has to be read.
    pub(super) fn believed(&self, hash: Option<&TokenHash>) -> Option<TokenLook> {
        match self.reader.leases.look(hash) {
            Lease::None => None,
            Lease::Fresh(look) => Some(look),
            Lease::Ageing(look) => {
                let (reader, hash) = (Arc::clone(&self.reader), hash.copied());
                self.io_thread.spawn(async move {
                    if reader.read(hash.as_ref()).await.is_err() {
                        reader.leases.not_read(hash.as_ref());
                    }
                });
                Some(look)
            }
        }
    }

    /// What there is of a secret.
    pub(super) async fn look(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        match self.believed(hash) {
            Some(look) => Ok(look),
            None => self.reader.read(hash).await,
        }
    }

    /// One page of the tokens, in the order of their names.
    pub(super) async fn page(&self, page: &TokenPage) -> Result<Vec<Token>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM persona_store.tokens
             WHERE name > $1 AND ($2 IS NULL OR owner = $2)
             ORDER BY name
             LIMIT $3"
        );
        let after = page.after.as_deref().unwrap_or_default();
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        let values: [Parameter<'_>; 3] =
            [(&after, Type::TEXT), (&page.owner, Type::TEXT), (&limit, Type::INT8)];
        let rows = self.pool.read(Statement::Once(&sql), &values).await?;
        rows.iter().map(|found| token(found, 0)).collect()
    }

    /// Changes a token, and waits until the change is in force everywhere.
    pub(super) async fn change(&self, change: TokenChange) -> Result<Token, Error> {
        let (token, count) = self.apply(&change).await?;
        // Before the first token, requests needed none; so a first token takes something away too.
        let closes = change.created().is_some() && count <= 1;
        if change.withdraws() || closes {
            tokio::time::sleep(LEASE + LEASE_MARGIN).await;
        }
        Ok(token)
    }

    /// Commits a change; also returns the number of tokens when it was decided.
    ///
    /// A first token that may have been kept does not stay behind an error: no client would know
    /// its secret, and none could make another one.
    async fn apply(&self, change: &TokenChange) -> Result<(Token, u64), Error> {
        let mut first = None;
        let applied = self.try_apply(change, &mut first).await;
        if let (Err(_), Some(id)) = (&applied, first) {
            self.remove(id).await.map_err(|_| Error::OutcomeUnknown)?;
        }
        applied
    }

    /// The same; `first` becomes the identity of a first token that was sent. Each statement may be
    /// repeated, because its effect is found when the token is read again.
    async fn try_apply(
        &self,
        change: &TokenChange,
        first: &mut Option<Uuid>,
    ) -> Result<(Token, u64), Error> {
        let mut removed = None;
        for _ in 0..ATTEMPTS_MAX {
            let (found, count) = self.find(change).await?;
            if let (None, Some(removed)) = (&found, removed.take()) {
                return Ok((removed, count));
            }
            let before = found.clone();
            let own = self.of_authority(change).await?;
            let kept = self.kept(change, count).await?;
            let decision = decide(change, found, own.as_ref(), &kept)?;
            let rows = match (&decision, &before) {
                (Decision::Unchanged(token), _) => return Ok((token.clone(), count)),
                (Decision::Insert(token), _) => {
                    *first = change.must_be_first().then_some(token.id);
                    self.insert(token, change, None).await?
                }
                (Decision::Replace { token, ended }, _) => {
                    self.insert(token, change, Some(*ended)).await?
                }
                (Decision::Update(token), Some(before)) => {
                    self.update(before, token, change).await?
                }
                (Decision::Remove(token), _) => {
                    removed = Some(token.clone());
                    self.remove(token.id).await?
                }
                (Decision::Update(_), None) => return Err(TokenError::Unknown.into()),
            };
            if !rows.is_empty() {
                let token = decision.into_token();
                if change.must_be_first() {
                    self.stays_the_only_one(&token).await?;
                }
                return Ok((token, count));
            }
            if !status::knows_the_schema(&self.pool).await? {
                return Err(Error::Closed("the schema has another version"));
            }
        }
        Err(Error::Busy { what: "others that change the same token" })
    }

    async fn find(&self, change: &TokenChange) -> Result<(Option<Token>, u64), Error> {
        let (name, id) = change.subject();
        let sql = format!(
            "SELECT kept.tokens, {COLUMNS}
             FROM (SELECT count(*) AS tokens FROM persona_store.tokens) AS kept
             LEFT JOIN persona_store.tokens ON name = $1 OR id = $2"
        );
        let values: [Parameter<'_>; 2] = [(&name, Type::TEXT), (&id, Type::UUID)];
        let rows = self.pool.read(Statement::Once(&sql), &values).await?;
        let found = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        Ok((optional(found, 1)?, row::number(found, 0)?))
    }

    /// The token that asks for the change, as it is now.
    async fn of_authority(&self, change: &TokenChange) -> Result<Option<Token>, Error> {
        let Some((id, _)) = change.authority() else { return Ok(None) };
        let sql = format!("SELECT {COLUMNS} FROM persona_store.tokens WHERE id = $1");
        let rows = self.pool.read(Statement::Once(&sql), &[(&id, Type::UUID)]).await?;
        rows.first().map(|found| token(found, 0)).transpose()
    }

    /// Refuses a token that was to be the first, if another one was made at the same time. Of
    /// several at once, at most one stays, and maybe none: each process looks after its commit.
    async fn stays_the_only_one(&self, token: &Token) -> Result<(), Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM persona_store.tokens WHERE id <> $1)";
        let rows = self.pool.read(Statement::Once(sql), &[(&token.id, Type::UUID)]).await?;
        let found = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        if row::value(found, 0)? { Err(TokenError::NotFirst.into()) } else { Ok(()) }
    }

    /// The tokens that there are, of which `all` is the number.
    async fn kept(&self, change: &TokenChange, all: u64) -> Result<Kept, Error> {
        let Some((owner, now)) = change.share() else { return Ok(Kept { all, ..Kept::default() }) };
        let sql = "SELECT count(*) FROM persona_store.tokens WHERE owner = $1";
        let rows = self.pool.read(Statement::Once(sql), &[(&owner, Type::TEXT)]).await?;
        let found = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        let of_owner = row::number(found, 0)?;
        let mut ended = None;
        if of_owner >= TOKENS_OF_OWNER_MAX {
            let sql = format!(
                "SELECT {COLUMNS} FROM persona_store.tokens
                 WHERE owner = $1 AND (revoked_at IS NOT NULL OR expires_at <= $2)
                 ORDER BY least(revoked_at, expires_at), name
                 LIMIT 1"
            );
            let values: [Parameter<'_>; 2] = [(&owner, Type::TEXT), (&micros(now), Type::INT8)];
            let rows = self.pool.read(Statement::Once(&sql), &values).await?;
            ended = rows.first().map(|found| token(found, 0)).transpose()?;
        }
        Ok(Kept { all, of_owner, ended })
    }

    /// Stores a new token, in place of an ended one where that is named. Another process may have
    /// removed that one meanwhile: then nothing is stored.
    async fn insert(
        &self,
        token: &Token,
        change: &TokenChange,
        ended: Option<Uuid>,
    ) -> Result<Vec<Row>, Error> {
        let values = values_of(token);
        let sql = format!(
            "WITH removed AS (DELETE FROM persona_store.tokens WHERE id = $17 RETURNING id)
             INSERT INTO persona_store.tokens ({COLUMNS})
             SELECT {VALUES}
             WHERE {IN_KNOWN_SCHEMA}14 AND {} AND ($17 IS NULL OR EXISTS (SELECT 1 FROM removed))
             ON CONFLICT DO NOTHING
             RETURNING id",
            on_behalf(15)
        );
        let (version, authority) = (super::migrate::stored_version(), Authority::of(change));
        let mut parameters = values.parameters();
        parameters.push((&version, Type::INT4));
        parameters.extend(authority.parameters());
        parameters.push((&ended, Type::UUID));
        self.pool.read(Statement::Once(&sql), &parameters).await
    }

    /// Writes what can change of a token, if it is still as it was read.
    async fn update(
        &self,
        before: &Token,
        token: &Token,
        change: &TokenChange,
    ) -> Result<Vec<Row>, Error> {
        let values = values_of(token);
        let sql = format!(
            "UPDATE persona_store.tokens
             SET hash = $2, previous_hash = $3, previous_until = $4, revoked_at = $5, used_at = $6, name = $10, expires_at = $11
             WHERE id = $1 AND hash = $7 AND revoked_at IS NOT DISTINCT FROM $8 AND {IN_KNOWN_SCHEMA}9
                   AND {}
             RETURNING id",
            on_behalf(12)
        );
        let authority = Authority::of(change);
        let (hash, revoked) = (&before.hash.as_bytes()[..], before.revoked_at.map(micros));
        let version = super::migrate::stored_version();
        let [own, secret] = authority.parameters();
        let parameters: [Parameter<'_>; 13] = [
            (&values.id, Type::UUID),
            (&values.hash, Type::BYTEA),
            (&values.previous_hash, Type::BYTEA),
            (&values.previous_until, Type::INT8),
            (&values.revoked_at, Type::INT8),
            (&values.used_at, Type::INT8),
            (&hash, Type::BYTEA),
            (&revoked, Type::INT8),
            (&version, Type::INT4),
            (&values.name, Type::TEXT),
            (&values.expires_at, Type::INT8),
            own,
            secret,
        ];
        self.pool.read(Statement::Once(&sql), &parameters).await
    }

    async fn remove(&self, id: Uuid) -> Result<Vec<Row>, Error> {
        let version = super::migrate::stored_version();
        let sql = format!(
            "DELETE FROM persona_store.tokens WHERE id = $1 AND {IN_KNOWN_SCHEMA}2 RETURNING id"
        );
        let parameters: [Parameter<'_>; 2] = [(&id, Type::UUID), (&version, Type::INT4)];
        self.pool.read(Statement::Once(&sql), &parameters).await
    }
}

/// The parameters of [`on_behalf`].
struct Authority {
    id: Option<Uuid>,
    secret: Option<Vec<u8>>,
}

impl Authority {
    fn of(change: &TokenChange) -> Self {
        let (id, secret) = change.authority().unzip();
        Self { id, secret: secret.map(|hash| hash.as_bytes().to_vec()) }
    }

    fn parameters(&self) -> [Parameter<'_>; 2] {
        [(&self.id, Type::UUID), (&self.secret, Type::BYTEA)]
    }
}

impl Reader {
    /// Reads a token, and believes it from before it asked.
    async fn read(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        let asked = self.leases.now();
        let sql = format!(
            "SELECT kept.tokens, {COLUMNS}
             FROM (SELECT EXISTS (SELECT 1 FROM persona_store.tokens) AS tokens) AS kept
             LEFT JOIN persona_store.tokens ON hash = $1 OR previous_hash = $1"
        );
        let wanted = hash.map(|hash| &hash.as_bytes()[..]);
        let rows = self.shared_reader.read(&sql, &[(&wanted, Type::BYTEA)]).await?;
        let found = rows.first().ok_or(Error::Closed("the schema is gone"))?;
        let look = match (optional(found, 1)?, row::value(found, 0)?) {
            (Some(token), _) => TokenLook::Known(Arc::new(token)),
            (None, true) => TokenLook::Unknown,
            (None, false) => TokenLook::NoneKept,
        };
        let look = fault_injection::token_look(look);
        self.leases.keep(asked, hash, &look);
        Ok(look)
    }
}
