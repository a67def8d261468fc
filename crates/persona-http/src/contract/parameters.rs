//! Query parameters of requests, one row each: the values that they may have, and how a value is
//! read.
//!
//! A handler reads a parameter through its row, so the server accepts exactly what the OpenAPI
//! document says.

use std::str::FromStr;

use persona_model::{
    BadLabel, Kind, LABEL_LATEST, LabelName, OWNER_CHARS_MAX, OWNER_SIGNS, Owned, PAGE_LIMIT_MAX,
    Revision, Since, Sort,
};

pub use super::change_parameters::*;
pub use super::count_parameters::*;
pub use super::event_parameters::*;
pub use super::handle_parameters::*;
pub use super::headers::*;
pub use super::token_parameters::*;

/// A query parameter, as the OpenAPI document shows it.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The form of the value.
    pub holds: ParameterKind,
    /// Whether it may be given more than once.
    pub repeats: bool,
    /// The purpose, in one sentence.
    pub about: &'static str,
}

/// What a parameter may hold.
#[derive(Clone, Copy, Debug)]
pub enum ParameterKind {
    /// A whole number from 1 up to this.
    Number(u64),
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A tag.
    Tag,
    /// An owner; an empty value stands for personas without an owner.
    Owner,
    /// What a search looks for.
    Search,
    /// A cursor that a list handed out.
    Cursor,
    /// A cursor that counts handed out.
    CountCursor,
    /// A cursor that a list of revisions handed out.
    RevisionCursor,
    /// The name of a token.
    TokenName,
    /// A label.
    Label,
    /// A label, which may be repeated.
    Labels,
    /// What an author says of a change.
    Note,
    /// The idempotency key of another request.
    IdempotencyKey,
    /// An RFC 3339 time, or a position of the feed.
    Since,
    /// Some of the members of a persona, separated by commas.
    Members,
    /// Any name, which may be repeated.
    Names,
    /// A place in the feed.
    Place,
    /// A whole number of seconds, from 0 up to this.
    Seconds(u64),
    /// The identity of a persona, or `@` and its handle.
    Persona,
    /// What handles begin with.
    HandlePrefix,
    /// One of these words, which may be repeated.
    AnyOf(&'static [&'static str]),
}

/// A query parameter with the type of its value.
#[derive(Clone, Copy, Debug)]
pub struct Typed<T> {
    /// The parameter as the OpenAPI document shows it.
    pub parameter: Parameter,
    /// Reads a value. An error says what the value must be, such as "true or false".
    pub read: fn(&Parameter, &str) -> Result<T, String>,
}

pub(super) const fn typed<T>(
    name: &'static str,
    holds: ParameterKind,
    read: fn(&Parameter, &str) -> Result<T, String>,
    about: &'static str,
) -> Typed<T> {
    Typed { parameter: Parameter { name, holds, repeats: false, about }, read }
}

pub(super) const fn flag(name: &'static str, about: &'static str) -> Typed<bool> {
    typed(name, ParameterKind::Flag, read_flag, about)
}

pub(super) const fn revision(name: &'static str, about: &'static str) -> Typed<Revision> {
    typed(name, ParameterKind::Number(REVISION_MAX), read_revision, about)
}

/// A parameter that only its handler can read, because reading it needs other parameters.
pub(super) const fn text(
    name: &'static str,
    holds: ParameterKind,
    repeats: bool,
    about: &'static str,
) -> Parameter {
    Parameter { name, holds, repeats, about }
}

/// Words of `sort`; a test compares them with the model.
pub const SORT_WORDS: &[&str] =
    &["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at", "relevance"];
/// Words of `kind`; a test compares them with the model.
pub const KIND_WORDS: &[&str] = &["character", "user", "agent", "prompt"];

/// Largest number of a revision: databases store the number in 63 bits.
pub const REVISION_MAX: u64 = i64::MAX as u64;

/// Which revision of a persona is read.
pub const REVISION: Typed<Revision> =
    revision("revision", "The revision to read instead of the current one.");
/// Which label of a persona is followed.
pub const LABEL: Typed<LabelWord> = typed(
    "label",
    ParameterKind::Label,
    |_, value| LabelWord::parse(value).map_err(|bad| format!("a label: {bad}")),
    "The label whose revision is read instead of the current one; latest is the current one.",
);
/// What a read of a persona has besides.
pub const INCLUDE: Typed<()> = typed(
    "include",
    ParameterKind::OneOf(&["labels"]),
    |_, value| if value == "labels" { Ok(()) } else { Err("one of labels".into()) },
    "Adds labels: where each label of the persona points. Such an answer has no ETag.",
);
/// The earlier of two revisions that are compared.
pub const FROM: Typed<Revision> =
    revision("from", "The revision to start from; the one before by default.");
