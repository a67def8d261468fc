//! The text that an editor gets: a persona as TOML, in which a prompt of many lines is many lines.
//!
//! JSON would put the prompt on one line. TOML cannot express everything that JSON can (no null
//! inside free-form data, no integer above 2^63), so the form is read back before it is shown, and
//! JSON is used where that does not give the same persona.

use std::fmt::Write as _;

use persona_model::{FIELDS, FieldKind, has_conflict_marker, read_strictly};
use serde_json::{Map, Value};

/// Longest text that stays on the line of its name, in bytes.
const LINE_BYTES_MAX: usize = 80;

/// What a line of the form has before and behind the name of a field that ends in a marker of a
/// conflict. Without a line feed behind it the quotes would stand on the line of the marker, and go
/// with it.
const PUT_BEHIND_START: &str = "# The last line feed of ";
const PUT_BEHIND_END: &str = " is not part of it.";

/// The syntax of a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// Readable, for nearly every persona.
    Toml,
    /// Complete, for the rest.
    Json,
}

/// A persona as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    /// The syntax of the text.
    pub syntax: Syntax,
    /// The text.
    pub text: String,
}

impl Form {
    /// Writes the editable members of a persona, in the order in which people read them.
    pub fn of(document: &Map<String, Value>) -> Self {
        let readable = toml_of(document).filter(|text| {
            Syntax::Toml.read(text).is_ok_and(|read| read == without_null(document))
        });
        match readable {
            Some(text) => Self { syntax: Syntax::Toml, text },
            None => Self { syntax: Syntax::Json, text: json_of(document) },
        }
    }
}

impl Syntax {
    /// The extension of files in this syntax, by which editors know it.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Toml => ".toml",
            Self::Json => ".json",
        }
    }

    /// Reads the typed text. Members that are null are left out, because both mean the default.
    ///
    /// # Errors
    ///
    /// The text breaks the rules of the syntax; the message says where.
    pub fn read(self, text: &str) -> Result<Map<String, Value>, String> {
        match self {
            Self::Toml => {
                let table: toml::Table =
                    text.parse().map_err(|error: toml::de::Error| error.to_string())?;
                let members = table.into_iter().map(|(name, value)| (name, json_value(value)));
                let mut members: Map<String, Value> = members.collect();
                for name in text.lines().filter_map(put_behind) {
                    if let Some(Value::String(words)) = members.get_mut(name)
                        && words.ends_with('\n')
                    {
                        words.pop();
                    }
                }
                Ok(members)
            }
            Self::Json => match read_strictly(text.as_bytes()) {
                Ok(Value::Object(members)) => Ok(without_null(&members)),
                Ok(_) => Err("it must be a JSON object".into()),
                Err(malformed) => Err(format!(
                    "line {}, column {}: {}",
                    malformed.line,
                    malformed.column,
                    malformed.words()
                )),
            },
        }
    }
}

