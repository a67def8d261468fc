//! A small object of a body that is taken apart member by member, so that each error has its place.

use persona_model::{FieldError, ValidationErrors, excerpt, excerpt_step, nearest_name};
use serde_json::{Map, Value};

use super::json::whole_number;
use crate::problem::Problem;

/// An object that is being taken apart.
pub(super) struct Members(pub Map<String, Value>);

impl Members {
    /// Takes a body for an object of which every member is known.
    pub(super) fn of(body: Value, known: &[&'static str]) -> Result<Self, Problem> {
        let Value::Object(members) = body else {
            return Err(wrong("", "not_an_object", "must be an object"));
        };
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let near = nearest_name(name, known.iter().copied());
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let message = format!("{:?} is none of {}{near}", excerpt(name), known.join(", "));
            return Err(wrong(&pointer_of(name), "unknown_member", &message));
        }
        Ok(Self(members))
    }

    /// The text of a member; `None` where it is missing or null.
    pub(super) fn text(&mut self, member: &str) -> Result<Option<String>, Problem> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(&format!("/{member}"), "wrong_type", "must be a string")),
        }
    }

    /// Whether a member is true; a missing one, or null, is false.
    pub(super) fn flag(&mut self, member: &str) -> Result<bool, Problem> {
        match self.0.remove(member) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong(&format!("/{member}"), "wrong_type", "must be true or false")),
        }
    }

    /// A whole number within bounds; `None` where it is missing or null.
    pub(super) fn number(
        &mut self,
        member: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let value = self.0.remove(member).filter(|value| !value.is_null());
        let Some(value) = value else { return Ok(None) };
        let number = whole_number(&value).filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let message =
                format!("must be a whole number from {} to {}", bounds.start(), bounds.end());
            wrong(&format!("/{member}"), "bad_value", &message)
        })
    }
}

/// A member that must be there and is not.
pub(super) fn missing(member: &str) -> Problem {
    wrong(&format!("/{member}"), "required", "must be there")
}

/// One error at one place.
pub(super) fn wrong(pointer: &str, code: &'static str, message: &str) -> Problem {
    inside("", ValidationErrors::one(pointer, code, message))
}

/// The same errors, with places in a member of the body.
pub(crate) fn inside(member: &str, invalid: ValidationErrors) -> Problem {
    let ValidationErrors { errors, more } = invalid;
    let placed =
        |error: FieldError| FieldError { pointer: format!("{member}{}", error.pointer), ..error };
    ValidationErrors { errors: errors.into_iter().map(placed).collect(), more }.into()
}

/// The place of a member of the body.
pub(super) fn pointer_of(member: &str) -> String {
    format!("/{}", excerpt_step(member))
}