/// The later of two revisions that are compared.
pub const TO: Typed<Revision> =
    revision("to", "The revision to compare it with; the current one by default.");
/// The revision that a document of the client is compared with.
pub const FROM_CURRENT: Typed<Revision> =
    revision("from", "The revision to compare it with; the current one by default.");
/// Size of a page.
pub const LIMIT: Typed<u64> = typed(
    "limit",
    ParameterKind::Number(PAGE_LIMIT_MAX as u64),
    read_number,
    "Most items of the page; 50 by default.",
);
/// Where a page starts.
pub const CURSOR: Parameter =
    text("cursor", ParameterKind::Cursor, false, "Where to go on: next_cursor of the page before.");
/// Where a page of revisions starts: before this revision.
pub const REVISION_CURSOR: Typed<Revision> = typed(
    "cursor",
    ParameterKind::RevisionCursor,
    |_, value| parse_revision(value).ok_or_else(|| "next_cursor of the page before".into()),
    "Where to go on: next_cursor of the page before.",
);
/// Where a page of moves starts: before the move with this number.
pub const MOVE_CURSOR: Typed<u64> = typed(
    "cursor",
    ParameterKind::RevisionCursor,
    |_, value| {
        whole(value)
            .filter(|number| *number > 0)
            .ok_or_else(|| "next_cursor of the page before".into())
    },
    "Where to go on: next_cursor of the page before.",
);
/// The order of a list.
pub const SORT: Typed<Sort> = typed(
    "sort",
    ParameterKind::OneOf(SORT_WORDS),
    one_of,
    "The order; -created_at by default, relevance with q.",
);
/// Tags that personas of a list have.
pub const TAG: Parameter = text(
    "tag",
    ParameterKind::Tag,
    true,
    "Only personas with this tag, in any letter case; repeat it for all of several, at most 16.",
);
/// The owner of the personas of a list or an export.
pub const OWNER: Typed<Owned> = typed(
    "owner",
    ParameterKind::Owner,
    read_owned,
    "Only personas of this owner; without a value, those that have none.",
);
/// Which kind the personas of a list are of.
pub const KIND: Typed<Kind> =
    typed("kind", ParameterKind::OneOf(KIND_WORDS), one_of, "Only personas of this kind.");
/// Whether the personas of a list are active.
pub const IS_ACTIVE: Typed<bool> = flag("is_active", "Only active, or only inactive personas.");
/// Since when the personas of a list changed.
pub const UPDATED_SINCE: Typed<Since> = typed(
    "updated_since",
    ParameterKind::Since,
    read_since,
    "Only personas changed since then: next_updated_since of an earlier list, or a time to begin \
     with.",
);
/// Whether a list or an export has deleted personas.
pub const INCLUDE_DELETED: Typed<bool> =
    flag("include_deleted", "Deleted personas too; false by default.");
/// Which members the personas of a list have.
pub const FIELDS: Parameter = text(
    "fields",
    ParameterKind::Members,
    true,
    "Only these members of each persona; repeat it for several, or separate them by commas.",
);
/// Which extensions the personas of a list have.
pub const EXTENSION: Parameter = text(
    "extension",
    ParameterKind::Names,
    true,
    "Of the extensions of each persona only this one; repeat it for several.",
);
/// Whether a list is counted.
pub const COUNT: Typed<bool> = typed(
    "count",
    ParameterKind::OneOf(&["exact"]),
    |_, value| if value == "exact" { Ok(true) } else { Err("one of exact".into()) },
    "Adds total: how many personas there are in all pages.",
);
/// The search text of a list.
pub const Q: Parameter = text(
    "q",
    ParameterKind::Search,
    false,
    "Only personas that have every word of this; \"a phrase\", pre*, and -not. Letter case and \
     accents do not matter, signs of a word such as C++ do; p* looks into names and tags only.",
);
/// Whether a list shows where words were found.
pub const HIGHLIGHT: Typed<bool> = flag(
    "highlight",
    "With q: adds highlights, short parts of the texts with the words that were found; false by \
     default.",
);
/// Whether an export has every revision.
pub const HISTORY: Typed<bool> = flag(
    "history",
    "Every revision of every persona, deleted ones too, each with a member history; false by \
     default.",
);

