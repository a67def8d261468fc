//! Tests: a store that answers everything with an error.

use std::time::Duration;

use std::sync::Arc;

use async_trait::async_trait;
use persona_model::{
    Change, EntityTag, FeedPlace, HandleName, LabelName, ListRequest, PersonaId, Position, Reach,
    Revision, Timestamp, ValidationErrors,
};
use persona_storage::{
    AtomicBatch, Count, CountRequest, Error, Event, Export, ExportRequest, Glance, HandleLook,
    LabelError, LabelMovePage, LabelMoves, Labelled, LabelsOf, Loss, MovedLabel, NotApplied, Page,
    PersonaLabels, Purge, ReadRoom, Representation, RevisionPage, RevisionRecord, Status, Store,
    Token, TokenChange, TokenError, TokenHash, TokenLook, TokenPage, Tombstone, Write, Written,
};

const TAG: EntityTag = EntityTag { revision: Revision::FIRST, checksum: 7 };

/// A store in which every method fails with the error that this function makes.
pub struct Failing(pub fn() -> Error);

#[async_trait]
impl Store for Failing {
    async fn glance(&self, _: PersonaId, _: Option<Revision>) -> Result<Glance, Error> {
        Err((self.0)())
    }

    async fn get(&self, _: PersonaId) -> Result<Option<Representation>, Error> {
        Err((self.0)())
    }

    async fn look_at_handle(&self, _: &HandleName, _: &Reach) -> Result<HandleLook, Error> {
        Err((self.0)())
    }

    async fn owner_of(&self, _: PersonaId) -> Result<Option<String>, Error> {
        Err((self.0)())
    }

    async fn owners_of(&self, _: &[PersonaId]) -> Result<Vec<(PersonaId, String)>, Error> {
        Err((self.0)())
    }

    async fn epoch(&self) -> Result<String, Error> {
        Err((self.0)())
    }

    async fn tombstone(&self, _: PersonaId) -> Result<Option<Tombstone>, Error> {
        Err((self.0)())
    }

    async fn list(&self, _: ListRequest) -> Result<Page, Error> {
        Err((self.0)())
    }

    async fn counts(&self, _: CountRequest) -> Result<Vec<Count>, Error> {
        Err((self.0)())
    }

    async fn revision(&self, _: PersonaId, _: Revision) -> Result<Option<RevisionRecord>, Error> {
        Err((self.0)())
    }

    async fn revisions(
        &self,
        _: PersonaId,
        _: Option<Revision>,
        _: usize,
    ) -> Result<Option<RevisionPage>, Error> {
        Err((self.0)())
    }

    async fn changes_after(&self, _: u64, _: usize) -> Result<Vec<Change>, Error> {
        Err((self.0)())
    }

    async fn events_after(&self, _: FeedPlace, _: usize) -> Result<Vec<Event>, Error> {
        Err((self.0)())
    }

    async fn next_events(&self, _: FeedPlace) -> Result<Vec<Event>, Error> {
        Err((self.0)())
    }

    async fn feed_end(&self) -> Result<Position, Error> {
        Err((self.0)())
    }

    async fn export_some(&self, _: ExportRequest) -> Result<Export, Error> {
        Err((self.0)())
    }

    async fn write(&self, _: Write) -> Result<Written, Error> {
        Err((self.0)())
    }

    async fn write_all(&self, _: AtomicBatch) -> Result<Vec<Written>, NotApplied> {
        Err(NotApplied { place: Some(0), error: (self.0)() })
    }

    async fn purge(&self, _: Purge) -> Result<Tombstone, Error> {
        Err((self.0)())
    }

    async fn labels(&self, _: PersonaId) -> Result<Option<PersonaLabels>, Error> {
        Err((self.0)())
    }

    async fn labelled(&self, _: PersonaId, _: &LabelName) -> Result<Option<Arc<Labelled>>, Error> {
        Err((self.0)())
    }

