//! The contract that every backend keeps.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use persona_model::{
    Change, EntityTag, FeedPlace, HandleName, LabelName, ListRequest, PAGE_LIMIT_MAX, PersonaId,
    Position, Reach, Revision, Timestamp,
};

use crate::{
    AtomicBatch, Count, CountRequest, Error, Event, Export, ExportRequest, Exported, HandleLook,
    LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss, MovedLabel, NotApplied, Page,
    PersonaLabels, Purge, ReadRoom, RevisionPage, RevisionRecord, Status, Token, TokenChange,
    TokenHash, TokenLook, TokenPage, Tombstone, Write, Written, fault_injection,
};

/// A persona as it is sent to clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Representation {
    /// Its identity.
    pub id: PersonaId,
    /// Its revision.
    pub revision: Revision,
    /// The CRC-32 of its state, of identity, revision, deletion and both parts of the body: the
    /// same in every store.
    pub checksum: u32,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// The whole persona as JSON text, ready to send.
    pub body: Bytes,
}

impl Representation {
    /// What names this state of the persona.
    pub fn tag(&self) -> EntityTag {
        fault_injection::tag(EntityTag { revision: self.revision, checksum: self.checksum })
    }

    /// When this state of the persona began, as its body says. A body without this time counts as
    /// later than every date.
    pub fn updated_at(&self) -> Timestamp {
        persona_model::updated_at_in(&self.body).unwrap_or(Timestamp::from_micros(i64::MAX))
    }
}

/// Largest document, in bytes, that a glance reads: reading and copying a larger one takes longer
/// than the rest of a request.
pub const GLANCE_BYTES_MAX: usize = 64 * 1024;

/// The result of a glance at one persona.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Glance {
    /// The whole persona; `None` when persona or revision never existed.
    Whole(Option<Representation>),
    /// The document is larger than [`GLANCE_BYTES_MAX`]; nothing was read.
    Large,
}

/// Keeps personas.
#[async_trait]
pub trait Store: Send + Sync {
    // ---- reads
    // ---------------------------------------------------------------------------------------------

    /// The result of [`Store::get`] or, with a revision, of [`Store::revision`], without reading a
    /// large document. It is fast and takes no turn, so a serving thread may call it.
    async fn glance(&self, id: PersonaId, revision: Option<Revision>) -> Result<Glance, Error>;

    /// The result of [`Store::get`] without any waiting, on the calling thread. `None` where
    /// waiting is needed: for a large document, and on a database server.
    fn glance_at_once(&self, _id: PersonaId) -> Option<Result<Option<Representation>, Error>> {
        None
    }

    /// The persona with this identity, even if it is soft-deleted. A large persona is read after a
    /// wait for a turn.
    async fn get(&self, id: PersonaId) -> Result<Option<Representation>, Error>;

    /// What a handle leads a client of this reach to, with the persona itself unless it is large:
    /// all of one moment. A change that was answered before, of whichever process, is always seen.
    ///
    /// A handle that its persona gave up leads to it until another persona of the same owner takes
    /// the handle.
    async fn look_at_handle(&self, name: &HandleName, reach: &Reach) -> Result<HandleLook, Error>;

    /// What [`Store::look_at_handle`] tells, where that needs no waiting at all; `None` where it
    /// does.
    fn look_at_handle_at_once(
        &self,
        _name: &HandleName,
        _reach: &Reach,
    ) -> Option<Result<HandleLook, Error>> {
        None
    }

    /// The owner of a persona, also when it is soft-deleted: empty where it has no owner. `None`
    /// where there is no such persona.
    async fn owner_of(&self, id: PersonaId) -> Result<Option<String>, Error>;

