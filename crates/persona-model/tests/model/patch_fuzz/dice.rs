//! Random documents and patches. Most paths exist in the document, so that most patches change
//! something.

use serde_json::{Map, Value, json};

const NAMES: &[&str] = &["a", "b", "c", "", "0", "1", "-", "a/b", "m~n", "~1", "Ü 名", "01"];
const TEXTS: &[&str] = &["", "a", "Ada", "é 名 🜁", "\u{1}\"\\\n", "~", "/"];
/// Members of a document that random values may go into; most others hold texts only.
const PLACES: &[&str] = &["extensions", "character_book", "style_preferences"];
/// Deepest nesting of a random value; the strict reader accepts it in bodies.
const NESTING_MAX: usize = 99;

/// Deepest nesting of a random value inside a document: its free-form objects may have 64 levels.
const NESTING_OF_A_DOCUMENT_MAX: usize = 58;

/// A generator of random numbers (SplitMix64). The seed decides all its numbers.
pub struct Dice {
    state: u64,
    nesting_max: usize,
}

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self { state: seed, nesting_max: NESTING_MAX }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random number from 0 to `end - 1`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("less than a usize")
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A random valid document.
    pub fn document(&mut self) -> Value {
        let mut members = json!({ "name": "Ada", "nickname": *self.pick(&["", "A"]), "tags": ["x", "y"], "source": ["one"] });
        self.nesting_max = NESTING_OF_A_DOCUMENT_MAX;
        for place in PLACES {
            members[*place] = self.object(3);
        }
        self.nesting_max = NESTING_MAX;
        members["alternate_greetings"] = json!(["hello", "good day"]);
        members["creator_notes_multilingual"] = json!({ "en": "notes", "de": "Notizen" });
        members["assets"] =
            json!([{ "type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png" }]);
        members
    }

    fn object(&mut self, levels: usize) -> Value {
        let count = self.below(4);
        Value::Object(
            (0..count).map(|_| ((*self.pick(NAMES)).to_owned(), self.value(levels))).collect(),
        )
    }

    fn value(&mut self, levels: usize) -> Value {
        match self.below(if levels == 0 { 6 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.one_in(2)),
            2 => self.number(),
            3 | 4 => json!(*self.pick(TEXTS)),
            5 => json!("x".repeat(self.below(3_000))),
            6 | 7 => Value::Array((0..self.below(4)).map(|_| self.value(levels - 1)).collect()),
            8 => self.object(levels - 1),
            _ => self.chain(),
        }
    }

    fn number(&mut self) -> Value {
        let whole = [
            json!(0),
            json!(-1),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(9_007_199_254_740_993_u64),
        ];
        let double = [
            json!(1.0),
            json!(-0.0),
            json!(1e300),
            json!(0.1),
            json!(9_007_199_254_740_992.0),
            json!(18_446_744_073_709_551_616.0),
        ];
        if self.one_in(2) { self.pick(&whole).clone() } else { self.pick(&double).clone() }
    }

    /// A nested value, mostly not deep.
    fn chain(&mut self) -> Value {
        let most = if self.one_in(8) { self.nesting_max } else { 12 };
        let depth = self.below(most);
        (0..depth).fold(json!(1), |inner, _| {
            if self.one_in(2) { json!([inner]) } else { json!({ "a": inner }) }
        })
    }

    /// A random merge patch: an object with members that are mostly names of fields.
    pub fn merge_patch(&mut self, document: &Value) -> Value {
        let mut patch = Map::new();
        for _ in 0..self.below(4) {
            let (name, value) = match self.below(8) {
                0 => (
                    (*self.pick(&["nickname", "description", "creator"])).to_owned(),
                    json!(*self.pick(TEXTS)),
                ),
                1 => ("tags".to_owned(), json!(["x", "z"])),
                2 => (
                    (*self.pick(&["handle", "name", "extensions", "kind", "nickname"])).to_owned(),
                    Value::Null,
                ),
                3 => (
                    (*self.pick(&["tags", "name", "nonsense", "assets"])).to_owned(),
                    self.value(2),
                ),
                _ => {
                    let place = *self.pick(PLACES);
                    (place.to_owned(), self.change_of(&document[place], 4))
                }
            };
            patch.insert(name, value);
        }
        Value::Object(patch)
    }

    /// A merge patch for a value: some of its members exist in the value, some do not.
    fn change_of(&mut self, value: &Value, levels: usize) -> Value {
        let Value::Object(members) = value else { return self.value(2) };
        let mut change = Map::new();
        for (name, member) in members {
            match self.below(4) {
                0 => drop(change.insert(name.clone(), Value::Null)),
                1 if levels > 0 => {
                    drop(change.insert(name.clone(), self.change_of(member, levels - 1)));
                }
                _ => {}
            }
        }
        if self.one_in(2) {
            change.insert((*self.pick(NAMES)).to_owned(), self.value(3));
        }
        Value::Object(change)
    }

    /// The operations of a random JSON Patch.
    pub fn operations(&mut self, document: &Value) -> Vec<Value> {
        let mut paths = Vec::new();
        paths_of(document, &mut String::new(), &mut paths);
        let inner: Vec<&String> = paths
            .iter()
            .filter(|path| PLACES.iter().any(|place| path.starts_with(&format!("/{place}"))))
            .collect();
        if self.one_in(150) {
            return self.copies(&inner);
        }
        let mut operations = Vec::new();
        for _ in 0..=self.below(6) {
            let from_all = self.one_in(5);
            let mut path =
                || if from_all { self.pick(&paths).clone() } else { (*self.pick(&inner)).clone() };
            let (from, mut to) = (path(), path());
            self.bend(&mut to);
            operations.push(self.operation(document, &from, &to));
        }
        operations
    }

    /// The same `copy` many times: a copy into itself grows in depth, another one in size.
    fn copies(&mut self, paths: &[&String]) -> Vec<Value> {
        let to = *self.pick(paths);
        let above: Vec<&&String> =
            paths.iter().filter(|path| to.starts_with(&format!("{path}/"))).collect();
        let nests = !above.is_empty() && self.one_in(2);
        let (from, times) = if nests {
            (**self.pick(&above), self.below(40))
        } else {
            (*self.pick(paths), self.below(700))
        };
        vec![json!({ "op": "copy", "from": from, "path": to }); times]
    }

    fn operation(&mut self, document: &Value, from: &str, to: &str) -> Value {
        match self.below(16) {
            0..4 => json!({ "op": "add", "path": to, "value": self.value(3) }),
            4..6 => json!({ "op": "remove", "path": to }),
            6..8 => json!({ "op": "replace", "path": to, "value": self.value(3) }),
            8..11 => json!({ "op": "move", "from": from, "path": to }),
            11..14 => json!({ "op": "copy", "from": from, "path": to }),
            14 => {
                let value = document.pointer(from).cloned().unwrap_or_default();
                json!({ "op": "test", "path": from, "value": if self.one_in(2) { respelled(&value) } else { value } })
            }
            _ => {
                json!({ "op": *self.pick(&["test", "frob", "copy"]), "path": to, "value": self.value(1) })
            }
        }
    }

    /// Sometimes changes a path: to a deeper place, to the end of a list, to a text that is no
    /// pointer.
    fn bend(&mut self, path: &mut String) {
        match self.below(10) {
            0 | 1 => path.extend(["/", &self.pick(NAMES).replace('~', "~0").replace('/', "~1")]),
            2 => path.push_str("/-"),
            3 => path.extend(["/", *self.pick(&["0", "1", "2", "3"])]),
            4 if self.one_in(4) => path.push_str("/01"),
            5 if self.one_in(4) => path.push_str("/18446744073709551616"),
            6 if self.one_in(16) => path.push_str("/~2"),
            7 if self.one_in(16) => path.clear(),
            8 if self.one_in(16) => path.insert(0, 'x'),
            _ => {}
        }
    }
}

/// The value with each whole number as a double, and each double as a whole number. A number too
/// large for that becomes another number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a number that is not quite the same is a case too"
)]
fn respelled(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => number
            .as_f64()
            .filter(|double| double.fract() == 0.0)
            .map_or(json!(1), |number| json!(number as i64)),
        Value::Number(number) => number.as_i64().map_or(json!(1), |whole| json!(whole as f64)),
        Value::Array(items) => items.iter().map(respelled).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), respelled(member))).collect()
        }
        other => other.clone(),
    }
}

/// The pointers of everything in a value.
fn paths_of(value: &Value, path: &mut String, found: &mut Vec<String>) {
    found.push(path.clone());
    let length = path.len();
    let mut inside = |step: &str, value: &Value| {
        path.push('/');
        path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        paths_of(value, path, found);
        path.truncate(length);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| inside(name, member)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| inside(&index.to_string(), item));
        }
        _ => {}
    }
}
