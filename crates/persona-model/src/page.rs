//! Lists: which personas, in which order, and where the next page starts.
//!
//! Keyset paging only: a cursor names the last item of a page, so a page costs the same wherever it
//! is, and a persona that is created or deleted meanwhile never shifts the others.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::search::folded_tag;
use crate::{
    HandlePrefix, Kind, LabelName, Owned, PersonaId, Rank, Reach, Search, Since, Term, UnknownWord,
};

/// Default number of items of a page.
pub const PAGE_LIMIT_DEFAULT: usize = 50;
/// Most items of a page.
pub const PAGE_LIMIT_MAX: usize = 1000;

/// Most different tags of a filter: each tag costs a look into an index for every row that has the
/// tags before it.
pub const FILTER_TAGS_MAX: usize = 16;

/// Which personas a list holds: those that meet every condition that is set. A condition that is
/// `None` or empty is not set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only active personas, or only inactive ones.
    pub is_active: Option<bool>,
    /// Only personas that have every one of these tags, which [`filter_tags`] made; case is
    /// ignored.
    pub tags: Vec<String>,
    /// Only personas that have none of these tags, which [`filter_tags`] made.
    pub without_tags: Vec<String>,
    /// Only personas with this label, wherever it points.
    pub label: Option<LabelName>,
    /// Only personas that were changed since this time or this line of the feed.
    pub updated_since: Option<Since>,
    /// Only personas that meet this search.
    pub search: Option<Search>,
    /// Whether soft-deleted personas are listed too.
    pub include_deleted: bool,
    /// Only personas of this owner, or only those without an owner.
    pub owned: Option<Owned>,
    /// Only those with a handle that begins so.
    pub handle_prefix: Option<HandlePrefix>,
    /// Only those that the client reaches. No part of what was asked for, and none of a cursor.
    pub reach: Reach,
}

/// A filter with more different tags than [`FILTER_TAGS_MAX`]; holds their number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be at most {FILTER_TAGS_MAX} different tags, are {0}")]
pub struct TooManyTags(pub usize);

/// The tags of a filter: in folded case, each once, and sorted, so that the order of the query does
/// not matter.
///
/// # Errors
///
/// There are more than [`FILTER_TAGS_MAX`] different tags.
pub fn filter_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Result<Vec<String>, TooManyTags> {
    let tags: BTreeSet<String> = tags.map(folded_tag).collect();
    if tags.len() > FILTER_TAGS_MAX {
        return Err(TooManyTags(tags.len()));
    }
    Ok(tags.into_iter().collect())
}

/// What a list is ordered by; the identity decides between equals
/// ([`Sort::is_newest_first_among_equals`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortKey {
    /// By name, bytewise in UTF-8.
    Name,
    /// By time of creation.
    CreatedAt,
    /// By time of the last change.
    UpdatedAt,
    /// By [`Rank`]: personas that have the words in the name, then in the tags, then in longer
    /// texts; among equals the newest first. Only for a list with a search.
    Relevance,
}

/// The order of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sort {
    /// What to order by.
    pub key: SortKey,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// Newest first: the default order of a list.
    pub const DEFAULT: Self = Self { key: SortKey::CreatedAt, descending: true };

    /// Best first: the default order of a search.
    pub const RELEVANCE: Self = Self { key: SortKey::Relevance, descending: false };

    /// Every order with its word in the API.
    pub const ALL: [(&'static str, Self); 7] = [
        ("name", Self { key: SortKey::Name, descending: false }),
        ("-name", Self { key: SortKey::Name, descending: true }),
        ("created_at", Self { key: SortKey::CreatedAt, descending: false }),
        ("-created_at", Self { key: SortKey::CreatedAt, descending: true }),
        ("updated_at", Self { key: SortKey::UpdatedAt, descending: false }),
        ("-updated_at", Self { key: SortKey::UpdatedAt, descending: true }),
        ("relevance", Self::RELEVANCE),
    ];

    /// Whether the persona with the larger identity, which is the newer one, comes first of two
    /// with the same sort value. It does in descending orders and by relevance.
    pub fn is_newest_first_among_equals(self) -> bool {
        self.descending || self.key == SortKey::Relevance
    }

    /// The word for this order.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(_, sort)| *sort == self)
            .map_or("-created_at", |(word, _)| word)
    }
}

impl FromStr for Sort {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, sort)| sort).ok_or(UnknownWord)
    }
}

/// The last item of a page, behind which the next page starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The item's sort value: its name, its time in microseconds as decimal digits, or its rank as
    /// decimal digits.
    pub key: String,
    /// The item's identity.
    pub id: PersonaId,
}

