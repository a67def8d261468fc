//! The JSON of a body: besides what the strict reader refuses, empty bodies and byte order marks
//! are refused. Every refusal becomes a problem with its place.

use persona_model::{MalformedJson, read_strictly};
use serde_json::Value;

use crate::problem::{Code, FieldError, Problem};

impl From<MalformedJson> for Problem {
    fn from(malformed: MalformedJson) -> Self {
        let MalformedJson { pointer, message, line, column, .. } = malformed;
        let place = if pointer.is_empty() { String::new() } else { format!(" (at {pointer})") };
        let detail = format!("line {line}, column {column}{place}: {message}");
        let fault = FieldError {
            pointer: Some(pointer),
            code: "malformed_json".into(),
            message,
            ..FieldError::default()
        };
        Self::new(Code::MalformedJson, detail).errors(vec![fault]).with(|body| {
            body.line = Some(line);
            body.column = Some(column);
        })
    }
}

/// Reads a body. A refusal names line and column, and a JSON Pointer where a member was reached.
pub(crate) fn read(body: &[u8]) -> Result<Value, Problem> {
    if body.is_empty() {
        return Err(Problem::new(
            Code::MalformedJson,
            "the body is empty; a JSON document is expected",
        ));
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(MalformedJson::new(
            "",
            "the body starts with a byte order mark; send UTF-8 without one",
            (1, 1),
        )
        .into());
    }
    Ok(read_strictly(body)?)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_refusal_names_line_column_and_member() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "the body is empty; a JSON document is expected"),
            (
                b"\xef\xbb\xbf{}",
                "line 1, column 1: the body starts with a byte order mark; send UTF-8 without one",
            ),
            (b"{\"name\": \"Ada\",}", "line 1, column 16: trailing comma"),
            (b"{\"name\": Ada}", "line 1, column 10 (at /name): expected value"),
        ];
        for (body, words) in cases {
            assert_eq!(read(body).expect_err("refused").detail(), words);
        }
    }
}
