//! The traits that a transfer needs of its two sides.

use persona_model::PersonaId;

use super::TransferError;
use super::rows::{Entry, KeyRecord, Line, PersonaDigest};
use crate::Token;
use crate::handle::{FormerHandle, Handle};

/// How many rows a side has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Personas, deleted ones too.
    pub personas: u64,
    /// Revisions of all personas.
    pub revisions: u64,
    /// Lines of the feed.
    pub changes: u64,
}

impl Counts {
    /// The increase since an earlier count.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            personas: self.personas.saturating_sub(before.personas),
            revisions: self.revisions.saturating_sub(before.revisions),
            changes: self.changes.saturating_sub(before.changes),
        }
    }
}

/// Entries that are transferred together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub entries: Vec<Entry>,
    /// Whether it ends where the feed ended when it was read.
    pub is_last: bool,
}

/// Either side, for comparing.
pub(crate) trait Side {
    /// What it is called; never a password.
    fn place(&self) -> String;

    /// How many rows it has.
    fn counts(&mut self) -> Result<Counts, TransferError>;

    /// The next lines after a sequence number, at most so many.
    fn lines(&mut self, after: i64, limit: i64) -> Result<Vec<Line>, TransferError>;

    /// The next personas in order of their identities, at most so many.
    fn personas_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaDigest>, TransferError>;

    /// These personas, as far as they are there, in any order.
    fn personas_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaDigest>, TransferError>;

    /// The next identities of purged personas in their order, at most so many.
    fn purged_after(
        &mut self,
        after: Option<PersonaId>,
        limit: i64,
    ) -> Result<Vec<PersonaId>, TransferError>;

    /// Which of these personas were purged, in any order.
    fn purged_named(&mut self, ids: &[PersonaId]) -> Result<Vec<PersonaId>, TransferError>;

    /// Records of these keys, as far as they are there, in any order.
    fn keys_named(&mut self, keys: &[String]) -> Result<Vec<KeyRecord>, TransferError>;

    /// Every access token, in the order of their names.
    fn tokens(&mut self) -> Result<Vec<Token>, TransferError>;

    /// The next handles that were given up and that no living persona has, in the order of handle
    /// and owner, at most so many.
    fn former_handles(
        &mut self,
        after: Option<&Handle>,
        limit: i64,
    ) -> Result<Vec<FormerHandle>, TransferError>;

    /// The SHA-256 of all labels: of each its persona, its word and the version of its newest move,
    /// in a line of a text.
    fn labels(&mut self) -> Result<Vec<u8>, TransferError>;
}

/// The database that is read. Nothing in it is changed until a live transfer ends.
pub(crate) trait Source {
    /// What is read of it to compare.
    fn side(&mut self) -> &mut dyn Side;

    /// What tells it from every other source, and from itself before it was restored: its epoch and
    /// its first line.
    fn origin(&mut self) -> Result<String, TransferError>;

    /// The next entries after a sequence number: as many as fit a batch.
    fn batch(&mut self, after: i64) -> Result<Batch, TransferError>;

    /// The next records of keys, in order of their time and key, after these.
    fn keys(&mut self, after: &(i64, String)) -> Result<Vec<KeyRecord>, TransferError>;

    /// The identities of all personas in the order of rows in a file: of creation, equal times in
    /// order of identities. Nothing where the feed has that order.
    fn order(
        &mut self,
        each: &mut dyn FnMut(PersonaId) -> Result<(), TransferError>,
    ) -> Result<(), TransferError>;

    /// From now on no process writes.
    fn fence(&mut self) -> Result<(), TransferError>;

    /// Writers may go on.
    fn unfence(&mut self) -> Result<(), TransferError>;

    /// No process will write any more, also when the fence is gone: what is written would be
    /// missing in the target.
    ///
    /// Looks at the last line once more, in the transaction that ends the source: `false`, and
    /// nothing is changed, where it is not the one at this position of the life that the transfer
    /// began in.
    fn retire(&mut self, target: &str, position: i64) -> Result<bool, TransferError>;
}

/// How far an unfinished transfer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Start {
    /// The last line that was transferred; 0 at the beginning.
    pub position: i64,
    /// What is added to the sequence numbers of the source.
    pub base: i64,
    /// What was there before.
    pub before: Counts,
    /// Whether an earlier attempt is continued.
    pub resumed: bool,
}

/// The database that is filled.
pub(crate) trait Target {
    /// What is read of it to compare; there only after `begin`, where nothing was there before.
    fn side(&mut self) -> &mut dyn Side;

    /// Takes out what an unfinished transfer left, so that the target is as it was before.
    fn clear(&mut self) -> Result<(), TransferError>;

    /// Which of these handles living personas have.
    fn handles_taken(&mut self, handles: &[Handle]) -> Result<Vec<Handle>, TransferError>;

    /// Looks whether it can take a transfer, and how far an earlier attempt came. Changes nothing.
    fn look(&mut self, origin: &str) -> Result<Start, TransferError>;

    /// Marks the target as being filled, or goes on with what was begun.
    fn begin(&mut self, origin: &str, source: &mut dyn Source) -> Result<Start, TransferError>;

    /// Adds entries that come right after a place in the feed; all or nothing, together with the
    /// new place. The line of a purge removes what an earlier entry added of its persona.
    fn put(&mut self, position: i64, entries: &[Entry]) -> Result<(), TransferError>;

    /// Adds records of keys, or replaces those with the same keys.
    fn put_keys(&mut self, records: &[KeyRecord]) -> Result<(), TransferError>;

    /// Has exactly these access tokens from then on.
    fn put_tokens(&mut self, tokens: &[Token]) -> Result<(), TransferError>;

    /// Forgets all handles that were given up.
    fn clear_former_handles(&mut self) -> Result<(), TransferError>;

    /// Adds handles that were given up, but those that lead to a persona here already.
    fn put_former_handles(&mut self, handles: &[FormerHandle]) -> Result<(), TransferError>;

    /// Puts in order what bulk work leaves behind. Reading is quicker after it.
    fn tidy(&mut self) -> Result<(), TransferError>;

    /// Numbers rows in order of creation, as far as they are there. Quick when it was done a moment
    /// before.
    fn put_in_order(&mut self) -> Result<(), TransferError>;

    /// Everything is there; still no process may use it.
    fn complete(&mut self) -> Result<(), TransferError>;

    /// Everything was compared: from now on it can be used.
    fn finish(self: Box<Self>) -> Result<(), TransferError>;
}