    async fn labels_of(&self, _: &[PersonaId]) -> Result<Vec<LabelsOf>, Error> {
        Err((self.0)())
    }

    async fn label_moves(
        &self,
        _: PersonaId,
        _: &LabelName,
        _: Option<u64>,
        _: usize,
    ) -> Result<Option<LabelMovePage>, Error> {
        Err((self.0)())
    }

    async fn move_labels(&self, _: LabelMoves) -> Result<Vec<MovedLabel>, NotApplied> {
        Err(NotApplied { place: Some(0), error: (self.0)() })
    }

    async fn token(&self, _: Option<&TokenHash>) -> Result<TokenLook, Error> {
        Err((self.0)())
    }

    async fn tokens(&self, _: &TokenPage) -> Result<Vec<Token>, Error> {
        Err((self.0)())
    }

    async fn change_token(&self, _: TokenChange) -> Result<Token, Error> {
        Err((self.0)())
    }

    async fn ready(&self) -> Result<(), Error> {
        Err((self.0)())
    }

    fn read_room(&self) -> ReadRoom {
        ReadRoom { lists: 1, exports: 1, large: 1 }
    }

    async fn status(&self) -> Result<Status, Error> {
        Err((self.0)())
    }

    async fn lost(&self) -> Loss {
        Loss::Writer
    }

    async fn close(&self) {}
}

/// One error of each kind.
pub const ERRORS: &[fn() -> Error] = &[
    || Error::NotFound,
    || Error::Purged { at: Timestamp::from_micros(7) },
    || Error::Deleted { current: TAG },
    || Error::AlreadyExists { current: TAG },
    || Error::Stale { current: TAG },
    || Error::HandleTaken { handle: "ada".into(), holder: PersonaId::from_bytes([7; 16]) },
    || Error::HandleMoved { handle: HandleName::parse("ada").expect("a handle") },
    || Error::OwnerRefused { owner: "ada".parse().expect("a name") },
    || Error::Invalid(ValidationErrors { errors: Vec::new(), more: 0 }),
    || Error::TestFailed { pointer: "/name".into(), current: TAG },
    || Error::UnknownBase { base: Revision::FIRST },
    || Error::UnknownRevision { revision: Revision::FIRST, current: TAG },
    || Error::RevisionDropped { revision: Revision::FIRST },
    || Error::Conflicts { conflicts: Vec::new(), current: TAG },
    || Error::UnknownPosition,
    || Error::KeyReused,
    || Error::TooManyKeys { max: 1 },
    || Error::TooMuchAtOnce { max: 1 },
    || Error::Token(TokenError::Unknown),
    || Error::Token(TokenError::NameTaken),
    || Error::Token(TokenError::Ended),
    || Error::Token(TokenError::TooMany),
    || Error::Token(TokenError::TooManyOfOwner),
    || Error::Token(TokenError::NotFirst),
    || Error::Token(TokenError::AuthorityEnded),
    || Error::Token(TokenError::AuthorityReplaced),
    || Error::Token(TokenError::OtherOwner),
    || Error::Token(TokenError::Exceeds),
    || Error::Token(TokenError::OfPage),
    || LabelError::Deleted.into(),
    || LabelError::NotSet { name: LabelName::parse("a").expect("a label") }.into(),
    || LabelError::UnknownRevision { revision: Revision::FIRST, latest: Revision::FIRST }.into(),
    || LabelError::Stale { current: None }.into(),
    || LabelError::TooMany.into(),
    || Error::Busy { what: "a test" },
    || Error::ReadTimedOut { limit: Duration::from_secs(1) },
    || Error::ReadGaveWay,
    || Error::OutOfMemory,
    || Error::Unreachable,
    || Error::OutcomeUnknown,
    || Error::Full("a test".into()),
    || Error::Damaged("a test".into()),
    || Error::Closed("a test"),
    || Error::Disk("a test".into()),
    || Error::Unsynced("a test".into()),
    || Error::Backend("a test".into()),
];
