//! Partial changes of a document.

use serde_json::Value;

use crate::{Document, Invalid};

/// Most operations of one JSON Patch.
pub const PATCH_OPERATIONS_MAX: usize = 1_000;
/// Most bytes that a document may reach while a JSON Patch is applied: `copy` can double it at every step.
pub const PATCHED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A partial change of a document.
#[derive(Clone, PartialEq, Debug)]
pub enum Patch {
    /// JSON Merge Patch (RFC 7396): named members are replaced, null clears, what is not named is not touched.
    Merge(Value),
    /// JSON Patch (RFC 6902): operations in order, all or none.
    Json(json_patch::Patch),
}

/// Why a patch was not applied; the document is untouched.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatchError {
    /// A `test` operation did not hold.
    #[error("the test at {pointer} failed")]
    TestFailed {
        /// What was tested.
        pointer: String,
    },
    /// The patch is no patch, or the patched document breaks rules.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Patch {
    /// Reads a JSON Merge Patch.
    ///
    /// # Errors
    ///
    /// It is no object: RFC 7396 would then replace the whole document, which is what PUT is for.
    pub fn merge(value: Value) -> Result<Self, Invalid> {
        if value.is_object() {
            Ok(Self::Merge(value))
        } else {
            Err(Invalid::one("", "not_an_object", "a merge patch must be a JSON object"))
        }
    }

    /// Reads a JSON Patch.
    ///
    /// # Errors
    ///
    /// It is no list of operations, or has more than [`PATCH_OPERATIONS_MAX`].
    pub fn json(value: Value) -> Result<Self, Invalid> {
        let patch: json_patch::Patch =
            serde_json::from_value(value).map_err(|error| Invalid::one("", "bad_patch", format!("no JSON Patch: {error}")))?;
        if patch.0.len() > PATCH_OPERATIONS_MAX {
            let message = format!("must have at most {PATCH_OPERATIONS_MAX} operations, has {}", patch.0.len());
            return Err(Invalid::one("", "too_many", message));
        }
        Ok(Self::Json(patch))
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
            Self::Json(patch) => apply_operations(&mut value, patch)?,
        }
        Ok(Document::from_json(value)?)
    }
}

fn apply_operations(value: &mut Value, patch: &json_patch::Patch) -> Result<(), PatchError> {
    for (index, operation) in patch.0.iter().enumerate() {
        // One at a time, so that the size is known before the next operation can double it.
        json_patch::patch(value, std::slice::from_ref(operation)).map_err(|error| match error.kind {
            json_patch::PatchErrorKind::TestFailed => PatchError::TestFailed { pointer: error.path.to_string() },
            _ => PatchError::Invalid(Invalid::one(format!("/{index}"), "bad_patch", format!("operation {index} failed: {}", error.kind))),
        })?;
        if matches!(operation, json_patch::PatchOperation::Copy(_)) && value.to_string().len() > PATCHED_BYTES_MAX {
            let message = format!("operation {index} makes the document larger than {PATCHED_BYTES_MAX} bytes");
            return Err(Invalid::one(format!("/{index}"), "too_long", message).into());
        }
    }
    Ok(())
}