    /// The owners of several personas, also of soft-deleted and of purged ones; those that never
    /// existed are left out. Each is of a moment of its own after the call.
    async fn owners_of(&self, ids: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error>;

    /// What is left of a persona that was purged; `None` for every other one.
    ///
    /// A purge that [`Store::purge`] of whichever process has answered is always seen.
    async fn tombstone(&self, id: PersonaId) -> Result<Option<Tombstone>, Error>;

    /// The same without a wait; `None` where the store cannot answer at once.
    fn tombstone_at_once(&self, _id: PersonaId) -> Option<Result<Option<Tombstone>, Error>> {
        None
    }

    /// One page of personas: as many as asked for, or fewer with a cursor where they would exceed
    /// [`PAGE_BYTES_MAX`](crate::PAGE_BYTES_MAX).
    ///
    /// Fails with [`Error::UnknownPosition`] where changes since a position are wanted that this
    /// feed does not have.
    async fn list(&self, request: ListRequest) -> Result<Page, Error>;

    /// How many living personas have something in common: at most as many counts as asked for, in
    /// the order of their names, all of one moment.
    async fn counts(&self, request: CountRequest) -> Result<Vec<Count>, Error>;

    /// The persona as it was at a revision, read after a wait for a turn; `None` when persona or
    /// revision never existed.
    async fn revision(
        &self,
        id: PersonaId,
        revision: Revision,
    ) -> Result<Option<RevisionRecord>, Error>;

    /// The newest revisions of a persona, or those before one, without their content: at most
    /// `limit`, the newest first. `None` when the persona never existed.
    async fn revisions(
        &self,
        id: PersonaId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Option<RevisionPage>, Error>;

    /// The random text that names this life of the database (ADR 0033), which no client is told.
    async fn epoch(&self) -> Result<String, Error>;

    /// At most `limit` lines of the feed after this sequence number (0 for the beginning), in
    /// commit order.
    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, Error>;

    /// At most `limit` events behind a place in the feed, in commit order. Every change that was
    /// acknowledged before is among them, or behind them.
    ///
    /// Fails with [`Error::UnknownPosition`] where this feed has no line there: it is of another
    /// database or of the future, or lines were removed.
    async fn events_after(&self, place: FeedPlace, limit: usize) -> Result<Vec<Event>, Error>;

    /// The first events behind a place, at most [`crate::EVENTS_AT_ONCE_MAX`], as soon as there is
    /// one: waits for it without an end. Whatever process makes a change, it is noticed within some
    /// milliseconds.
    ///
    /// Fails as [`Store::events_after`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    async fn next_events(&self, place: FeedPlace) -> Result<Vec<Event>, Error>;

    /// The newest line of the feed before which no other line can come any more.
    async fn feed_end(&self) -> Result<Position, Error>;

    /// Every persona of one consistent snapshot, or every revision of each. Personas come in order
    /// of creation; in a file those that were imported stand where they were imported, however old
    /// they are. Revisions come in the order of the feed, so that a handle that went from one
    /// persona to another was given up before it is taken. On PostgreSQL the two can be swapped:
    /// transactions do not end in the order of their numbers.
    ///
    /// A reader that takes nothing for 30 seconds, or that is slow while the WAL
    /// outgrows its bound, loses the export with [`Error::Busy`], so that no snapshot holds the WAL
    /// for ever. Dropping the receiver ends it.
    async fn export(&self, exported: Exported) -> Result<Export, Error> {
        self.export_some(exported.into()).await
    }

    /// The same for the personas of some owners: these come in order of creation in any case. A
    /// history has the revisions of those that are theirs now.
    async fn export_some(&self, request: ExportRequest) -> Result<Export, Error>;

    // ---- writes
    // ---------------------------------------------------------------------------------------------

    /// Applies a write, in its own transaction or one shared with other writes; each write is
    /// applied as a whole or not at all.
    ///
    /// When this returns `Ok`, the change is committed, and every read that starts later sees it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before its turn withdraws the write; after that it is applied
    /// nevertheless.
    async fn write(&self, write: Write) -> Result<Written, Error>;

    /// Applies several writes in one transaction, in their order: all or none. No read on any
    /// worker ever sees a part of the batch.
    ///
    /// Each write is decided by the same rules as alone, on the state that the writes before it
    /// left. A write that repeats an earlier request is not applied again, and does not refuse the
    /// batch.
    ///
    /// When this returns `Ok`, the changes are committed, with an answer for each write, and every
    /// read that starts later sees them.
    ///
    /// # Errors
    ///
    /// [`NotApplied`]: nothing was changed, unless its error says otherwise.
    /// [`Error::TooMuchAtOnce`] where the documents have more than [`crate::ATOMIC_BYTES_MAX`]
    /// together.
    ///
    /// # Cancellation
    ///
    /// As with [`Store::write`].
    async fn write_all(&self, batch: AtomicBatch) -> Result<Vec<Written>, NotApplied>;

    /// Removes a persona for ever, alive or soft-deleted, with its whole history, its labels, its
    /// words in the indexes and the handles that it gave up. A line in the feed and a tombstone are
    /// left. Purging it again changes nothing, whatever the precondition, and returns the first
    /// tombstone.
    ///
    /// When this returns `Ok`, nothing of its content is in the database any more, and every read
    /// that starts later finds no persona. Every write of it fails with [`Error::Purged`], also a
    /// creation and a repetition of an earlier request.
    ///
    /// A long history is removed in several transactions. The first of them purges the persona; if
    /// a later one fails, the maintenance process removes the rest, and so does a repetition.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Stale`] and [`Error::HandleMoved`] as with [`Store::write`].
    ///
    /// # Cancellation
    ///
    /// As with [`Store::write`].
    async fn purge(&self, purge: Purge) -> Result<Tombstone, Error>;

    // ---- labels
    // ---------------------------------------------------------------------------------------------

    /// The labels of a persona, also of a deleted one; `None` when it never existed.
    ///
    /// A move that [`Store::move_labels`] of whichever process has answered is always seen.
    async fn labels(&self, id: PersonaId) -> Result<Option<PersonaLabels>, Error>;

    /// A persona by a label: the label, and the revision that it points to. `None` when the persona
    /// never existed.
    ///
    /// A move that [`Store::move_labels`] of whichever process has answered is always seen.
    async fn labelled(
        &self,
        id: PersonaId,
        name: &LabelName,
    ) -> Result<Option<Arc<Labelled>>, Error>;

    /// What [`Store::labelled`] finds, where that needs no waiting; `None` where it does.
    fn labelled_at_once(
        &self,
        _id: PersonaId,
        _name: &LabelName,
    ) -> Option<Result<Option<Arc<Labelled>>, Error>> {
        None
    }

    /// The labels of several personas, in the order of these identities; those that have none, and
    /// those that never existed, are left out. Each persona is seen at a moment of its own.
    async fn labels_of(&self, ids: &[PersonaId]) -> Result<Vec<LabelsOf>, Error>;

    /// The newest moves of a label, or those before a version, at most `limit`, the newest first;
    /// also of a label that was removed. `None` when the persona never existed or never had it.
    async fn label_moves(
        &self,
        id: PersonaId,
        name: &LabelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<LabelMovePage>, Error>;

    /// Moves labels in one transaction: all of them, in their order, or none. Each move finds the
    /// labels as those before it left them, and each has a line in the feed.
    ///
    /// When this returns `Ok`, the moves are committed, with an answer for each, and every read
    /// that starts later sees them. A label that points where it is to point already is left as it
    /// is.
    ///
    /// # Errors
    ///
    /// [`NotApplied`] with [`Error::NotFound`] or [`Error::Label`] where a move is refused: no
    /// label was moved. Otherwise as with [`Store::write_all`].
    ///
    /// # Cancellation
    ///
    /// As with [`Store::write`].
    async fn move_labels(&self, moves: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied>;

    // ---- tokens
    // ---------------------------------------------------------------------------------------------

    /// The result of [`Store::token`] without any waiting; `None` where waiting is needed.
    fn token_at_once(&self, _hash: Option<&TokenHash>) -> Option<Result<TokenLook, Error>> {
        None
    }

    /// The token with a secret of this hash, ended ones too; without a hash, whether there is any
    /// token.
    ///
    /// Every change that [`Store::change_token`] of any process has acknowledged is seen. A backend
    /// may answer from memory only as far as it keeps this promise; if it cannot know, the call
    /// fails.
    async fn token(&self, hash: Option<&TokenHash>) -> Result<TokenLook, Error>;

    /// One page of the tokens, in the order of their names. A token that is damaged is left out: it
    /// lets no request in, and the search for damage tells of it.
    async fn tokens(&self, page: &TokenPage) -> Result<Vec<Token>, Error>;

    /// Every token, in the order of their names, page by page.
    async fn all_tokens(&self) -> Result<Vec<Token>, Error> {
        let mut all: Vec<Token> = Vec::new();
        loop {
            let after = all.last().map(|token| token.name.clone());
            let page = TokenPage { owner: None, after, limit: PAGE_LIMIT_MAX };
            let tokens = self.tokens(&page).await?;
            let is_last = tokens.len() < page.limit;
            all.extend(tokens);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Changes a token, and returns the new token, or the removed one. Repeating the same change
    /// changes nothing.
    ///
    /// When this returns `Ok`, the change is committed, and in force in every process on every
    /// machine: no [`Store::token`] that begins later answers as before.
    ///
    /// A token that is damaged can be revoked and deleted, and both remove it. Every other change
    /// of it fails with [`Error::Damaged`].
    ///
    /// Fails with [`Error::Token`] if the change is not possible.
    async fn change_token(&self, change: TokenChange) -> Result<Token, Error>;

    // ---- maintenance
    // ---------------------------------------------------------------------------------------------

    /// Whether reads work, the schema is the one that this build knows, and there is space for
    /// writes. [`Error::Full`] means that only space is missing.
    async fn ready(&self) -> Result<(), Error>;

    /// How many long reads of each kind this process runs at once.
    fn read_room(&self) -> ReadRoom;

    /// The status of the backend.
    async fn status(&self) -> Result<Status, Error>;

    /// Waits until no more writes can be taken although the store was not closed, and returns the
    /// reason.
    ///
    /// Then the process must end, so that a new one opens the database again.
    async fn lost(&self) -> Loss;

    /// Finishes accepted writes and closes the store; later calls fail with [`Error::Closed`].
    async fn close(&self);
}
