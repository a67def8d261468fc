//! Documents as the API has them: exports of this program, hand-written JSON, and CSV with field
//! names as columns.

use persona_model::{
    FIELDS, Field, FieldKind, MANAGED_MEMBERS, PersonaId, Revision, nearest_field, read_strictly,
};
use serde_json::{Map, Value};

use super::Draft;

/// A native item.
pub struct Native {
    /// The document.
    pub draft: Draft,
    /// The identity that the item names; `None` where it names none.
    pub id: Option<PersonaId>,
    /// Whether the persona was soft-deleted in the store that exported it.
    pub is_deleted: bool,
    /// Times, authors and revision that the exporting store recorded.
    pub origin: Origin,
}

/// What the exporting store recorded of an item besides the document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Origin {
    /// Times and authors, where the item has the times.
    pub stamps: Map<String, Value>,
    /// The revision, where the item is a line of a history; `None` where the item is a persona.
    pub revision: Option<Revision>,
}

/// The members with the times and the authors of a revision.
const STAMPS: [&str; 4] = ["created_at", "updated_at", "created_by", "updated_by"];
/// Further members that the import of a history keeps of each revision.
const OF_HISTORY: [&str; 5] = ["revision", "deleted_at", "content_hash", "labels", HISTORY];
/// The member that marks a line of an exported history.
const HISTORY: &str = "history";

impl Origin {
    fn take(object: &mut Map<String, Value>) -> Result<Self, String> {
        let taken = |names: &[&str]| -> Map<String, Value> {
            names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())))
                .collect()
        };
        let mut stamps = taken(&STAMPS);
        let revision = if object.contains_key(HISTORY) {
            let revision = object.get("revision").and_then(Value::as_u64).and_then(Revision::new);
            stamps.extend(taken(&OF_HISTORY));
            object.remove(HISTORY);
            Some(revision.ok_or("revision: the line of a history must name its revision")?)
        } else {
            // A document that was written by hand may have only one of the times. It then counts
            // for both.
            let time = ["created_at", "updated_at"]
                .map(|name| stamps.get(name).filter(|time| !time.is_null()).cloned());
            match time {
                [None, None] => stamps.clear(),
                [Some(time), None] => drop(stamps.insert("updated_at".into(), time)),
                [None, Some(time)] => drop(stamps.insert("created_at".into(), time)),
                [Some(_), Some(_)] => {}
            }
            None
        };
        Ok(Self { stamps, revision })
    }
}

/// Reads an object of the API. Unknown members stay in, so that validation names them and the
/// nearest field.
///
/// # Errors
///
/// The `id` is no UUID, or the object is a line of a history without a revision.
pub fn native(mut object: Map<String, Value>) -> Result<Native, String> {
    let id = match object.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => {
            Some(PersonaId::parse(&text).ok_or_else(|| format!("id: {text:?} is not a UUID"))?)
        }
        Some(_) => return Err("id: must be a string".into()),
    };
    let is_deleted = object.get("deleted_at").is_some_and(|time| !time.is_null());
    let origin = Origin::take(&mut object)?;
    object.retain(|name, _| !MANAGED_MEMBERS.contains(&name.as_str()));
    Ok(Native { draft: Draft { members: object, ..Draft::default() }, id, is_deleted, origin })
}

/// Whether a column of this name is known.
pub fn is_column(name: &str) -> bool {
    Field::named(name).is_some() || MANAGED_MEMBERS.contains(&name)
}

/// Checks that these columns are names of fields.
///
/// # Errors
///
/// A column that is no field, with the nearest name; or the column `name` is missing.
pub fn check_columns(columns: &[String]) -> Result<(), String> {
    if let Some(unknown) = columns.iter().find(|column| !is_column(column)) {
        let near = nearest_field(unknown)
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        return Err(format!("the column {unknown:?} is no field of a persona{near}"));
    }
    if columns.iter().any(|column| column == "name") {
        Ok(())
    } else {
        Err("there is no column \"name\"".into())
    }
}

/// Gives the cells of a row the types of their fields: a text stays, everything else is read as
/// JSON. An empty cell is an absent field; tags may also be separated by commas.
///
/// # Errors
///
/// A cell that must be JSON is not.
pub fn typed(row: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut typed = Map::new();
    for (column, cell) in row {
        let text = cell.as_str().unwrap_or_default();
        let Some(field) = FIELDS.iter().find(|field| field.name == column) else {
            if !text.is_empty() {
                typed.insert(column, cell);
            }
            continue;
        };
        let value = match field.shape {
            FieldKind::Name | FieldKind::Line | FieldKind::Text => cell,
            _ if text.is_empty() => continue,
            FieldKind::OneOf(_) | FieldKind::Handle | FieldKind::Owner => cell,
            FieldKind::Flag { .. } => {
                serde_json::from_str(&text.to_ascii_lowercase()).unwrap_or(cell)
            }
            FieldKind::Lines { .. } if !text.trim_start().starts_with('[') => {
                text.split(',').map(str::trim).collect()
            }
            _ => read_strictly(text.as_bytes())
                .map_err(|malformed| format!("{column}: must be JSON: {}", malformed.words()))?,
        };
        typed.insert(column, value);
    }
    Ok(typed)
}
