//! The rules of a document: one walk over the table of fields that finds every error.

use serde_json::{Map, Value};

use crate::field::{
    ASSETS_MAX, FIELDS, Field, FieldKind, HANDLE_CHARS_MAX, HANDLE_SEGMENTS_MAX, LANGUAGES_MAX,
    LINE_CHARS_MAX, NAME_CHARS_MAX, OBJECT_DEPTH_MAX, RATINGS, TEXT_BYTES_MAX, nearest_field,
};
use crate::handle::is_handle;
use crate::owner::{OWNER_CHARS_MAX, OWNER_SIGNS, is_owner};
use crate::validation_errors::{FIELD_ERRORS_MAX, excerpt};
use crate::{FieldError, ValidationErrors, excerpt_step, operations};

/// Members that the store manages, and that a client cannot set. An export contains them.
pub const MANAGED_MEMBERS: [&str; 9] = [
    "id",
    "revision",
    "created_at",
    "updated_at",
    "deleted_at",
    "created_by",
    "updated_by",
    "content_hash",
    "labels",
];

/// Fewest characters of a tag or a source.
const ITEM_CHARS_MIN: usize = 1;

pub(crate) fn document(input: Value) -> Result<Map<String, Value>, ValidationErrors> {
    let Value::Object(mut input) = input else {
        return Err(ValidationErrors::one(
            "",
            "not_an_object",
            format!("must be a JSON object, not {}", kind_of(&input)),
        ));
    };
    let mut errors = Errors::default();
    let mut members = Map::new();
    for field in FIELDS {
        let pointer = format!("/{}", field.name);
        match input.remove(field.name) {
            None | Some(Value::Null) => match field.default() {
                Some(value) => drop(members.insert(field.name.into(), value)),
                None => errors.add(pointer, "required", format!("{} is required", field.name)),
            },
            Some(value) => {
                errors.check_field(field, &pointer, &value);
                members.insert(field.name.into(), value);
            }
        }
    }
    for name in input.keys() {
        errors.add_unknown(name);
    }
    if errors.found.is_empty() {
        Ok(members)
    } else {
        Err(ValidationErrors { errors: errors.found, more: errors.more })
    }
}

/// The first rule of its field that a value breaks, for people.
pub(crate) fn broken_rule(field: &Field, value: &Value) -> Option<String> {
    let mut errors = Errors::default();
    errors.check_field(field, field.name, value);
    errors.found.into_iter().next().map(|error| error.message)
}

#[derive(Default)]
struct Errors {
    found: Vec<FieldError>,
    more: usize,
}

