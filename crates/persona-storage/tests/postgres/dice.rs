//! Random requests for `differential.rs`: a seed makes the same requests on every machine.

use persona_model::{
    Filter, HandleName, HandlePrefix, Kind, LabelName, LabelPrecondition, ListRequest, Owned,
    Patch, PersonaId, Precondition, Reach, Revision, Search, Since, Sort, Timestamp, filter_tags,
};
use persona_storage::conformance::{document, guess, id, idempotent, soon, write};
use persona_storage::{
    CountBy, CountRequest, LabelMove, LabelMoves, LabelTarget, Operation, Purge, Squash, Write,
};
use serde_json::{Value, json};

/// Few identities, so that the operations meet each other.
const IDENTITIES: u64 = 200;

const WORDS: [&str; 26] = [
    "ada",
    "Bea",
    "Crème",
    "brûlée",
    "日本",
    "wiz",
    "wizard",
    "linux",
    "terminal",
    "Straße",
    "🤖",
    "it's 100%_\\",
    "STRASSE",
    "C",
    "c++",
    "C++17",
    "C#",
    ".NET",
    "net",
    "node.js",
    "18+",
    "用C++吧",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ﬁne İ ı",
    "e\u{301}",
];
/// Tags for the requests; among them the same tag in several cases.
const TAGS: [&str; 11] =
    ["x", "X", "y", "Zebra", "ZEBRA", "ähre", "ÄHRE", "A\u{308}hre", "日本", "Straße", "STRASSE"];

