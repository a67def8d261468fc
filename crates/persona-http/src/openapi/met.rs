//! Tests: which operations can meet which error of a store.

use persona_storage::{Error, LabelError, TokenError};

use crate::contract::{OPERATIONS, StoreUse};

/// The operation that makes many changes.
pub(super) const BATCH: &str = "batch_personas";

/// Which operations can meet an error, by the contract of the store. Without a wildcard: a new
/// error has to be placed.
pub(super) fn operations_that_meet(error: &Error) -> Vec<&'static str> {
    let mut those = single_operations_that_meet(error);
    let is_of_others = matches!(
        error,
        Error::UnknownPosition
            | Error::UnknownRevision { .. }
            | Error::ReadTimedOut { .. }
            | Error::ReadGaveWay
            | Error::Token(_)
            | Error::Label(_)
    );
    if !is_of_others {
        those.push(BATCH);
    }
    those
}

fn single_operations_that_meet(error: &Error) -> Vec<&'static str> {
    match error {
        Error::Stale { .. } => {
            that_use(StoreUse::Writes).filter(|id| *id != "create_persona").collect()
        }
        Error::Deleted { .. } => vec!["replace_persona", "patch_persona", "revert_persona"],
        Error::AlreadyExists { .. } => vec!["replace_persona"],
        Error::HandleTaken { .. } => {
            MAKE_DOCUMENTS.into_iter().chain(["undelete_persona"]).collect()
        }
        Error::HandleMoved { .. } => that_use(StoreUse::Writes)
            .filter(|id| *id != "create_persona")
            .chain(that_use(StoreUse::MovesLabels))
            .collect(),
        Error::OwnerRefused { .. } | Error::Invalid(_) => MAKE_DOCUMENTS.to_vec(),
        Error::UnknownRevision { .. } => vec!["revert_persona"],
        Error::TestFailed { .. } | Error::UnknownBase { .. } | Error::Conflicts { .. } => {
            vec!["patch_persona"]
        }
        Error::UnknownPosition => vec!["list_personas", "follow_events"],
        // An export takes as long as its client reads.
        Error::ReadTimedOut { .. } => {
            that_use(StoreUse::Reads).filter(|id| *id != "export_personas").collect()
        }
        Error::ReadGaveWay => that_use(StoreUse::Reads).collect(),
        // No operation of one persona makes several changes.
        Error::TooMuchAtOnce { .. } => Vec::new(),
        Error::Token(error) => match error {
            TokenError::Unknown => vec!["revoke_token", "rotate_token"],
            TokenError::NameTaken
            | TokenError::TooMany
            | TokenError::TooManyOfOwner
            | TokenError::OtherOwner => vec!["create_token"],
            TokenError::Ended | TokenError::OfPage => vec!["rotate_token"],
            TokenError::Exceeds => vec!["create_token", "rotate_token"],
            TokenError::NotFirst | TokenError::AuthorityEnded | TokenError::AuthorityReplaced => {
                that_use(StoreUse::ChangesTokens).collect()
            }
        },
        Error::Label(error) => {
            let sets = matches!(**error, LabelError::UnknownRevision { .. } | LabelError::TooMany);
            that_use(StoreUse::MovesLabels).filter(|id| !sets || *id != "remove_label").collect()
        }
        // A read finds it by the number of a revision, a write by its key too.
        Error::RevisionDropped { .. } => {
            let reads = ["get_persona", "get_revision", "diff_revisions", "diff_document"];
            let writes = that_use(StoreUse::Writes).chain(that_use(StoreUse::MovesLabels));
            reads.into_iter().chain(writes).collect()
        }
        Error::NotFound | Error::Purged { .. } | Error::KeyReused | Error::TooManyKeys { .. } => {
            that_use(StoreUse::Writes).chain(that_use(StoreUse::MovesLabels)).collect()
        }
        Error::OutcomeUnknown | Error::Unsynced(_) => {
            let those = that_use(StoreUse::Writes).chain(that_use(StoreUse::MovesLabels));
            those.chain(that_use(StoreUse::ChangesTokens)).collect()
        }
        Error::Busy { .. }
        | Error::Full(_)
        | Error::OutOfMemory
        | Error::Unreachable
        | Error::Damaged(_)
        | Error::Closed(_)
        | Error::Disk(_)
        | Error::Backend(_) => that_use_the_store(),
    }
}

/// Whether a look for a token can fail so: it meets what every use of the store meets.
pub(super) fn can_keep_a_token_from_being_found(error: &Error) -> bool {
    single_operations_that_meet(error) == that_use_the_store()
}

fn that_use_the_store() -> Vec<&'static str> {
    let those = that_use(StoreUse::Reads).chain(that_use(StoreUse::Writes));
    let those = those.chain(that_use(StoreUse::MovesLabels));
    those.chain(that_use(StoreUse::ChangesTokens)).collect()
}

/// What ends in a document that may break a rule.
const MAKE_DOCUMENTS: [&str; 5] =
    ["create_persona", "replace_persona", "patch_persona", "import_revision", "revert_persona"];

fn that_use(store: StoreUse) -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().filter(move |row| row.store == store).map(|row| row.name)
}