/// The members that are not null.
pub fn without_null(members: &Map<String, Value>) -> Map<String, Value> {
    members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn toml_of(document: &Map<String, Value>) -> Option<String> {
    let mut text = String::from(
        "# Save and close the editor to store what you changed; close without saving to leave \
         everything as it is.\n",
    );
    for field in FIELDS {
        let line = match document.get(field.name)? {
            Value::Null => format!("# {} = \"\"", field.name),
            Value::String(words)
                if field.shape == FieldKind::Text && is_long(words) && is_literal(words) =>
            {
                let (about, behind) = if words.lines().last().is_some_and(has_conflict_marker) {
                    (format!("{PUT_BEHIND_START}{}{PUT_BEHIND_END}\n", field.name), "\n")
                } else {
                    (String::new(), "")
                };
                format!("{about}{} = '''\n{words}{behind}'''", field.name)
            }
            value => format!("{} = {}", field.name, toml::Value::try_from(value).ok()?),
        };
        text.push_str(&line);
        text.push('\n');
    }
    Some(text)
}

/// The field of which a line of the form says that a line feed was put behind its text.
fn put_behind(line: &str) -> Option<&str> {
    line.strip_prefix(PUT_BEHIND_START)?.strip_suffix(PUT_BEHIND_END)
}

/// Whether a text reads better on lines of its own.
fn is_long(words: &str) -> bool {
    words.contains('\n') || words.len() > LINE_BYTES_MAX
}

/// Whether a text can be written unchanged between triple quotes, where TOML has no escapes and
/// drops carriage returns.
fn is_literal(words: &str) -> bool {
    let plain = |char: char| !char.is_control() || char == '\n' || char == '\t';
    !words.contains("'''") && !words.ends_with('\'') && words.chars().all(plain)
}

fn json_of(document: &Map<String, Value>) -> String {
    let mut text = String::from("{");
    let mut separator = "\n";
    for (name, value) in
        FIELDS.iter().filter_map(|field| Some((field.name, document.get(field.name)?)))
    {
        // JSON escapes line feeds in strings, so every line feed is from the printer and can be
        // indented.
        let value = serde_json::to_string_pretty(value)
            .expect("a JSON value is JSON")
            .replace('\n', "\n  ");
        write!(text, "{separator}  \"{name}\": {value}").expect("writing into a string succeeds");
        separator = ",\n";
    }
    text.push_str("\n}\n");
    text
}

/// TOML has a type that JSON lacks: a date without quotes becomes its text.
fn json_value(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json_value).collect(),
        toml::Value::Table(members) => {
            members.into_iter().map(|(name, value)| (name, json_value(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use persona_model::Document;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{Form, Syntax, without_null};

    fn members(input: Value) -> Map<String, Value> {
        let Value::Object(members) = Document::from_json(input).expect("valid").to_json() else {
            unreachable!("an object")
        };
        members
    }

    #[test]
    fn a_prompt_of_many_lines_is_many_lines() {
        let form = Form::of(&members(
            json!({ "name": "Ada", "system_prompt": "You are \"Ada\".\n\n- Count\\n.\n" }),
        ));
        assert_eq!(form.syntax, Syntax::Toml);
        assert!(
            form.text.contains("system_prompt = '''\nYou are \"Ada\".\n\n- Count\\n.\n'''\n"),
            "{}",
            form.text
        );
    }

    #[test]
    fn a_marker_at_the_end_of_a_text_stands_on_a_line_of_its_own() {
        let words = "one\n<<<<<<< theirs\n2\n=======\n3\n>>>>>>> yours";
        let document = members(json!({ "name": "Ada", "description": words }));
        let form = Form::of(&document);
        assert!(form.text.contains(">>>>>>> yours\n'''\n"), "{}", form.text);
        assert_eq!(form.syntax.read(&form.text), Ok(without_null(&document)));
        let decided = form.text.replace(&words["one\n".len()..], "3");
        let read = form.syntax.read(&decided).expect("read");
        assert_eq!(read["description"], "one\n3");
    }

    #[test]
    fn what_toml_cannot_say_is_shown_as_json() {
        for extensions in [json!({ "a": null }), json!({ "a": u64::MAX })] {
            let document = members(json!({ "name": "Ada", "extensions": extensions }));
            let form = Form::of(&document);
            assert_eq!(form.syntax, Syntax::Json);
            assert_eq!(form.syntax.read(&form.text), Ok(without_null(&document)));
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let refused = Syntax::Toml.read("name = \"Ada\"\ntags = [\"a\"").expect_err("refused");
        assert!(refused.contains("line 2"), "{refused}");
        assert!(Syntax::Json.read("[]").is_err() && Syntax::Json.read("{").is_err());
    }

    proptest! {
        #[test]
        fn every_persona_reads_back_as_it_was(text in "[a'\"\\\\\r\n\t é\u{0}\u{7f}#=\\[\\]]{0,30}", key in "[a. \"'\\\\é]{0,6}", number in any::<f64>()) {
            let number = if number.is_finite() { json!(number) } else { json!(0) };
            let document = members(json!({
                "name": "Ada", "description": text, "system_prompt": format!("{text}\n{text}"),
                "alternate_greetings": [text], "extensions": { key: { "deep": [number, text, {}, []] } },
            }));
            let form = Form::of(&document);
            prop_assert_eq!(form.syntax.read(&form.text), Ok(without_null(&document)), "{}", form.text);
        }
    }
}