/// A cursor that this list did not hand out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CursorError {
    /// The text is no cursor.
    #[error("not a cursor of this server")]
    Malformed,
    /// The cursor belongs to a list with another filter or order.
    #[error("the cursor belongs to a list with other parameters")]
    OtherList,
}

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListRequest {
    /// Which personas.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Where to start; `None` for the first page.
    pub after: Option<Cursor>,
    /// Most items, 1 to [`PAGE_LIMIT_MAX`].
    pub limit: usize,
    /// Whether to count all personas that meet the filter.
    pub count: bool,
}

/// Bytes of the fingerprint of filter and order at the start of a cursor.
const FINGERPRINT_BYTES: usize = 8;

impl Cursor {
    /// The opaque text of this cursor for one filter and order: lower-case hexadecimal.
    pub fn encode(&self, filter: &Filter, sort: Sort) -> String {
        let bytes = fingerprint(filter, sort)
            .into_iter()
            .chain(*self.id.as_bytes())
            .chain(self.key.bytes());
        bytes
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
            .collect()
    }

    /// Reads a cursor for this filter and order.
    ///
    /// # Errors
    ///
    /// [`CursorError::Malformed`], or [`CursorError::OtherList`] when filter or order changed since
    /// it was made.
    pub fn decode(text: &str, filter: &Filter, sort: Sort) -> Result<Self, CursorError> {
        let bytes = from_hex(text).ok_or(CursorError::Malformed)?;
        let (print, rest) =
            bytes.split_at_checked(FINGERPRINT_BYTES).ok_or(CursorError::Malformed)?;
        let (id, key) = rest.split_first_chunk::<16>().ok_or(CursorError::Malformed)?;
        let key = String::from_utf8(key.to_vec()).map_err(|_| CursorError::Malformed)?;
        if print != fingerprint(filter, sort) {
            return Err(CursorError::OtherList);
        }
        let fits = match sort.key {
            SortKey::Name => true,
            SortKey::CreatedAt | SortKey::UpdatedAt => key.parse::<i64>().is_ok(),
            SortKey::Relevance => {
                key.parse().is_ok_and(|number| Rank::from_number(number).is_some())
            }
        };
        if !fits {
            return Err(CursorError::Malformed);
        }
        Ok(Self { key, id: PersonaId::from_bytes(*id) })
    }
}

