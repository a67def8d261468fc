//! Where the labels of personas point, as a member of a persona that is answered with them
//! (`?include=labels`).

use std::collections::HashMap;

use persona_model::PersonaId;
use persona_storage::{Error, Label, LabelsOf, Page, View};
use serde_json::{Map, Value};

/// The labels of the personas of a page, each as a text.
pub(crate) struct Points(HashMap<PersonaId, String>);

/// What a persona without labels has.
const NONE: &str = "{}";
/// What comes before the labels.
const NAME: &str = "\"labels\":";

impl Points {
    /// Reads them.
    pub(crate) async fn of(view: View<'_>, page: &Page) -> Result<Self, Error> {
        let ids: Vec<PersonaId> = page.items.iter().map(|item| item.id).collect();
        let found = view.labels_of(&ids).await?.into_iter();
        Ok(Self(
            found.map(|LabelsOf { persona, labels, .. }| (persona, text_of(&labels))).collect(),
        ))
    }

    /// Bytes that they add to the page, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.values().map(|text| text.len() + NAME.len() + 1).sum()
    }

    /// The text of a persona with its labels.
    pub(crate) fn included(&self, body: &[u8], id: PersonaId) -> Vec<u8> {
        including(body, self.0.get(&id).map_or(NONE, String::as_str))
    }
}

/// Where labels point: a member for each, with the number of the revision.
pub(super) fn text_of(labels: &[Label]) -> String {
    let points = labels.iter();
    let points = points.map(|label| (label.name.to_string(), label.revision.number().into()));
    Value::from(points.collect::<Map<String, Value>>()).to_string()
}

/// The text of a persona with one member more.
pub(super) fn including(body: &[u8], points: &str) -> Vec<u8> {
    let open = body.strip_suffix(b"}").unwrap_or(body);
    let comma: &[u8] = if open.len() > 1 { b"," } else { b"" };
    [open, comma, NAME.as_bytes(), points.as_bytes(), b"}"].concat()
}

#[cfg(test)]
mod tests {
    use super::including;

    #[test]
    fn labels_are_the_last_member_of_an_object_with_others_and_without() {
        let with = |body: &str| String::from_utf8(including(body.as_bytes(), r#"{"a":1}"#));
        assert_eq!(with("{}").as_deref(), Ok(r#"{"labels":{"a":1}}"#));
        assert_eq!(with(r#"{"name":"A"}"#).as_deref(), Ok(r#"{"name":"A","labels":{"a":1}}"#));
    }
}
