//! The problem codes. Clients may rely on each word; a code is never renamed. Each has a row in
//! `problem_table.rs` or `failure_table.rs`.

use http::StatusCode;

use super::OperationId;
use super::failure_table::FAILURES;
use super::problem_table::REFUSALS;

/// The code of a problem: one stable word.
#[expect(missing_docs, reason = "the table says what each one means")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    MalformedRequest,
    BodyCutOff,
    MalformedJson,
    BadParameter,
    BadHeader,
    TokenRequired,
    TokenRefused,
    ScopeTooSmall,
    AuthorRefused,
    OwnerRefused,
    RightsExceeded,
    LabelProtected,
    CrossSite,
    NoSuchPersona,
    NoSuchRevision,
    NoSuchLabel,
    NoSuchToken,
    NoSuchRoute,
    MethodNotAllowed,
    HeadTooSlow,
    BodyTooSlow,
    Conflict,
    TestFailed,
    HandleTaken,
    HandleAmbiguous,
    TooManyLabels,
    TokenNameTaken,
    NotRotated,
    TooManyTokens,
    TaskBusy,
    TaskNotOffered,
    Deleted,
    Purged,
    RevisionDropped,
    UnknownPosition,
    Stale,
    AlreadyExists,
    LabelMoved,
    BodyTooLarge,
    BatchTooLarge,
    UnsupportedMediaType,
    ForeignHost,
    Invalid,
    BadLabel,
    BadSearch,
    UnknownBase,
    KeyReused,
    ConditionRequired,
    RateLimited,
    HeadTooLarge,
    Internal,
    Damaged,
    StorageFailed,
    UnknownCoding,
    Busy,
    TooManyKeys,
    ReadTimeout,
    Unreachable,
    OutcomeUnknown,
    Closing,
    NotReady,
    OldProtocol,
    StorageFull,
}

/// What a code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The code.
    pub code: Code,
    /// The stable word.
    pub word: &'static str,
    /// The status code of its answers.
    pub status: StatusCode,
    /// What happened, the same for every answer with this code.
    pub title: &'static str,
    /// What a client can do about it.
    pub remedy: &'static str,
}

impl Code {
    /// Every code, by status.
    pub fn all() -> impl Iterator<Item = Self> {
        REFUSALS.iter().chain(FAILURES).map(|facts| facts.code)
    }

    /// What this code means.
    pub const fn facts(self) -> &'static Facts {
        let place = self as usize;
        if place < REFUSALS.len() { &REFUSALS[place] } else { &FAILURES[place - REFUSALS.len()] }
    }

    /// The URI that identifies the problem; it leads to the list of all.
    pub fn type_uri(self) -> String {
        let list = OperationId::ListProblems.path();
        format!("{list}#{}", self.facts().word)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn each_code_stands_at_its_own_place_in_the_table_and_the_table_is_sorted_by_status() {
        for (place, code) in Code::all().enumerate() {
            assert_eq!((code as usize, code.facts().code), (place, code));
        }
        assert!(Code::all().map(|code| code.facts().status).is_sorted());
    }
}