/// The first bytes of SHA-256 over filter and order, written out as JSON: a version of this program
/// must read the cursors of the version before, because both run side by side while workers are
/// replaced one by one.
fn fingerprint(filter: &Filter, sort: Sort) -> [u8; FINGERPRINT_BYTES] {
    let Filter { kind, is_active, tags, updated_since, search, include_deleted, owned, .. } =
        filter;
    let since = updated_since.map(|since| match since {
        Since::Time(time) => json!(time.as_micros()),
        Since::Position(position) => json!(position.to_string()),
    });
    let terms = |terms: &[Term]| {
        terms.iter().map(|term| json!([term.words, term.prefix])).collect::<Vec<_>>()
    };
    let search =
        search.as_ref().map(|search| json!([terms(&search.wanted), terms(&search.unwanted)]));
    let mut parts = vec![
        json!(sort.as_str()),
        json!(kind.map(Kind::as_str)),
        json!(is_active),
        json!(tags),
        json!(since),
        json!(search),
        json!(include_deleted),
    ];
    // Only a filter that asks for an owner has this part, so that all other cursors stay equal to
    // those of older versions.
    parts.extend(owned.as_ref().map(|owned| match owned {
        Owned::By(owner) => json!(owner.as_str()),
        Owned::ByNone => json!(null),
    }));
    // An object, so that no owner looks like it.
    let prefix = filter.handle_prefix.as_ref();
    parts.extend(prefix.map(|prefix| json!({ "handle_prefix": prefix.as_str() })));
    let without = Some(&filter.without_tags).filter(|tags| !tags.is_empty());
    parts.extend(without.map(|tags| json!({ "without_tags": tags })));
    parts.extend(filter.label.as_ref().map(|label| json!({ "label": label.as_str() })));
    let parts = Value::from(parts);
    let digest = Sha256::digest(parts.to_string());
    let mut print = [0; FINGERPRINT_BYTES];
    print.copy_from_slice(&digest[..FINGERPRINT_BYTES]);
    print
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2)
        || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|start| u8::from_str_radix(&text[start..start + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        Cursor, CursorError, FILTER_TAGS_MAX, Filter, Sort, TooManyTags, filter_tags, fingerprint,
    };
    use crate::{
        HandlePrefix, Kind, LabelName, Owned, PersonaId, Position, Search, Since, Timestamp,
    };

    #[test]
    fn a_filter_has_each_tag_once_and_at_most_sixteen_of_them() {
        let numbers: Vec<String> = (0..990).map(|number| format!("{number:03}")).collect();
        let tags = |count: usize| {
            numbers[..count].iter().rev().chain(&numbers[..count]).map(String::as_str)
        };
        assert_eq!(filter_tags(tags(FILTER_TAGS_MAX)).as_deref(), Ok(&numbers[..FILTER_TAGS_MAX]));
        assert_eq!(filter_tags(tags(FILTER_TAGS_MAX + 1)), Err(TooManyTags(17)));
        assert_eq!(
            filter_tags(["Math", "MATH", "Straße", "strasse"].into_iter()),
            Ok(vec!["math".into(), "strasse".into()])
        );
        let refused = filter_tags(tags(990)).expect_err("too many");
        assert_eq!(refused.to_string(), "must be at most 16 different tags, are 990");
    }

    #[test]
    fn a_cursor_reads_back_for_its_own_list_and_for_no_other() {
        let cursor = Cursor { key: "Ünï 名".into(), id: PersonaId::from_bytes([7; 16]) };
        let (filter, sort) = (Filter::default(), "-name".parse::<Sort>().expect("an order"));
        let text = cursor.encode(&filter, sort);
        assert_eq!(Cursor::decode(&text, &filter, sort), Ok(cursor));
        assert_eq!(Cursor::decode(&text, &filter, Sort::DEFAULT), Err(CursorError::OtherList));
        let other = Filter { is_active: Some(true), ..Filter::default() };
        assert_eq!(Cursor::decode(&text, &other, sort), Err(CursorError::OtherList));
        for bad in ["", "zz", "abc", "00", &text[2..10], "Ü"] {
            assert_eq!(Cursor::decode(bad, &filter, sort), Err(CursorError::Malformed), "{bad}");
        }
    }

    /// Filters that each have one condition set and no other.
    fn filters() -> Vec<Filter> {
        let usual = Filter::default();
        let search = |text: &str| Filter {
            search: Some(Search::parse(text).expect("a search")),
            ..Filter::default()
        };
        let tags = |tags: &[&str]| Filter {
            tags: filter_tags(tags.iter().copied()).expect("few"),
            ..Filter::default()
        };
        let since = |since| Filter { updated_since: Some(since), ..Filter::default() };
        vec![
            Filter { kind: Some(Kind::User), ..usual.clone() },
            Filter { is_active: Some(true), ..usual.clone() },
            Filter { is_active: Some(false), ..usual.clone() },
            Filter { include_deleted: true, ..usual.clone() },
            Filter { search: Some(Search::default()), ..usual.clone() },
            usual,
            tags(&["a", "b"]),
            tags(&["a\",\"b"]),
            tags(&["a, b"]),
            since(Since::Time(Timestamp::from_micros(7))),
            since(Since::Position(Position { sequence: 7, proof: 0 })),
            since(Since::Position(Position { sequence: 7, proof: 1 })),
            search("ada lovelace"),
            search("\"ada lovelace\""),
            search("ada lovelace*"),
            search("ada -lovelace"),
            Filter { owned: Some(Owned::By("ada".parse().expect("a name"))), ..Filter::default() },
            Filter { owned: Some(Owned::ByNone), ..Filter::default() },
            Filter { handle_prefix: HandlePrefix::parse("ada"), ..Filter::default() },
            Filter { handle_prefix: HandlePrefix::parse("ada/"), ..Filter::default() },
            Filter { without_tags: vec!["a".into(), "b".into()], ..Filter::default() },
            Filter { without_tags: vec!["a\",\"b".into()], ..Filter::default() },
            Filter { label: LabelName::parse("ada").ok(), ..Filter::default() },
        ]
    }

    #[test]
    fn each_filter_and_order_has_a_fingerprint_of_its_own() {
        let lists = || {
            filters()
                .into_iter()
                .flat_map(|filter| Sort::ALL.map(|(_, sort)| (filter.clone(), sort)))
        };
        let prints: BTreeSet<_> =
            lists().map(|(filter, sort)| fingerprint(&filter, sort)).collect();
        assert_eq!(prints.len(), lists().count());
    }

    #[test]
    fn a_cursor_of_an_earlier_version_is_read() {
        let text = "991c8a12b5d759a807070707070707070707070707070707416461";
        let filter =
            Filter { kind: Some(Kind::Agent), include_deleted: true, ..filters().swap_remove(15) };
        let cursor = Cursor { key: "Ada".into(), id: PersonaId::from_bytes([7; 16]) };
        let sort = "name".parse::<Sort>().expect("an order");
        assert_eq!(
            (cursor.encode(&filter, sort).as_str(), Cursor::decode(text, &filter, sort)),
            (text, Ok(cursor))
        );
    }
}
