//! The body of the answer of `POST /api/v1/import`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem_body::code_word;
use super::problems::Code;

/// The result of the import of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// The result of each item, in the order of the file.
    pub items: Vec<ImportItem>,
}

/// The result of one item of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportItem {
    /// The line on which the item starts, from 1.
    #[schemars(range(min = 1))]
    pub line: u64,
    /// The index of the item in the list, from 0; absent where the file is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The result; with mode=validate the result that an import would have.
    pub status: ImportStatus,
    /// The name of the item, if one was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The identity of the persona of the item; absent if the item cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub id: Option<String>,
    /// What was repaired; the original is kept in the persona under extensions.import.original.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The stable word of the problem, where the store refused the item: with one such as `busy`
    /// the item can be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "code_word")]
    pub code: Option<String>,
    /// Why the item failed. Also absent if the answer has no room for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl ImportItem {
    /// Whether the item failed for a reason that passes, so that it can be sent again.
    pub fn can_be_repeated(&self) -> bool {
        let is_busy = |code: &Code| code.facts().status == 503;
        self.code
            .as_ref()
            .is_some_and(|word| Code::all().filter(is_busy).any(|code| code.facts().word == word))
    }
}

/// The result of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ImportStatus {
    /// With mode=validate: the import would create a persona.
    New,
    /// The persona was created.
    Created,
    /// With mode=validate: the import would update the existing persona.
    WouldUpdate,
    /// The existing persona got the content of the item.
    Updated,
    /// The persona exists with the same content.
    Unchanged,
    /// The persona exists with other content, and was not changed.
    Differs,
    /// The persona is deleted, here or in the store that exported it; nothing was changed.
    Deleted,
    /// The item was refused, or cannot be read.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::ImportReport;

    #[test]
    fn an_item_is_sent_again_only_where_the_reason_passes() {
        let text = r#"{"items":[
            {"line":1,"status":"failed","code":"busy"},
            {"line":2,"status":"failed","code":"database_unreachable"},
            {"line":3,"status":"failed","code":"invalid"},
            {"line":4,"status":"failed"},
            {"line":5,"status":"created"}]}"#;
        let report: ImportReport = serde_json::from_str(text).expect("a report");
        let again: Vec<bool> =
            report.items.iter().map(super::ImportItem::can_be_repeated).collect();
        assert_eq!(again, [true, true, false, false, false]);
    }
}
