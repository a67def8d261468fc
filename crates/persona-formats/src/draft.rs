//! The draft of a document: fields that were mapped, and repairs that were made.

use serde_json::{Map, Value, json};

/// A document under construction, and the repairs that its values needed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Draft {
    /// The members that were set so far.
    pub members: Map<String, Value>,
    /// The original values of repaired fields, by field.
    pub originals: Map<String, Value>,
    /// What was repaired, as sentence fragments.
    pub warnings: Vec<String>,
}

impl Draft {
    /// Sets a field.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.members.insert(field.into(), value.into());
    }

    /// Keeps data without a field of its own, in `extensions` under this key.
    pub fn extend(&mut self, key: &str, data: Value) {
        let extensions = self.members.entry("extensions").or_insert_with(|| json!({}));
        extensions
            .as_object_mut()
            .expect("drafts only hold extensions that are an object")
            .insert(key.into(), data);
    }

    /// Sets a repaired value, keeps the original, and adds a warning (`what` was done).
    pub fn repair(&mut self, field: &str, original: Value, repaired: impl Into<Value>, what: &str) {
        self.set(field, repaired);
        self.originals.insert(field.into(), original);
        self.warnings
            .push(format!("{field} {what}; the original is kept under extensions.import.original"));
    }

    /// The finished input of a document.
    pub fn into_value(mut self) -> Value {
        if !self.originals.is_empty() {
            let originals = Value::Object(std::mem::take(&mut self.originals));
            self.extend("import", json!({ "original": originals }));
        }
        Value::Object(self.members)
    }
}
