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
        let error = FieldError {
            pointer: Some(pointer),
            code: "malformed_json".into(),
            message,
            ..FieldError::default()
        };
        Self::new(Code::MalformedJson, detail).errors(vec![error]).with(|body| {
            body.line = Some(line);
            body.column = Some(column);
        })
    }
}

/// The largest number of which floating point tells its neighbours apart: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

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

/// The value of a whole number, also where it is written with a fraction of zero or an exponent
/// (`7.0`, `1e3`): JSON Schema takes those for integers too (draft 2020-12, section 6.1.1 of the
/// validation vocabulary).
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    let written_otherwise = || {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        (0.0..=EXACT_MAX).contains(&number).then(|| as_whole(number))
    };
    value.as_u64().or_else(written_otherwise)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number between zero and 2^53"
)]
fn as_whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{read, whole_number};

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let number = |text: &str| {
            let value: Value = serde_json::from_str(text).expect("JSON");
            whole_number(&value)
        };
        for (text, expected) in [
            ("7", 7),
            ("7.0", 7),
            ("-0.0", 0),
            ("1e3", 1_000),
            ("9007199254740992.0", 1 << 53),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in ["7.5", "-1", "-1.0", "1e16", "1e999", "\"7\"", "null", "true", "[7]"] {
            let value = serde_json::from_str::<Value>(text).ok();
            assert_eq!(value.as_ref().and_then(whole_number), None, "{text}");
        }
    }

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
