//! The owner of a persona, and which personas a client reaches.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::UnknownWord;

/// Most characters of the name of an owner.
pub const OWNER_CHARS_MAX: usize = 128;

/// The signs that the name of an owner may have besides letters and digits: those of identities and
/// addresses of other systems. None of them is escaped in JSON.
pub const OWNER_SIGNS: &str = "._:@|/+-";

/// The member of a representation that names its owner. The members that the store manages come
/// before it, and none of them is an object; so it is the first with this name, and no text can
/// look like it, because the quotes of a text are escaped.
const MEMBER: &[u8] = b",\"owner\":";
/// Most bytes before that member: the names of two authors, each sign of which can be escaped, and
/// some 500 bytes of identity, times and hash.
const BEFORE_MEMBER_MAX: usize = 16 * 1024;

/// The owner of personas: a user, a team, a tenant of the application that keeps them here. To the
/// store it is a word.
///
/// A copy costs nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner(Arc<str>);

impl Owner {
    /// Its word.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The owner with a name that was checked before it was stored.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Owner {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        if is_owner(text) { Ok(Self(text.into())) } else { Err(UnknownWord) }
    }
}

/// Whether a text can be the name of an owner: 1 to [`OWNER_CHARS_MAX`] letters, digits and
/// [`OWNER_SIGNS`], a letter or digit first.
pub(crate) fn is_owner(text: &str) -> bool {
    (1..=OWNER_CHARS_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || OWNER_SIGNS.as_bytes().contains(&byte))
}

/// The owner that a representation names, as stores keep it: empty where there is none. Nothing
/// else
/// of the representation is read. `None` where it names neither, which none does that is not
/// damaged.
pub fn owner_word_in(representation: &[u8]) -> Option<&str> {
    let start = &representation[..representation.len().min(BEFORE_MEMBER_MAX)];
    let place = start.windows(MEMBER.len()).position(|part| part == MEMBER)?;
    let value = &representation[place + MEMBER.len()..];
    if value.starts_with(b"null") {
        return Some("");
    }
    let name = value.strip_prefix(b"\"")?;
    let end = name.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&name[..end]).ok().filter(|name| is_owner(name))
}

/// Which personas a list is asked for, by their owners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owned {
    /// Those of this owner.
    By(Owner),
    /// Those without an owner.
    ByNone,
}

/// Which personas a client reaches. All others are not there for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Reach {
    /// All of them.
    #[default]
    Everything,
    /// Those of one owner.
    Owner {
        /// The owner.
        owner: Owner,
        /// Whether those without an owner are read too. They are never changed.
        with_shared: bool,
    },
}

