//! The owner of a persona, and which personas a client reaches.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::UnknownWord;

/// Most characters of the name of an owner.
pub const OWNER_CHARS_MAX: usize = 128;

/// The signs that the name of an owner may have besides letters and digits: characters that
/// identities and addresses of other systems use. None of them is escaped in JSON.
pub const OWNER_SIGNS: &str = "._:@|/+-";

/// How the member `owner` of a representation begins. Only members that the store manages come
/// before it, and none of them is an object, so the first match is the member. No text can look
/// like it, because quotes inside a text are escaped.
const MEMBER: &[u8] = b",\"owner\":";
/// Most bytes before the member `owner`: the names of two authors, each character of which can be
/// escaped, and some 500 bytes of identity, times and hash.
const BEFORE_MEMBER_MAX: usize = 16 * 1024;

/// The owner of personas: a user, a team, a tenant of the application that keeps them here. The
/// store knows only the name.
///
/// A copy costs nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The name of the owner.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The owner with a stored name, which was checked when it was stored.
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

/// The owner that a representation names, empty where the persona has none. Nothing else of the
/// representation is read. `None` where the member `owner` is not found, which means that the text
/// is damaged.
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

/// A condition of a list on the owners of its personas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owned {
    /// Personas of this owner.
    By(Owner),
    /// Personas without an owner.
    ByNone,
}

/// Which personas a client reaches. For this client the others do not exist.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Reach {
    /// The client reaches all personas.
    #[default]
    Everything,
    /// The client reaches the personas of one owner.
    Owner {
        /// The owner.
        owner: Owner,
        /// Whether the client can also read personas without an owner. It can never change those.
        with_shared: bool,
    },
}

impl Reach {
    /// The owner that the client is bound to; `None` where it reaches everything.
    pub fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Everything => None,
            Self::Owner { owner, .. } => Some(owner),
        }
    }

    /// Whether the client can read a persona of this owner; the empty text stands for no owner.
    pub fn sees(&self, word: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Owner { owner, with_shared } => {
                word == owner.as_str() || (*with_shared && word.is_empty())
            }
        }
    }

    /// Whether the client can change a persona of this owner; the empty text stands for no owner.
    pub fn changes(&self, word: &str) -> bool {
        self.owner().is_none_or(|owner| word == owner.as_str())
    }

    /// The owners of the personas that a list may show: those that are asked for and that the
    /// client reaches. The empty text stands for personas without an owner; `None` means all
    /// personas.
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
        // An empty list of owners asks for nothing; it does not ask for personas without an owner.
        assert_eq!(ada(false).owners(Some(&Owned::ByNone)), Some(vec![]));
        assert_eq!(ada(true).owners(Some(&Owned::ByNone)), Some(vec![""]));
    }
}
