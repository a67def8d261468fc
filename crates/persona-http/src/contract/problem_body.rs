//! The body of every error answer (RFC 9457), and that of `GET /api/v1/problems`.

use std::borrow::Cow;

use persona_model::{FIELD_ERRORS_MAX, Markers};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::problems::Code;

/// Text that is often a constant of the program.
type Text = Cow<'static, str>;

/// An error (RFC 9457).
///
/// A missing member is read as empty, because proxies send problems with other members.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "Problem", description = "An error (RFC 9457).")]
pub struct ProblemBody {
    /// The URI of the code, which leads to its meaning.
    #[schemars(extend("format" = "uri-reference"))]
    pub r#type: String,
    /// What happened, the same for every answer with this code.
    pub title: Text,
    /// The status code.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// A stable word for programs.
    #[schemars(schema_with = "code_word")]
    pub code: Text,
    /// What happened in this case.
    pub detail: Text,
    /// How to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Text>,
    /// The errors in the request, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FIELD_ERRORS_MAX))]
    pub errors: Vec<FieldError>,
    /// The number of further errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub more_errors: Option<usize>,
    /// The current revision, from which the client can start again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub current_revision: Option<u64>,
    /// With code conflict: the conflicts, at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FIELD_ERRORS_MAX))]
    pub conflicts: Vec<Conflict>,
    /// With code conflict: the number of further conflicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub more_conflicts: Option<usize>,
    /// With code deleted: the path that brings the persona back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelete: Option<String>,
    /// With code handle_taken: the persona that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uuid"))]
    pub holder: Option<String>,
    /// With code handle_ambiguous: personas that have it, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub personas: Vec<String>,
    /// Of an atomic batch: the place of the item that is the reason, from 0. No item was applied.
    /// Of another batch that was not read to its end: the place of the first item that was not
    /// done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// With code test_failed: the place that was tested, a JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// With code malformed_json: the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub line: Option<usize>,
    /// With code malformed_json: the column, from 1, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub column: Option<usize>,
    /// With code body_too_large: the actual size, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<usize>,
    /// With code body_too_large: the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<usize>,
    /// With code body_too_slow: the minimum rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second_min: Option<u32>,
    /// With code head_too_large: the limit of bytes, if that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_bytes_max: Option<usize>,
    /// With code head_too_large: the limit of fields, if that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_fields_max: Option<usize>,
    /// With code not_ready: the code with which a read would be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "code_word")]
    pub cause: Option<Text>,
    /// The id of the request, as in the header X-Request-Id.
    pub request_id: String,
}

impl ProblemBody {
    /// Reads the body of an error answer; an empty problem if the body is no problem.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the problem has this code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code.facts().word
    }
}

/// One error in a request, at one place.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FieldError {
    /// The place in the body: a JSON Pointer (RFC 6901), empty for the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The name of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Text>,
    /// A stable word for programs.
    pub code: Text,
    /// A description of the error for people.
    pub message: String,
}

/// A field, or a part of one that is merged on its own, that both sides changed differently; null
/// where a side has none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// Which unit: a JSON Pointer into the base revision. It ends with `-` for an item of a list
    /// that the base does not have.
    pub pointer: String,
    /// The value in the base revision.
    pub base: Option<Value>,
    /// The current value.
    pub theirs: Option<Value>,
    /// The value that the request wanted.
    pub yours: Option<Value>,
    /// Of a text that is merged by lines: both sides in one, with what both changed differently
    /// between markers, as diff3 and Git have them. Left out where one of the texts has a line
    /// that is such a marker, and beyond 1 MiB of them in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<String>,
    /// The rule that the changes of both sides together would break, for people. Left out where
    /// both changed the same thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Conflict {
    /// The conflicts of an answer.
    pub(crate) fn all(conflicts: &[persona_model::Conflict]) -> Vec<Self> {
        let mut markers = Markers::default();
        let told = |conflict: &persona_model::Conflict| {
            let merged = markers.text_of(conflict);
            let persona_model::Conflict { pointer, base, theirs, yours, reason, .. } =
                conflict.clone();
            Self { pointer, base, theirs, yours, merged, reason }
        };
        conflicts.iter().take(FIELD_ERRORS_MAX).map(told).collect()
    }
}

/// Every problem that an answer can have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProblemPage {
    /// All problems, by status.
    pub items: Vec<ProblemKind>,
    /// Always null: there is one page.
    pub next_cursor: (),
}

/// What a problem code means.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProblemKind {
    /// The type of problems with this code.
    #[schemars(extend("format" = "uri-reference"))]
    pub r#type: String,
    /// The stable word.
    pub code: Text,
    /// The status code of its answers.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What happened, the same for every answer with this code.
    pub title: Text,
    /// What a client can do about it.
    pub remedy: Text,
}

pub(super) fn code_word(_: &mut SchemaGenerator) -> Schema {
    let words: Vec<&str> = Code::all().map(|code| code.facts().word).collect();
    json_schema!({ "type": "string", "enum": words })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ProblemBody;
    use crate::contract::problems::Code;

    #[test]
    fn the_answer_of_another_program_is_read_as_far_as_it_is_a_problem() {
        let of_a_proxy = ProblemBody::read(br#"{"detail":"no upstream","trace":7}"#);
        assert_eq!(
            of_a_proxy,
            ProblemBody { detail: "no upstream".into(), ..ProblemBody::default() }
        );
        assert_eq!(ProblemBody::read(b"<html>"), ProblemBody::default());
        let later = ProblemBody::read(br#"{"code":"of_a_later_version"}"#);
        assert!(Code::all().all(|code| !later.is(code)));
    }

    #[test]
    fn members_without_a_value_are_left_out() {
        let shown = serde_json::to_value(ProblemBody { line: Some(1), ..ProblemBody::default() });
        let expected = json!({
            "type": "", "title": "", "status": 0, "code": "", "detail": "", "line": 1, "request_id": "",
        });
        assert_eq!(shown.ok(), Some(expected));
    }
}
