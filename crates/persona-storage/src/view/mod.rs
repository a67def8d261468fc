//! The guard between doors and the personas of a store: it knows the client of each request and
//! what the client reaches.
//!
//! A [`GuardedStore`] gives no persona away and takes no change but through a [`View`], and a view
//! needs a [`Viewer`]. So a new route cannot forget to say for which client it asks, and what it
//! asks for is bounded without its doing. What is not reached is answered as if it never existed.
//!
//! A write is decided inside its transaction, by the owner of the row that it changes
//! (`decide.rs`).
//! A list and an export have the owners in their statements. What a read of one persona found is
//! judged by its own text, because every representation names its owner; where the read failed, by
//! the owner in its row. A past revision may name
//! another: it is judged by the owner that the persona has after it was read, and so are labels and
//! their moves, which name no owner.

mod labels;
mod owners;
mod positions;
mod tokens;

pub use owners::{Owners, Reached};

use std::sync::Arc;

use persona_model::{Document, HandleName, PersonaId, Reach, Revision, owner_word_in};
use uuid::Uuid;

use crate::fault_injection::{InjectedFault, is_on};
use crate::{
    AtomicBatch, Count, CountRequest, Error, Export, ExportRequest, Glance, HandleLook,
    HandleTarget, NotApplied, Operation, Purge, Representation, RevisionPage, RevisionRecord,
    Status, Store, Token, TokenChange, TokenHash, TokenLook, Tombstone, Write, Written,
};

/// The client of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Viewer {
    reach: Reach,
    /// The identity of the token, which idempotency keys count for, and the hash of the secret
    /// with which the client came; `None` for clients without a token.
    token: Option<(Uuid, TokenHash)>,
}

impl Viewer {
    /// A program that is trusted, or a client of a server that needs no token.
    pub const fn trusted() -> Self {
        Self { reach: Reach::Everything, token: None }
    }

    /// The client with this token, which came with the secret of this hash. `None` where the token
    /// is bound to what no owner can be called.
    pub fn of(token: &Token, secret: &TokenHash) -> Option<Self> {
        let reach = match &token.owner {
            None => Reach::Everything,
            Some(owner) => Reach::Owner { owner: owner.parse().ok()?, with_shared: token.shared },
        };
        Some(Self { reach, token: Some((token.id, *secret)) })
    }

    /// Which personas it reaches.
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it is bound to an owner.
    pub fn is_bound(&self) -> bool {
        self.reach.owner().is_some()
    }

    /// Whether the viewer may read this representation.
    fn sees(&self, found: &Representation) -> bool {
        !self.is_bound()
            || is_on(InjectedFault::OverlookOwners)
            || owner_word_in(&found.body).is_some_and(|word| self.reach.sees(word))
    }

    /// Makes a key of a client one of this viewer: the same key of another one is another key.
    pub(crate) fn own_key(&self, key: &mut String) {
        if let Some((token, _)) = self.token
            && !is_on(InjectedFault::ShareKeys)
        {
            // No key of a client has a blank.
            *key = format!("{token} {key}");
        }
    }

    /// The same write on behalf of this viewer: with keys of its own, and with its owner where a
    /// document has none.
    fn own(&self, mut write: Write) -> Write {
        let replaced = write.squash.as_mut().and_then(|squash| squash.key.as_mut());
        let own = write.idempotency.as_mut().map(|wanted| &mut wanted.key);
        own.into_iter().chain(replaced).for_each(|key| self.own_key(key));
        if let (
            Some(owner),
            Operation::Create { document, .. } | Operation::Replace { document, .. },
        ) = (self.reach.owner(), &mut write.operation)
            && document.owner_word().is_empty()
        {
            *document = document.owned_by(owner);
        }
        Write { viewer: self.clone(), ..write }
    }
}

/// A store in the form for doors.
#[derive(Clone)]
pub struct GuardedStore(Arc<dyn Store>);

impl GuardedStore {
    /// Guards a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// The view of a viewer on the store.
    pub fn view<'a>(&'a self, viewer: &'a Viewer) -> View<'a> {
        View { store: &*self.0, viewer }
    }

    /// See [`Store::token_at_once`].
    pub fn token_at_once(&self, hash: Option<&TokenHash>) -> Option<Result<TokenLook, Error>> {
        self.0.token_at_once(hash)
    }

    /// See [`Store::token`].
    ///
    /// # Errors
    ///
    /// See there, as with all methods.
    pub async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error> {
        self.0.token(hash).await
    }