/// Whether a file is only looked at.
pub const IMPORT_MODE: Typed<bool> = typed(
    "mode",
    ParameterKind::OneOf(&["run", "validate"]),
    |_, value| match value {
        "run" => Ok(false),
        "validate" => Ok(true),
        _ => Err("one of run, validate".into()),
    },
    "With validate nothing is imported, and the answer says what would be; run by default.",
);
/// What becomes of personas of a file that exist with other content.
pub const ON_DUPLICATE: Typed<OnDuplicate> = typed(
    "on_duplicate",
    ParameterKind::OneOf(&["skip", "update", "keep_both"]),
    |_, value| match value {
        "skip" => Ok(OnDuplicate::Skip),
        "update" => Ok(OnDuplicate::Update),
        "keep_both" => Ok(OnDuplicate::KeepBoth),
        _ => Err("one of skip, update, keep_both".into()),
    },
    "What becomes of an item whose persona exists with other content: left alone, updated to the \
     file, or a second persona; skip by default.",
);

/// What the import does with an item if its persona exists with other content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnDuplicate {
    /// The persona is not changed.
    Skip,
    /// The persona gets the content of the item, as a new revision.
    Update,
    /// The item becomes a second persona, without its handle.
    KeepBoth,
}

/// The word of a label, that of the server too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LabelWord {
    /// The word that always means the current revision.
    Latest,
    /// A label that is moved by clients.
    Label(LabelName),
}

impl LabelWord {
    /// Reads a word.
    ///
    /// # Errors
    ///
    /// The text is no label.
    pub fn parse(text: &str) -> Result<Self, BadLabel> {
        if text == LABEL_LATEST {
            Ok(Self::Latest)
        } else {
            LabelName::parse(text).map(Self::Label)
        }
    }
}

/// The revision that a text names; `None` for what is no whole number from 1 to [`REVISION_MAX`].
pub fn parse_revision(text: &str) -> Option<Revision> {
    whole(text).filter(|number| *number <= REVISION_MAX).and_then(Revision::new)
}

/// The members of a persona that [`FIELDS`] may name.
pub fn members() -> impl Iterator<Item = &'static str> {
    super::managed_members::member_names()
}

fn read_flag(_: &Parameter, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "true or false".into())
}

pub(super) fn read_number(row: &Parameter, value: &str) -> Result<u64, String> {
    let ParameterKind::Number(max) = row.holds else { return Err("no number".into()) };
    whole(value)
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| format!("a whole number from 1 to {max}"))
}

fn read_revision(_: &Parameter, value: &str) -> Result<Revision, String> {
    parse_revision(value)
        .ok_or_else(|| format!("a revision: a whole number from 1 to {REVISION_MAX}"))
}

fn read_owned(_: &Parameter, value: &str) -> Result<Owned, String> {
    if value.is_empty() {
        return Ok(Owned::ByNone);
    }
    value.parse().map(Owned::By).map_err(|_| {
        format!(
            "an owner: 1 to {OWNER_CHARS_MAX} of A-Z, a-z, 0-9 and {OWNER_SIGNS}, a letter or \
             digit first, with + written as %2B; or empty"
        )
    })
}

fn read_since(_: &Parameter, value: &str) -> Result<Since, String> {
    let wanted = || {
        // In a query a bare `+` means a space, so the `+` of a time offset must be written as
        // `%2B`.
        if value.contains(' ') {
            "an RFC 3339 time, with + written as %2B, or next_updated_since of an earlier list"
        } else {
            "an RFC 3339 time such as 2026-11-24T18:10:41Z, or next_updated_since of an earlier list"
        }
    };
    Since::parse(value).ok_or_else(|| wanted().into())
}

fn one_of<T: FromStr>(row: &Parameter, value: &str) -> Result<T, String> {
    let ParameterKind::OneOf(words) = row.holds else { return Err("no word".into()) };
    value.parse().map_err(|_| format!("one of {}", words.join(", ")))
}

/// A number of digits only: no sign, no blanks.
pub(super) fn whole(value: &str) -> Option<u64> {
    value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use persona_model::{Kind, Sort};

    use super::{EVENT_KIND_WORDS, KIND_WORDS, SORT_WORDS};
    use crate::contract::events::EventKind;

    #[test]
    fn the_words_of_the_parameters_are_those_of_the_model() {
        assert_eq!(SORT_WORDS, Sort::ALL.map(|(word, _)| word));
        assert_eq!(KIND_WORDS, Kind::ALL.map(Kind::as_str));
        assert_eq!(EVENT_KIND_WORDS, EventKind::ALL.map(|(_, _, word)| word));
    }
}