impl Errors {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, message: impl Into<String>) {
        if self.are_enough() {
            self.more += 1;
        } else {
            self.found.push(FieldError { pointer: pointer.into(), code, message: message.into() });
        }
    }

    /// Whether the list of errors is full, so that further ones are only counted.
    fn are_enough(&self) -> bool {
        self.found.len() >= FIELD_ERRORS_MAX
    }

    fn add_unknown(&mut self, name: &str) {
        if self.are_enough() {
            self.more += 1;
            return;
        }
        let pointer = format!("/{}", excerpt_step(name));
        if MANAGED_MEMBERS.contains(&name) {
            self.add(
                pointer,
                "read_only",
                format!("{name} is managed by the store and cannot be set"),
            );
        } else if let Some(near) = nearest_field(name) {
            self.add(pointer, "unknown_member", format!("unknown member; did you mean {near}?"));
        } else {
            self.add(
                pointer,
                "unknown_member",
                "unknown member; free-form data belongs in extensions",
            );
        }
    }

    fn check_field(&mut self, field: &Field, at: &str, value: &Value) {
        match field.shape {
            FieldKind::Name => self.check_name(at, value),
            FieldKind::Line => self.check_line(at, value, 0, LINE_CHARS_MAX),
            FieldKind::Text => self.check_text(at, value),
            FieldKind::OneOf(words) => self.check_word(at, value, words),
            FieldKind::Handle => self.check_handle(at, value),
            FieldKind::Owner => self.check_owner(at, value),
            FieldKind::Texts { items_max } => {
                self.check_items(at, value, items_max, Self::check_text);
            }
            FieldKind::Lines { items_max, chars_max } => {
                self.check_items(at, value, items_max, |errors, at, item| {
                    errors.check_line(at, item, ITEM_CHARS_MIN, chars_max);
                });
            }
            FieldKind::TextByLanguage => self.check_languages(at, value),
            FieldKind::Rating => self.check_rating(at, value),
            FieldKind::Object { bytes_max } => self.check_object(at, value, bytes_max),
            FieldKind::Assets => self.check_items(at, value, ASSETS_MAX, Self::check_asset),
            FieldKind::Flag { .. } => {
                if !value.is_boolean() {
                    self.wrong_type(at, value, "true or false");
                }
            }
        }
    }

    fn wrong_type(&mut self, at: &str, value: &Value, wanted: &str) {
        self.add(at, "wrong_type", format!("must be {wanted}, not {}", kind_of(value)));
    }

    fn check_name(&mut self, at: &str, value: &Value) {
        self.check_line(at, value, 1, NAME_CHARS_MAX);
        if value.as_str().is_some_and(|name| !name.is_empty() && name.trim().is_empty()) {
            self.add(at, "blank", "must not be blank");
        }
    }

    fn check_line(&mut self, at: &str, value: &Value, chars_min: usize, chars_max: usize) {
        let Some(line) = value.as_str() else { return self.wrong_type(at, value, "a string") };
        let chars = line.chars().count();
        if chars < chars_min {
            self.add(
                at,
                "too_short",
                format!("must have at least {chars_min} character, has {chars}"),
            );
        } else if chars > chars_max {
            self.add(
                at,
                "too_long",
                format!("must have at most {chars_max} characters, has {chars}"),
            );
        }
        if let Some(control) = line.chars().find(|char| char.is_control()) {
            self.add(
                at,
                "control_character",
                format!("must not hold control characters, holds U+{:04X}", u32::from(control)),
            );
        }
    }

    fn check_text(&mut self, at: &str, value: &Value) {
        let Some(text) = value.as_str() else { return self.wrong_type(at, value, "a string") };
        if text.len() > TEXT_BYTES_MAX {
            self.add(
                at,
                "too_long",
                format!("must have at most {TEXT_BYTES_MAX} bytes, has {}", text.len()),
            );
        }
    }

    fn check_word(&mut self, at: &str, value: &Value, words: &[&str]) {
        let Some(word) = value.as_str() else { return self.wrong_type(at, value, "a string") };
        if !words.contains(&word) {
            self.add(
                at,
                "not_allowed",
                format!("must be one of {}, is {:?}", words.join(", "), excerpt(word)),
            );
        }
    }

    fn check_handle(&mut self, at: &str, value: &Value) {
        let Some(handle) = value.as_str() else {
            return self.wrong_type(at, value, "a string or null");
        };
        if !is_handle(handle) {
            self.add(
                at,
                "bad_handle",
                format!(
                    "must be 1 to {HANDLE_SEGMENTS_MAX} words of a-z, 0-9 and -, with / between \
                     them, at most {HANDLE_CHARS_MAX} characters together"
                ),
            );
        }
    }

    fn check_owner(&mut self, at: &str, value: &Value) {
        let Some(owner) = value.as_str() else {
            return self.wrong_type(at, value, "a string or null");
        };
        if !is_owner(owner) {
            self.add(
                at,
                "bad_owner",
                format!(
                    "must be 1 to {OWNER_CHARS_MAX} of A-Z, a-z, 0-9 and {OWNER_SIGNS}, \
                     a letter or digit first"
                ),
            );
        }
    }

    fn check_items(
        &mut self,
        at: &str,
        value: &Value,
        items_max: usize,
        check: impl Fn(&mut Self, &str, &Value),
    ) {
        let Some(items) = value.as_array() else { return self.wrong_type(at, value, "a list") };
        if items.len() > items_max {
            return self.add(
                at,
                "too_many",
                format!("must have at most {items_max} items, has {}", items.len()),
            );
        }
        for (index, item) in items.iter().enumerate() {
            check(self, &format!("{at}/{index}"), item);
        }
    }

    fn check_languages(&mut self, at: &str, value: &Value) {
        let Some(texts) = value.as_object() else {
            return self.wrong_type(at, value, "an object of language to text");
        };
        if texts.len() > LANGUAGES_MAX {
            return self.add(
                at,
                "too_many",
                format!("must have at most {LANGUAGES_MAX} languages, has {}", texts.len()),
            );
        }
        for (language, text) in texts {
            self.check_text(&format!("{at}/{}", excerpt_step(language)), text);
        }
    }

    fn check_rating(&mut self, at: &str, value: &Value) {
        let Some(rating) = value.as_object() else {
            return self.wrong_type(at, value, "an object with default and allowed");
        };
        for name in rating.keys().filter(|name| !["default", "allowed"].contains(&name.as_str())) {
            self.add(
                format!("{at}/{}", excerpt_step(name)),
                "unknown_member",
                "unknown member; a content rating has default and allowed",
            );
        }
        let missing = Value::Null;
        let (default, allowed) =
            (rating.get("default").unwrap_or(&missing), rating.get("allowed").unwrap_or(&missing));
        self.check_word(&format!("{at}/default"), default, &RATINGS);
        self.check_items(&format!("{at}/allowed"), allowed, RATINGS.len(), |errors, at, item| {
            errors.check_word(at, item, &RATINGS);
        });
        if default.is_string()
            && allowed.as_array().is_some_and(|allowed| !allowed.contains(default))
        {
            self.add(format!("{at}/default"), "not_allowed", "must be among the allowed ratings");
        }
    }

    fn check_object(&mut self, at: &str, value: &Value, bytes_max: usize) {
        if !value.is_object() {
            return self.wrong_type(at, value, "an object");
        }
        let depth = operations::depth(value);
        if depth > OBJECT_DEPTH_MAX {
            self.add(
                at,
                "too_deep",
                format!("must be nested at most {OBJECT_DEPTH_MAX} deep, is {depth}"),
            );
        }
        let bytes = value.to_string().len();
        if bytes > bytes_max {
            self.add(
                at,
                "too_long",
                format!("must have at most {bytes_max} bytes as JSON, has {bytes}"),
            );
        }
    }

    fn check_asset(&mut self, at: &str, value: &Value) {
        let Some(asset) = value.as_object() else {
            return self.wrong_type(at, value, "an object with type, uri, name and ext");
        };
        for member in ["type", "uri", "name", "ext"] {
            match asset.get(member) {
                Some(Value::String(_)) => {}
                Some(other) => self.wrong_type(&format!("{at}/{member}"), other, "a string"),
                None => {
                    self.add(format!("{at}/{member}"), "required", format!("{member} is required"));
                }
            }
        }
        for name in
            asset.keys().filter(|name| !["type", "uri", "name", "ext"].contains(&name.as_str()))
        {
            self.add(
                format!("{at}/{}", excerpt_step(name)),
                "unknown_member",
                "unknown member; an asset has type, uri, name and ext",
            );
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
