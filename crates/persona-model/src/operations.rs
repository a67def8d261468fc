//! The operations of a JSON Patch (RFC 6902), applied in order and within bounds of work.
//!
//! A short patch can make a server do a lot of work: a `copy` can double a value at every step, in
//! size or in depth, and an insertion at the start of a long list moves all other items. So the
//! bytes that an operation copies, the depth that it makes and the items that it moves are counted
//! before it is done.

use json_patch::PatchOperation;
use json_patch::jsonptr::Pointer;
use serde_json::Value;

use crate::validation_errors::excerpt;
use crate::{PatchError, ValidationErrors};

/// Deepest nesting of a body, and of a document while it is patched. A free-form object may have 64
/// levels and lies a few levels down in a patch.
pub const VALUE_DEPTH_MAX: usize = 100;
/// Most bytes of JSON that the `copy` operations of one patch may copy. A `move` to a deeper place
/// counts as a copy.
pub const PATCH_COPIED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Fewest bytes that one copy counts for, so that a patch cannot make a server copy thousands of
/// small values.
pub const PATCH_COPY_BYTES_MIN: usize = 16 * 1024;
/// Most items of lists that the insertions and removals of one patch may move: about a tenth of a
/// second.
pub const PATCH_MOVED_ITEMS_MAX: usize = 32 * 1024 * 1024;

/// Applies operations in order; after an error the document may be partly changed.
pub(crate) fn apply(document: &mut Value, operations: &[PatchOperation]) -> Result<(), PatchError> {
    let mut work = Work { copied: 0, moved: 0 };
    for (index, operation) in operations.iter().enumerate() {
        work.apply(document, operation).map_err(|failure| failure.at(index))?;
    }
    Ok(())
}

/// Why an operation was not done.
enum Failure {
    Test { pointer: String },
    Missing { what: &'static str, pointer: String },
    IntoItself,
    TooDeep { depth: usize },
    TooMuchCopied { bytes: usize },
    TooMuchMoved { items: usize },
}

impl Failure {
    fn missing(what: &'static str, pointer: &Pointer) -> Self {
        Self::Missing { what, pointer: excerpt(pointer.as_str()).into() }
    }

    fn at(self, index: usize) -> PatchError {
        let (code, message) = match self {
            Self::Test { pointer } => return PatchError::TestFailed { pointer },
            Self::Missing { what, pointer } => (
                "bad_patch",
                format!("operation {index} failed: {what} {pointer:?} does not exist"),
            ),
            Self::IntoItself => (
                "bad_patch",
                format!("operation {index} failed: a value cannot be moved into itself"),
            ),
            Self::TooDeep { depth } => (
                "too_deep",
                format!(
                    "operation {index} would nest the document {depth} deep, at most {VALUE_DEPTH_MAX} are possible"
                ),
            ),
            Self::TooMuchCopied { bytes } => {
                let least = format!("each counts at least {PATCH_COPY_BYTES_MIN}");
                let limit = format!("at most {PATCH_COPIED_BYTES_MAX} are possible");
                (
                    "too_much",
                    format!(
                        "with operation {index} the patch would copy {bytes} bytes, {limit}; {least}"
                    ),
                )
            }
            Self::TooMuchMoved { items } => {
                let limit = format!("at most {PATCH_MOVED_ITEMS_MAX} are possible");
                (
                    "too_much",
                    format!(
                        "with operation {index} the patch would move {items} items of lists, {limit}"
                    ),
                )
            }
        };
        PatchError::Invalid(ValidationErrors::one(format!("/{index}"), code, message))
    }
}

/// The work that a patch has cost so far.
struct Work {
    copied: usize,
    moved: usize,
}

impl Work {
    fn apply(&mut self, document: &mut Value, operation: &PatchOperation) -> Result<(), Failure> {
        match operation {
            PatchOperation::Add(add) => {
                nests(&add.path, depth(&add.value))?;
                self.add(document, &add.path, add.value.clone())
            }
            PatchOperation::Remove(remove) => self.remove(document, &remove.path, "path").map(drop),
            PatchOperation::Replace(replace) => {
                nests(&replace.path, depth(&replace.value))?;
                let target = find_mut(document, &replace.path)
                    .ok_or_else(|| Failure::missing("path", &replace.path))?;
                *target = replace.value.clone();
                Ok(())
            }
            PatchOperation::Move(from_to) => self.move_to(document, &from_to.from, &from_to.path),
            PatchOperation::Copy(copy) => {
                let source = find(document, &copy.from)
                    .ok_or_else(|| Failure::missing("from", &copy.from))?;
                self.count_copy(source)?;
                nests(&copy.path, depth(source))?;
                let value = source.clone();
                self.add(document, &copy.path, value)
            }
            PatchOperation::Test(test) => {
                let holds =
                    find(document, &test.path).is_some_and(|value| are_equal(value, &test.value));
                if holds {
                    Ok(())
                } else {
                    Err(Failure::Test { pointer: excerpt(test.path.as_str()).into() })
                }
            }
        }
    }

