//! The form of a JSON Patch (RFC 6902, sections 3 and 4): what is wrong with a list of operations
//! before any is applied.

use serde_json::{Map, Value};

use crate::nearest_name;
use crate::validation_errors::{FIELD_ERRORS_MAX, FieldError, ValidationErrors, excerpt};

/// Every operation with the members that it requires besides `op` and `path`.
const OPERATIONS: [(&str, &[&str]); 6] = [
    ("add", &["value"]),
    ("remove", &[]),
    ("replace", &["value"]),
    ("move", &["from"]),
    ("copy", &["from"]),
    ("test", &["value"]),
];

/// Checks the form of every operation; all errors at once.
///
/// # Errors
///
/// Every operation that breaks a rule, with its place in the patch.
pub(crate) fn check(patch: &Value) -> Result<(), ValidationErrors> {
    let Value::Array(operations) = patch else {
        return Err(ValidationErrors::one(
            "",
            "bad_patch",
            "a JSON Patch must be a list of operations",
        ));
    };
    let mut invalid = ValidationErrors { errors: Vec::new(), more: 0 };
    for (index, operation) in operations.iter().enumerate() {
        for (place, message) in errors_of(operation) {
            if invalid.errors.len() < FIELD_ERRORS_MAX {
                invalid.errors.push(FieldError {
                    pointer: format!("/{index}{place}"),
                    code: "bad_patch",
                    message,
                });
            } else {
                invalid.more += 1;
            }
        }
    }
    if invalid.errors.is_empty() { Ok(()) } else { Err(invalid) }
}

/// The errors of one operation: for each the place inside the operation, and the reason.
fn errors_of(operation: &Value) -> Vec<(&'static str, String)> {
    let Value::Object(members) = operation else {
        return vec![("", "an operation must be an object with op and path".into())];
    };
    let mut errors = Vec::new();
    let names = || OPERATIONS.iter().map(|(name, _)| *name);
    let known = names().collect::<Vec<_>>().join(", ");
    let needed = match members.get("op").map(Value::as_str) {
        None => {
            errors.push(("", format!("op is missing; it must be one of {known}")));
            None
        }
        Some(op) => {
            let needed =
                OPERATIONS.iter().find(|(name, _)| Some(*name) == op).map(|(_, needed)| *needed);
            if needed.is_none() {
                let near = op
                    .and_then(|op| nearest_name(op, names()))
                    .map(|near| format!("; did you mean {near}?"))
                    .unwrap_or_default();
                errors.push(("/op", format!("must be one of {known}{near}")));
            }
            needed
        }
    };
    errors.extend(error_of_pointer(members, "path", "/path"));
    for member in needed.unwrap_or_default() {
        match *member {
            "from" => errors.extend(error_of_pointer(members, "from", "/from")),
            member if !members.contains_key(member) => {
                errors.push(("", format!("{member} is missing")));
            }
            _ => {}
        }
    }
    errors
}

/// The error of a member that must be a JSON Pointer (RFC 6901, section 3).
fn error_of_pointer(
    members: &Map<String, Value>,
    member: &str,
    place: &'static str,
) -> Option<(&'static str, String)> {
    let Some(value) = members.get(member) else {
        return Some(("", format!("{member} is missing")));
    };
    let Some(text) = value.as_str() else {
        return Some((place, "must be a string that holds a JSON Pointer".into()));
    };
    if !text.is_empty() && !text.starts_with('/') {
        return Some((
            place,
            format!(
                "must be a JSON Pointer, which is empty or begins with /, is {:?}",
                excerpt(text)
            ),
        ));
    }
    let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (!is_escaped).then(|| {
        (place, format!("must be a JSON Pointer, in which ~ is written ~0, is {:?}", excerpt(text)))
    })
}
