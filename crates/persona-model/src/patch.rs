//! Partial changes of a document.

use serde_json::Value;

use crate::{Document, ValidationErrors, operations, patch_form};

/// Most operations of one JSON Patch.
pub const PATCH_OPERATIONS_MAX: usize = 1_000;

/// A partial change of a document.
#[derive(Clone, PartialEq, Debug)]
pub enum Patch {
    /// JSON Merge Patch (RFC 7396): members that are named are replaced, null clears a member, all
    /// others stay.
    Merge(Value),
    /// JSON Patch (RFC 6902): operations in order, of which all or none take effect.
    Json(json_patch::Patch),
}

/// Why a patch was not applied; the document is untouched.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatchError {
    /// A `test` operation did not hold.
    #[error("the test at {pointer} failed")]
    TestFailed {
        /// The JSON Pointer of the value that was tested.
        pointer: String,
    },
    /// The patch is no patch, or the patched document breaks rules.
    #[error(transparent)]
    Invalid(#[from] ValidationErrors),
}

impl Patch {
    /// Reads a JSON Merge Patch.
    ///
    /// # Errors
    ///
    /// The value is no object: by RFC 7396 such a patch replaces the whole document, which is what
    /// PUT is for.
    pub fn merge(value: Value) -> Result<Self, ValidationErrors> {
        if value.is_object() {
            Ok(Self::Merge(value))
        } else {
            Err(ValidationErrors::one("", "not_an_object", "a merge patch must be a JSON object"))
        }
    }

    /// Reads a JSON Patch.
    ///
    /// # Errors
    ///
    /// The value is no list of operations of RFC 6902, or has more than [`PATCH_OPERATIONS_MAX`].
    pub fn json(value: Value) -> Result<Self, ValidationErrors> {
        if let Some(operations) =
            value.as_array().map(Vec::len).filter(|count| *count > PATCH_OPERATIONS_MAX)
        {
            let message =
                format!("must have at most {PATCH_OPERATIONS_MAX} operations, has {operations}");
            return Err(ValidationErrors::one("", "too_many", message));
        }
        patch_form::check(&value)?;
        // What only the library refuses is told without the library's message, which speaks of its
        // own types.
        serde_json::from_value(value)
            .map(Self::Json)
            .map_err(|_| ValidationErrors::one("", "bad_patch", "the JSON Patch cannot be read"))
    }

    /// How many copies of parts of the document the patch makes. Each copy can double the document.
    pub fn copies(&self) -> usize {
        match self {
            Self::Merge(_) => 0,
            Self::Json(patch) => patch
                .0
                .iter()
                .filter(|operation| matches!(operation, json_patch::PatchOperation::Copy(_)))
                .count(),
        }
    }

    /// The document with this change applied.
    ///
    /// # Errors
    ///
    /// A `test` failed, an operation's path does not exist, or the result breaks a rule.
    pub fn apply(&self, document: &Document) -> Result<Document, PatchError> {
        let mut value = document.to_json();
        match self {
            Self::Merge(patch) => json_patch::merge(&mut value, patch),
            Self::Json(patch) => operations::apply(&mut value, patch)?,
        }
        Ok(Document::from_json(value)?)
    }
}