    /// See [`Store::change_token`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn change_token(&self, change: TokenChange) -> Result<Token, Error> {
        self.0.change_token(change).await
    }

    /// See [`Store::ready`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    /// See [`Store::status`]. It counts the personas of all owners.
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn status(&self) -> Result<Status, Error> {
        self.0.status().await
    }
}

/// The personas that one viewer reaches. Its methods are those of [`Store`] with the same names,
/// and fail as those do.
#[derive(Clone, Copy)]
pub struct View<'a> {
    store: &'a dyn Store,
    viewer: &'a Viewer,
}

impl View<'_> {
    /// See [`Store::glance`].
    pub async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error> {
        let read = self.store.glance(id, revision);
        let found = if revision.is_some() {
            match self.of_visible(id, read).await? {
                None => None,
                Some(Glance::Whole(found)) => found,
                Some(Glance::Large) => return Ok(Glance::Large),
            }
        } else {
            match self.unless_hidden(id, read.await).await? {
                Some(Glance::Whole(found)) => found.filter(|found| self.viewer.sees(found)),
                Some(Glance::Large) if self.reaches(id).await? => return Ok(Glance::Large),
                Some(Glance::Large) | None => None,
            }
        };
        self.or_purged(id, found).await.map(Glance::Whole)
    }

    /// See [`Store::glance_at_once`]. That a persona was purged is told by the other form only.
    pub fn glance_at_once(&self, id: PersonaId) -> Option<Result<Option<Representation>, Error>> {
        let found = self.store.glance_at_once(id)?;
        let found = found.map(|found| found.filter(|found| self.viewer.sees(found)));
        self.unless_unsure(id, found)
    }

    /// What was found at once; `None` where nothing was found and the persona may be a purged one,
    /// and where a read failed that may be of a persona of another owner.
    fn unless_unsure<T>(
        &self,
        id: PersonaId,
        found: Result<Option<T>, Error>,
    ) -> Option<Result<Option<T>, Error>> {
        if found.is_err() && self.viewer.is_bound() {
            return None;
        }
        let is_sure = !matches!(found, Ok(None))
            || matches!(self.store.tombstone_at_once(id), Some(Ok(None)));
        is_sure.then_some(found)
    }

    /// See [`Store::get`].
    pub async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error> {
        let found = self.unless_hidden(id, self.store.get(id).await).await?.flatten();
        self.or_purged(id, found.filter(|found| self.viewer.sees(found))).await
    }

    /// See [`Store::look_at_handle`].
    pub async fn look_at_handle(&self, name: &HandleName) -> Result<HandleLook, Error> {
        self.store.look_at_handle(name, &self.reach()).await
    }

    /// See [`Store::look_at_handle_at_once`].
    pub fn look_at_handle_at_once(&self, name: &HandleName) -> Option<Result<HandleLook, Error>> {
        self.store.look_at_handle_at_once(name, &self.reach())
    }

    /// The living persona that has the handle of a document among those of the owner of the
    /// document: another persona of this owner cannot take it.
    pub async fn holder_of(&self, document: &Document) -> Result<Option<PersonaId>, Error> {
        let word = document.owner_word();
        let Some(name) = document.handle().and_then(HandleName::parse) else { return Ok(None) };
        // Of all personas with the handle, those without an owner come first.
        let reach = word
            .parse()
            .map_or(Reach::Everything, |owner| Reach::Owner { owner, with_shared: false });
        let look = self.store.look_at_handle(&name, &reach).await?;
        let HandleTarget::Persona(id) = look.target else { return Ok(None) };
        let found = match look.glance {
            Glance::Whole(found) => found,
            Glance::Large => self.store.get(id).await?,
        };
        let holds =
            |found: &Representation| !found.deleted && owner_word_in(&found.body) == Some(word);
        Ok(found.filter(holds).map(|found| found.id))
    }

    /// See [`Store::counts`].
    pub async fn counts(&self, mut request: CountRequest) -> Result<Vec<Count>, Error> {
        request.reach = self.reach();
        self.store.counts(request).await
    }

    /// See [`Store::revision`].
    pub async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error> {
        let found = self.of_visible(id, self.store.revision(id, revision)).await?;
        self.or_purged(id, found.flatten()).await
    }

    /// See [`Store::revisions`].
    pub async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        let found = self.of_visible(id, self.store.revisions(id, before, limit)).await?;
        self.or_purged(id, found.flatten()).await
    }

    /// See [`Store::export_some`].
    pub async fn export(&self, request: ExportRequest) -> Result<Export, Error> {
        self.store.export_some(ExportRequest { reach: self.reach(), ..request }).await
    }

    /// See [`Store::write`].
    pub async fn write(&self, write: Write) -> Result<Written, Error> {
        self.store.write(self.viewer.own(write)).await
    }

    /// See [`Store::write_all`].
    pub async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        self.store.write_all(batch.each(|write| self.viewer.own(write))).await
    }

    /// See [`Store::purge`].
    pub async fn purge(&self, purge: Purge) -> Result<Tombstone, Error> {
        self.store.purge(Purge { viewer: self.viewer.clone(), ..purge }).await
    }

    /// Whether the viewer sees the personas of an owner.
    fn sees_of(&self, owner: &str) -> bool {
        !self.viewer.is_bound()
            || is_on(InjectedFault::OverlookOwners)
            || self.viewer.reach.sees(owner)
    }

    /// The client that it is for.
    pub const fn viewer(&self) -> &Viewer {
        self.viewer
    }

    /// Whether there is such a persona that the viewer may change, or was one that was purged; also
    /// a deleted one.
    pub async fn owned(&self, id: PersonaId) -> Result<bool, Error> {
        Ok(self.owner_before(id).await?.is_some_and(|word| self.viewer.reach.changes(&word)))
    }

    /// Whether another viewer has such a persona, or had one that was purged, and this viewer
    /// does not see it. A viewer must not be told this of an identity of its choice.
    pub async fn is_hidden(&self, id: PersonaId) -> Result<bool, Error> {
        Ok(self.owner_before(id).await?.is_some_and(|word| !self.viewer.reach.sees(&word)))
    }

    /// The owner of a persona, also of one that was deleted or purged: empty where it has none.
    /// `None` where there is no such persona for the viewer.
    pub async fn owner(&self, id: PersonaId) -> Result<Option<String>, Error> {
        Ok(self.owner_before(id).await?.filter(|word| self.sees_of(word)))
    }

    /// The word of the owner of a persona, also of one that was deleted or purged.
    async fn owner_before(&self, id: PersonaId) -> Result<Option<String>, Error> {
        match self.store.owner_of(id).await? {
            Some(word) => Ok(Some(word)),
            None => Ok(self.store.tombstone(id).await?.map(|tombstone| tombstone.owner)),
        }
    }

    /// Whether there is such a persona for the viewer, or was one that was purged; also a deleted
    /// one.
    pub async fn reaches(&self, id: PersonaId) -> Result<bool, Error> {
        if !self.viewer.is_bound() || is_on(InjectedFault::OverlookOwners) {
            return Ok(true);
        }
        Ok(self.owner_before(id).await?.is_some_and(|word| self.viewer.reach.sees(&word)))
    }

    /// What was found of a persona. Fails with [`Error::Purged`] where nothing was found because
    /// the persona was purged.
    async fn or_purged<T>(&self, id: PersonaId, found: Option<T>) -> Result<Option<T>, Error> {
        if found.is_none()
            && let Some(tombstone) = self.store.tombstone(id).await?
            && self.sees_of(&tombstone.owner)
        {
            return Err(Error::Purged { at: tombstone.at });
        }
        Ok(found)
    }

    /// What a read of the current state of a persona found, from which its owner is told; `None`
    /// where the read failed, and the viewer does not reach the persona: the error, such as that a
    /// row is damaged, would tell that it is there.
    async fn unless_hidden<T>(
        &self,
        id: PersonaId,
        found: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match found {
            Err(_) if !self.reaches(id).await? => Ok(None),
            found => found.map(Some),
        }
    }

    /// Reads a persona's past; `None` if the viewer does not reach the persona.
    ///
    /// A persona that is not reached before the read is not read, so that no failure of the read
    /// tells of it. The owner after it has been read decides: a viewer that reaches it then may
    /// see all of its past.
    async fn of_visible<T>(
        &self,
        id: PersonaId,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        if !self.viewer.is_bound() {
            return read.await.map(Some);
        }
        if !self.reaches(id).await? {
            return Ok(None);
        }
        let found = read.await?;
        Ok(if self.reaches(id).await? { Some(found) } else { None })
    }

    fn reach(&self) -> Reach {
        if is_on(InjectedFault::OverlookOwners) {
            return Reach::Everything;
        }
        self.viewer.reach.clone()
    }
}
