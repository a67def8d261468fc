//! A base, and what two sides make of it. Every word is at one place of a document only, and each
//! side has words of its own, so that it can be told of each what became of it.

use std::collections::BTreeSet;

use persona_model::Document;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One edit of a list: what, and where.
type Edit = (u8, usize);
/// The edits of one side: of each list.
type Edits = [Vec<Edit>; LISTS.len()];

/// The lists of a document: lines of a text, and items.
const LISTS: [&str; 6] = ["line", "tag", "greeting", "asset", "entry", "unnamed"];
/// Most items that the base has of each.
const ITEMS_MAX: usize = 6;

/// What one side made of the base, or the base itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    lists: [Vec<Item>; LISTS.len()],
}

/// An item that has a place in a list: its name stays, its words may change.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    name: String,
    words: [String; 3],
}

impl Item {
    fn new(name: String) -> Self {
        let words = [0, 1, 2].map(|place| format!("{name}/{place}"));
        Self { name, words }
    }
}

impl Version {
    fn base(sizes: [usize; LISTS.len()]) -> Self {
        let mut place = 0;
        let lists = sizes.map(|size| {
            let list = LISTS[place];
            place += 1;
            (0..size).map(|item| Item::new(format!("{list}-{item}"))).collect()
        });
        Self { lists }
    }

    fn edited(&self, side: &str, edits: &Edits) -> Self {
        let mut lists = self.lists.clone();
        for (place, list) in lists.iter_mut().enumerate() {
            for (number, (what, at)) in edits[place].iter().enumerate() {
                let word = format!("{side}-{}-{number}", LISTS[place]);
                edit(list, *what, *at, word);
            }
        }
        Self { lists }
    }

    pub fn document(&self) -> Document {
        let [lines, tags, greetings, assets, entries, unnamed] = &self.lists;
        let all_words = |items: &[Item]| -> Vec<String> {
            items.iter().map(|item| item.words.join("+")).collect()
        };
        let text = |item: &Item| item.words.join("\n");
        let asset = |item: &Item| json!({ "type": "icon", "name": item.name, "uri": item.words[0], "ext": item.words[1..].join("+") });
        let entry = |item: &Item| json!({ "keys": [item.words[0]], "content": item.words[1..].join("\n-\n") });
        let named = |item: &Item| {
            let mut entry = entry(item);
            entry["id"] = json!(item.name);
            entry
        };
        let book = entries.iter().map(named).chain(unnamed.iter().map(entry));
        Document::from_json(json!({
            "name": "Ada",
            "description": all_words(lines).join("\n"),
            "tags": tags.iter().map(|item| &item.words[0]).collect::<Vec<_>>(),
            "alternate_greetings": greetings.iter().map(text).collect::<Vec<_>>(),
            "assets": assets.iter().map(asset).collect::<Vec<_>>(),
            "character_book": { "entries": book.collect::<Vec<_>>() },
        }))
        .expect("valid")
    }
}

fn edit(list: &mut Vec<Item>, what: u8, at: usize, word: String) {
    if list.is_empty() || what == 0 {
        list.insert(at % (list.len() + 1), Item::new(word));
        return;
    }
    let at = at % list.len();
    let next = (at + 1) % list.len();
    match what {
        1 => drop(list.remove(at)),
        2 => list[at].words[at % 3] = word,
        // Nothing tells of a line that was moved that it is the same one.
        3 if !list[at].name.contains("line") => list.swap(at, next),
        3 => {}
        // The same on both sides.
        _ => list[at].words[0] = format!("both-{}", list[at].name),
    }
}

/// A base and two sides.
pub fn three() -> impl Strategy<Value = [Version; 3]> {
    let sizes = prop::array::uniform6(0..ITEMS_MAX);
    let edits = || prop::array::uniform6(prop::collection::vec((0..5_u8, 0..ITEMS_MAX), 0..3));
    (sizes, edits(), edits()).prop_map(|(sizes, theirs, yours)| {
        let base = Version::base(sizes);
        [base.clone(), base.edited("theirs", &theirs), base.edited("yours", &yours)]
    })
}

/// A base and two sides that changed one list, so that more of them merge.
pub fn three_of_one_list() -> impl Strategy<Value = [Version; 3]> {
    let edits = || prop::collection::vec((0..5_u8, 0..ITEMS_MAX), 0..4);
    (0..LISTS.len(), 0..ITEMS_MAX, edits(), edits()).prop_map(|(list, size, theirs, yours)| {
        let only = |edits: Vec<Edit>| {
            let mut all: Edits = std::array::from_fn(|_| Vec::new());
            all[list] = edits;
            all
        };
        let mut sizes = [1; LISTS.len()];
        sizes[list] = size;
        let base = Version::base(sizes);
        [base.clone(), base.edited("theirs", &only(theirs)), base.edited("yours", &only(yours))]
    })
}

/// The words of a document, in their order.
pub fn words(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    collect(&document.to_json(), &mut found);
    found
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            into.extend(
                text.split(['\n', '+'])
                    .filter(|word| word.len() > 1 && word.contains('-'))
                    .map(str::to_owned),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(members) => members.values().for_each(|value| collect(value, into)),
        _ => {}
    }
}

pub fn set(words: Vec<String>) -> BTreeSet<String> {
    words.into_iter().collect()
}