    fn move_to(
        &mut self,
        document: &mut Value,
        from: &Pointer,
        to: &Pointer,
    ) -> Result<(), Failure> {
        let source = find(document, from).ok_or_else(|| Failure::missing("from", from))?;
        if from == to {
            return Ok(());
        }
        if to.as_str().strip_prefix(from.as_str()).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Failure::IntoItself);
        }
        if to.count() > from.count() {
            self.count_copy(source)?;
            nests(to, depth(source))?;
        }
        let value = self.remove(document, from, "from")?;
        self.add(document, to, value)
    }

    fn add(&mut self, document: &mut Value, path: &Pointer, value: Value) -> Result<(), Failure> {
        let Some((parent, last)) = path.split_back() else {
            *document = value;
            return Ok(());
        };
        let missing = || Failure::missing("path", path);
        match find_mut(document, parent).ok_or_else(missing)? {
            Value::Object(members) => drop(members.insert(last.decoded().into_owned(), value)),
            Value::Array(items) if last.encoded() == "-" => items.push(value),
            Value::Array(items) => {
                let at =
                    index(&last.decoded()).filter(|at| *at <= items.len()).ok_or_else(missing)?;
                self.count_moved(items.len() - at)?;
                items.insert(at, value);
            }
            _ => return Err(missing()),
        }
        Ok(())
    }

    fn remove(
        &mut self,
        document: &mut Value,
        path: &Pointer,
        what: &'static str,
    ) -> Result<Value, Failure> {
        let missing = || Failure::missing(what, path);
        let (parent, last) = path.split_back().ok_or_else(missing)?;
        match find_mut(document, parent).ok_or_else(missing)? {
            Value::Object(members) => members.remove(&*last.decoded()).ok_or_else(missing),
            Value::Array(items) => {
                let at =
                    index(&last.decoded()).filter(|at| *at < items.len()).ok_or_else(missing)?;
                self.count_moved(items.len() - at)?;
                Ok(items.remove(at))
            }
            _ => Err(missing()),
        }
    }

    fn count_copy(&mut self, value: &Value) -> Result<(), Failure> {
        self.copied += json_bytes(value).max(PATCH_COPY_BYTES_MIN);
        if self.copied > PATCH_COPIED_BYTES_MAX {
            Err(Failure::TooMuchCopied { bytes: self.copied })
        } else {
            Ok(())
        }
    }

    fn count_moved(&mut self, items: usize) -> Result<(), Failure> {
        self.moved += items;
        if self.moved > PATCH_MOVED_ITEMS_MAX {
            Err(Failure::TooMuchMoved { items: self.moved })
        } else {
            Ok(())
        }
    }
}

/// Checks that a value of this depth does not nest too deeply at a place.
fn nests(path: &Pointer, depth: usize) -> Result<(), Failure> {
    let depth = path.count() + depth;
    if depth > VALUE_DEPTH_MAX { Err(Failure::TooDeep { depth }) } else { Ok(()) }
}

fn find<'a>(document: &'a Value, path: &Pointer) -> Option<&'a Value> {
    path.tokens().try_fold(document, |value, step| match value {
        Value::Object(members) => members.get(&*step.decoded()),
        Value::Array(items) => items.get(index(&step.decoded())?),
        _ => None,
    })
}

fn find_mut<'a>(document: &'a mut Value, path: &Pointer) -> Option<&'a mut Value> {
    path.tokens().try_fold(document, |value, step| match value {
        Value::Object(members) => members.get_mut(&*step.decoded()),
        Value::Array(items) => items.get_mut(index(&step.decoded())?),
        _ => None,
    })
}

/// The list index that a step of a pointer names: digits without a leading zero (RFC 6901 section
/// 4).
fn index(step: &str) -> Option<usize> {
    let plain =
        step == "0" || (!step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { step.parse().ok() } else { None }
}

/// Nesting of a value: 0 for a scalar. The recursion is safe, because no value here is deeper than
/// [`VALUE_DEPTH_MAX`].
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// About how many bytes a value has as JSON.
pub fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members
                .iter()
                .map(|(name, value)| name.len() + json_bytes(value) + 4)
                .sum::<usize>()
        }
    }
}

/// Whether two values are equal as RFC 6902 section 4.6 has it: numbers by value, so that 1 and 1.0
/// are the same.
fn are_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => are_equal_numbers(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| are_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, left): (&String, &Value)| {
                right.get(name).is_some_and(|right| are_equal(left, right))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a double without a fraction that exceeds 128 bits equals no integer of 64"
)]
fn are_equal_numbers(left: &serde_json::Number, right: &serde_json::Number) -> bool {
    let whole = |number: &serde_json::Number| {
        number.as_i64().map(i128::from).or(number.as_u64().map(i128::from))
    };
    match (whole(left), whole(right), left.as_f64(), right.as_f64()) {
        (Some(left), Some(right), ..) => left == right,
        (Some(whole), None, _, Some(double)) | (None, Some(whole), Some(double), _) => {
            double.fract() == 0.0 && double as i128 == whole
        }
        (None, None, left, right) => left == right,
        _ => false,
    }
}