impl Reach {
    /// The owner that it is bound to.
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Everything => None,
            Self::Owner { owner, .. } => Some(owner),
        }
    }

    /// Whether a persona of this owner can be read; the empty word is that of personas without an
    /// owner.
    pub fn sees(&self, word: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Owner { owner, with_shared } => {
                word == owner.as_str() || (*with_shared && word.is_empty())
            }
        }
    }

    /// Whether a persona of this owner can be changed.
    pub fn changes(&self, word: &str) -> bool {
        self.owner().is_none_or(|owner| word == owner.as_str())
    }

    /// The owners of personas that can be read, of those that are asked for; the empty word is that
    /// of personas without an owner. `None` where all of them can.
    pub fn owners<'a>(&'a self, asked: Option<&'a Owned>) -> Option<Vec<&'a str>> {
        let reached = match self {
            Self::Everything => None,
            Self::Owner { owner, with_shared } => {
                let shared = with_shared.then_some("");
                Some([owner.as_str()].into_iter().chain(shared).collect::<Vec<_>>())
            }
        };
        let Some(asked) = asked else { return reached };
        let asked = match asked {
            Owned::By(owner) => owner.as_str(),
            Owned::ByNone => "",
        };
        let is_reached = reached.is_none_or(|reached| reached.contains(&asked));
        Some(is_reached.then_some(asked).into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Owned, Owner, Reach, owner_word_in};
    use crate::{ContentHash, Document, Persona, PersonaId, Revision, Timestamp};
    use crate::{join_representation, metadata_text};

    fn owner(text: &str) -> Owner {
        text.parse().expect("a name")
    }

    #[test]
    fn an_owner_is_a_word_that_no_json_escapes() {
        for good in ["ada", "A", "0", "team:7", "auth0|5f7c", "users/1", "ada+b@example.org", "a.b"]
        {
            assert_eq!(good.parse::<Owner>().map(|owner| owner.to_string()).as_deref(), Ok(good));
            assert_eq!(json!(good).to_string(), format!("\"{good}\""));
        }
        let long = "a".repeat(129);
        for bad in ["", " a", "a b", "-a", ".a", "ä", "a\"", "a\\", "a\n", "a\0", &long] {
            assert!(bad.parse::<Owner>().is_err(), "{bad:?}");
        }
        assert!(long[1..].parse::<Owner>().is_ok());
    }

    fn representation(author: &str, members: Value) -> Vec<u8> {
        let document = Document::from_json(members).expect("valid");
        let persona = Persona {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            created_at: Timestamp::from_micros(1),
            updated_at: Timestamp::from_micros(2),
            deleted_at: None,
            created_by: Some(author.into()),
            updated_by: Some(author.into()),
            content_hash: ContentHash::from_bytes([7; 32]),
            document,
        };
        join_representation(&metadata_text(&persona), persona.document.text())
    }

    #[test]
    fn a_representation_tells_its_owner_whatever_else_it_says() {
        let look_alike = r#"","owner":"bea"#;
        for author in ["ada", look_alike, &"\u{1}".repeat(128), &"\"".repeat(128)] {
            for word in ["ada", "auth0|5f7c"] {
                let members = json!({ "name": look_alike, "owner": word });
                let text = representation(author, members);
                assert_eq!(owner_word_in(&text), Some(word), "{author:?}");
            }
            let members = json!({ "name": "Ada", "extensions": { "a": 1, "owner": "bea" } });
            assert_eq!(owner_word_in(&representation(author, members)), Some(""));
        }
        let damaged: [&[u8]; 5] =
            [b"", b"{}", b"{\"a\":1,\"owner\":", b"{,\"owner\":\"a", b"{,\"owner\":\"\"}"];
        for text in damaged {
            assert_eq!(owner_word_in(text), None);
        }
    }

    #[test]
    fn every_representation_has_an_owner_and_a_document_without_one_is_as_before() {
        let none = representation("ada", json!({ "name": "Ada" }));
        let text = String::from_utf8(none).expect("UTF-8");
        assert!(text.contains(r#","owner":null,"name":"Ada","#), "{text}");
        let document = |members| Document::from_json(members).expect("valid");
        let free = document(json!({ "name": "Ada" }));
        assert!(free.text().starts_with(r#"{"name":"Ada","#), "{}", free.text());
        let own = document(json!({ "name": "Ada", "owner": "ada" }));
        assert!(own.text().starts_with(r#"{"owner":"ada","name":"Ada","#), "{}", own.text());
        assert_eq!(free.owned_by(&owner("ada")), own);
        assert_ne!(free.content_hash(), own.content_hash());
        assert_eq!((free.owner(), own.owner()), (None, Some(owner("ada"))));
    }

    #[test]
    fn each_reach_reads_and_changes_what_is_its_own() {
        let ada = |with_shared| Reach::Owner { owner: owner("ada"), with_shared };
        let (own, other) = (owner("ada"), owner("bea"));
        let of =
            |reach: &Reach| ["ada", "bea", ""].map(|word| (reach.sees(word), reach.changes(word)));
        assert_eq!(of(&Reach::Everything), [(true, true); 3]);
        assert_eq!(of(&ada(false)), [(true, true), (false, false), (false, false)]);
        assert_eq!(of(&ada(true)), [(true, true), (false, false), (true, false)]);
        let (by_own, by_other) = (Owned::By(own.clone()), Owned::By(other.clone()));
        let asked = [None, Some(&by_own), Some(&by_other), Some(&Owned::ByNone)];
        let owners = |reach: &Reach| asked.map(|asked| reach.owners(asked).map(|of| of.join(",")));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(owners(&Reach::Everything), [None, some("ada"), some("bea"), some("")]);
        assert_eq!(owners(&ada(false)), [some("ada"), some("ada"), some(""), some("")]);
        assert_eq!(owners(&ada(true)), [some("ada,"), some("ada"), some(""), some("")]);
        // A list of nothing is not a list of those without an owner.
        assert_eq!(ada(false).owners(Some(&Owned::ByNone)), Some(vec![]));
        assert_eq!(ada(true).owners(Some(&Owned::ByNone)), Some(vec![""]));
    }
}