/// Deterministic numbers (SplitMix64): the same seed makes the same run on every machine and with
/// every library.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }

    pub fn id(&mut self) -> PersonaId {
        id(u8::try_from(self.below(IDENTITIES)).expect("small"))
    }

    pub fn revision(&mut self) -> Revision {
        Revision::new(self.below(12) + 1).expect("not zero")
    }

    fn text(&mut self) -> String {
        (0..=self.below(4)).map(|_| *self.of(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn tags(&mut self) -> Vec<&'static str> {
        (0..self.below(3)).map(|_| *self.of(&TAGS)).collect()
    }

    fn handle(&mut self) -> Value {
        if self.one_in(2) { Value::Null } else { json!(self.handle_text()) }
    }

    /// Few handles, of which some are in folders of others.
    fn handle_text(&mut self) -> String {
        let folder = *self.of(&["", "", "", "h1/", "x/h/"]);
        format!("{folder}h{}", self.below(8))
    }

    fn owner(&mut self) -> Value {
        let owner = *self.of(&["", "ada", "bea"]);
        if owner.is_empty() { Value::Null } else { owner.into() }
    }

    pub fn handle_name(&mut self) -> HandleName {
        HandleName::parse(&self.handle_text()).expect("a handle")
    }

    pub fn reach(&mut self) -> Reach {
        if self.one_in(2) {
            return Reach::Everything;
        }
        let owner = "ada".parse().expect("a name");
        Reach::Owner { owner, with_shared: self.one_in(2) }
    }

    pub fn members(&mut self) -> Value {
        json!({
            "name": self.text(), "handle": self.handle(), "owner": self.owner(), "kind": self.of(&["character", "agent", "user", "prompt"]),
            "tags": self.tags(), "is_active": !self.one_in(4), "description": self.text(),
            "extensions": { format!("k{}", self.below(4)): self.below(3) },
        })
    }

    fn patch(&mut self) -> Patch {
        let merge = match self.below(7) {
            0 => json!({ "extensions": { format!("k{}", self.below(4)): self.below(3) } }),
            1 => json!({ "description": self.text(), "scenario": self.text() }),
            2 => json!({ "handle": self.handle(), "owner": self.owner() }),
            3 => json!({ "tags": self.tags() }),
            4 => json!({ "name": self.text() }),
            5 => json!({ "name": null, "unknown": 1 }),
            _ => return self.json_patch(),
        };
        Patch::merge(merge).expect("a merge patch")
    }

    fn json_patch(&mut self) -> Patch {
        let operations = json!([
            { "op": "test", "path": "/is_active", "value": !self.one_in(3) },
            { "op": "replace", "path": "/description", "value": self.text() },
        ]);
        Patch::json(operations).expect("a JSON Patch")
    }

    fn precondition(&mut self) -> Precondition {
        match self.below(8) {
            0 => Precondition::OneOf(vec![]),
            1..4 => guess(&[self.revision(), self.revision()]),
            _ => Precondition::Any,
        }
    }

    pub fn write(&mut self) -> Write {
        let (id, precondition) = (self.id(), self.precondition());
        let operation = match self.below(16) {
            0..3 => Operation::Create { id, document: document(self.members()) },
            3..6 => Operation::Replace { id, precondition, document: document(self.members()) },
            6..12 => {
                let base = self.one_in(3).then(|| self.revision());
                Operation::Patch { id, precondition, patch: self.patch(), base }
            }
            12..14 => Operation::Delete { id, precondition },
            14 => Operation::Revert { id, precondition, revision: self.revision() },
            _ => Operation::Undelete { id, precondition },
        };
        let mut request = write(operation);
        request.author = self.one_in(2).then(|| "Zoë".to_owned());
        request.note = self.one_in(8).then(|| "why".to_owned());
        request.squash = Squash::of_seconds(*self.of(&[0, 900, 900]));
        if self.one_in(6) {
            request =
                idempotent(request, &format!("key {}", self.below(30)), u8::from(self.one_in(4)));
        }
        request
    }

    /// A purge of a persona in one of the states that it can have.
    pub fn purge(&mut self) -> Purge {
        let purge = Purge::new(self.id(), self.precondition(), soon());
        let named = self.one_in(6).then(|| self.handle_name());
        Purge { named, author: self.one_in(2).then(|| "Zoë".to_owned()), ..purge }
    }

    /// Moves of labels: mostly one, sometimes a few.
    pub fn moves(&mut self) -> LabelMoves {
        let count = if self.one_in(3) { self.below(4) + 1 } else { 1 };
        let mut moves: Vec<LabelMove> = Vec::new();
        for _ in 0..count {
            let one = self.one_move();
            let is_other =
                |made: &LabelMove| (made.persona, &made.name) != (one.persona, &one.name);
            if moves.iter().all(is_other) {
                moves.push(one);
            }
        }
        let moves = LabelMoves::new(moves, soon()).expect("different labels");
        moves.by(self.one_in(2).then(|| "Zoë".to_owned()))
    }

    fn label(&mut self) -> LabelName {
        let word = *self.of(&["production", "staging", "v1.0"]);
        LabelName::parse(word).expect("a label")
    }

    fn one_move(&mut self) -> LabelMove {
        let target = match self.below(8) {
            0..4 => LabelTarget::Revision(self.revision()),
            4 => LabelTarget::Label(self.label()),
            5 => LabelTarget::Nowhere,
            _ => LabelTarget::Latest,
        };
        let precondition = match self.below(8) {
            0 => LabelPrecondition::IsSet,
            1 => LabelPrecondition::IsNotSet,
            2 => LabelPrecondition::OneOf(vec![]),
            _ => LabelPrecondition::Any,
        };
        LabelMove { precondition, ..LabelMove::new(self.id(), self.label(), target) }
    }

    fn search(&mut self) -> Option<Search> {
        let first = self.text();
        let text = match self.below(5) {
            0 => first,
            1 => format!("\"{first}\""),
            2 => format!("{}*", self.of(&WORDS)),
            3 => format!("{first} -{}", self.of(&WORDS)),
            _ => format!("-{}", self.of(&WORDS)),
        };
        Search::parse(&text).ok()
    }

    pub fn counts(&mut self) -> CountRequest {
        let by = match self.below(4) {
            0 => CountBy::Label,
            1 => CountBy::Owner,
            2 => CountBy::Folder(None),
            _ => CountBy::Folder(HandlePrefix::parse(self.of::<&str>(&["h", "h1", "h1/", "x/"]))),
        };
        let after = self.one_in(3).then(|| (*self.of(&["", "ada", "h1/", "production"])).into());
        let limit = usize::try_from(self.below(4) + 1).expect("small");
        CountRequest { by, after, limit, reach: self.reach() }
    }

    pub fn list(&mut self, now: Timestamp) -> ListRequest {
        let filter = Filter {
            kind: self.one_in(4).then(|| *self.of(&Kind::ALL)),
            is_active: self.one_in(4).then(|| self.one_in(2)),
            tags: if self.one_in(3) {
                filter_tags(self.tags().into_iter()).expect("few")
            } else {
                Vec::new()
            },
            updated_since: self
                .one_in(5)
                .then(|| Since::Time(Timestamp::from_micros(now.as_micros() - 10_000))),
            search: if self.one_in(2) { self.search() } else { None },
            include_deleted: self.one_in(3),
            owned: self.one_in(4).then(|| match self.of(&["", "ada", "bea"]).parse() {
                Ok(owner) => Owned::By(owner),
                Err(_) => Owned::ByNone,
            }),
            without_tags: if self.one_in(5) {
                filter_tags(self.tags().into_iter()).expect("few")
            } else {
                Vec::new()
            },
            label: self.one_in(8).then(|| self.label()),
            handle_prefix: HandlePrefix::parse(
                ["", "", "", "h", "h1"][usize::try_from(self.below(5)).expect("small")],
            ),
            reach: self.reach(),
        };
        ListRequest {
            filter,
            sort: self.of(&Sort::ALL).1,
            after: None,
            limit: usize::try_from(self.below(6) + 1).expect("small"),
            count: self.one_in(2),
        }
    }
}
