//! The items of one file, one after the other.

use std::io::BufRead;

use persona_model::{Document, canonical_json};
use serde_json::{Map, Value};

use super::csv_rows::CsvRows;
use super::detect::{Layout, detect};
use super::identity::Identities;
use super::item::{Bad, Format, Item, Record};
use super::json_lines::JsonLines;
use super::json_values::JsonValues;
use super::native::{self, Native, Origin};
use super::{Draft, awesome, card, lobehub};
use persona_model::read_strictly;

/// The items of one file: good ones, and bad ones with the reason. A bad item never stops the rest.
///
/// The reader holds one record at a time in memory, whatever the size of the file.
pub struct Items {
    records: Box<dyn Iterator<Item = Result<Record, Bad>>>,
    identities: Identities,
}

impl Items {
    /// Reads a file from its start. A file that cannot be read at all yields one bad item.
    pub fn new(reader: Box<dyn BufRead>) -> Self {
        let records = records(reader).unwrap_or_else(|bad| Box::new(std::iter::once(Err(bad))));
        Self { records, identities: Identities::default() }
    }

    fn item(&mut self, record: Record) -> Result<Item, Bad> {
        let Record { location, is_row, value } = record;
        let bad = |name: Option<String>, reasons: Vec<String>| Bad { location, name, reasons };
        let value = unwrapped(value).map_err(|reason| bad(None, vec![reason]))?;
        if !value.is_object() {
            return Err(bad(None, vec!["must be a JSON object".into()]));
        }
        // The text is made here, because the mapping consumes the value.
        let written = canonical_json(&value);
        let Value::Object(object) = value else { unreachable!("it was just seen to be an object") };
        let name = name_of(&object);
        let refuse = |reason: String| bad(name.clone(), vec![reason]);
        if let Some(reason) = card::refusal(&object) {
            return Err(refuse(reason));
        }
        let (own_name, note) = (own_name(&object, is_row), card::note_on_v1(&object));
        let (format, Native { draft, id, is_deleted, origin }) =
            mapped(object, is_row).map_err(refuse)?;
        let id = id.unwrap_or_else(|| match &own_name {
            Some(name) => self.identities.next_named(format, name),
            None => self.identities.next_unnamed(format, &written),
        });
        let warnings = draft.warnings.clone();
        let document = Document::from_json(draft.into_value()).map_err(|invalid| {
            let reason = |fault: &persona_model::FieldError| {
                format!("{}: {}", fault.pointer.trim_start_matches('/'), fault.message)
            };
            bad(name.clone(), note.into_iter().chain(invalid.errors.iter().map(reason)).collect())
        })?;
        Ok(Item { location, format, id, document, is_deleted, origin, warnings })
    }
}

impl Iterator for Items {
    type Item = Result<Item, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        Some(record.and_then(|record| self.item(record)))
    }
}

fn records(reader: Box<dyn BufRead>) -> Result<Box<dyn Iterator<Item = Result<Record, Bad>>>, Bad> {
    Ok(match detect(reader).map_err(|error| Bad::at(1, error.to_string()))? {
        Layout::Empty => Box::new(std::iter::empty()),
        Layout::Lines(reader) => Box::new(JsonLines::new(reader)),
        Layout::Values(reader) => Box::new(JsonValues::new(reader)),
        Layout::Csv(reader) => Box::new(CsvRows::new(reader)?),
    })
}

/// Unwraps a value that a program encoded twice: a JSON string with a JSON text in it becomes the
/// value of that text.
fn unwrapped(value: Value) -> Result<Value, String> {
    match value {
        Value::String(text) if text.trim_start().starts_with('{') => read_strictly(text.as_bytes())
            .map_err(|malformed| {
                format!("the JSON inside of the string cannot be read: {}", malformed.words())
            }),
        value => Ok(value),
    }
}

fn mapped(object: Map<String, Value>, is_row: bool) -> Result<(Format, Native), String> {
    let foreign = |format: Format, draft: Draft| {
        (format, Native { draft, id: None, is_deleted: false, origin: Origin::default() })
    };
    if is_row && awesome::matches(&object) {
        Ok(foreign(Format::AwesomePrompts, awesome::draft(object)))
    } else if is_row {
        Ok((Format::Native, native::native(native::typed(object)?)?))
    } else if lobehub::matches(&object) {
        Ok(foreign(Format::LobeHub, lobehub::draft(object)))
    } else {
        Ok((Format::Native, native::native(object)?))
    }
}

/// The name of an item in its collection, which stays when the text changes; `None` where the
/// format has no such name.
fn own_name(object: &Map<String, Value>, is_row: bool) -> Option<String> {
    let name = if is_row && awesome::matches(object) {
        awesome::own_name(object)
    } else if !is_row && lobehub::matches(object) {
        lobehub::own_name(object)
    } else {
        object.get("handle").and_then(Value::as_str)
    };
    let name = name.filter(|name| !name.trim().is_empty())?;
    // A handle belongs to an owner: another owner's persona with it is another one. A handle has no
    // blank.
    let owner = object.get("owner").and_then(Value::as_str).filter(|owner| !owner.is_empty());
    Some(owner.map_or_else(|| name.to_owned(), |owner| format!("{name} of {owner}")))
}

/// The name of the item for messages, from the member in which its format has the name.
fn name_of(object: &Map<String, Value>) -> Option<String> {
    let title = || {
        object
            .get("agent")
            .map_or_else(|| object.get("meta")?.get("title"), |agent| agent.pointer("/meta/title"))
    };
    let name = object.get("name").or_else(|| object.get("act")).or_else(title)?;
    name.as_str().map(ToString::to_string)
}
