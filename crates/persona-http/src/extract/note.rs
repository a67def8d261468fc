//! The note of the author on a change: in a header, or in the query for links and forms, which
//! cannot set headers.

use http::{HeaderMap, HeaderName, Uri};
use persona_model::NOTE_CHARS_MAX;

use super::request::only;
use crate::contract::parameters::NOTE;
use crate::problem::{FieldError, Problem};

/// The header with the note, which says why a change is made.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-persona-note");

/// The note of a request.
pub(crate) fn of_request(headers: &HeaderMap, uri: &Uri) -> Result<Option<String>, Problem> {
    let line = only(headers, &HEADER, "X-Persona-Note")?;
    let query = uri.query().filter(|query| query.contains(NOTE.name));
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let parameter = pairs.find(|(name, _)| name == NOTE.name).map(|(_, value)| value);
    match (line, parameter) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(bad_parameter("is said in the header X-Persona-Note already")),
        (None, Some(text)) => match checked(&text) {
            Some(note) => Ok(Some(note)),
            None => Err(bad_parameter(&format!("must be {}", wanted()))),
        },
        (Some(line), None) => {
            let note = std::str::from_utf8(line.as_bytes()).ok().and_then(checked);
            note.map(Some).ok_or_else(|| {
                let message = format!("must be {}", wanted());
                Problem::bad_header("X-Persona-Note", "bad_value", message)
            })
        }
    }
}

/// Refuses a note where none is kept, because its author would believe that it is.
pub(crate) fn none(headers: &HeaderMap, reason: &str) -> Result<(), Problem> {
    if headers.contains_key(HEADER) {
        return Err(Problem::bad_header("X-Persona-Note", "not_here", reason));
    }
    Ok(())
}

/// A note in the form in which it is stored; `None` for an invalid note.
pub(crate) fn checked(text: &str) -> Option<String> {
    let text = text.trim();
    let is_note =
        (1..=NOTE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    is_note.then(|| text.to_owned())
}

/// The rule of a note, for messages.
pub(crate) fn wanted() -> String {
    format!("1 to {NOTE_CHARS_MAX} characters of UTF-8 text without control characters")
}

fn bad_parameter(message: &str) -> Problem {
    Problem::bad_parameters(vec![FieldError {
        parameter: Some(NOTE.name.into()),
        code: "bad_value".into(),
        message: message.into(),
        ..FieldError::default()
    }])
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Uri};
    use persona_model::NOTE_CHARS_MAX;

    use super::{HEADER, of_request};

    fn read(header: Option<&[u8]>, target: &str) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        if let Some(bytes) = header {
            headers.insert(HEADER, HeaderValue::from_bytes(bytes).expect("a value"));
        }
        let uri = target.parse::<Uri>().expect("a target");
        of_request(&headers, &uri).map_err(|problem| problem.code().facts().status.as_u16())
    }

    #[test]
    fn a_note_comes_from_the_header_or_from_the_query_and_from_one_of_them_only() {
        let note = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(None, "/"), Ok(None));
        assert_eq!(read(None, "/?q=note"), Ok(None));
        assert_eq!(read(Some(" Grüße ".as_bytes()), "/"), note("Grüße"));
        assert_eq!(read(None, "/?a=b&note=a+%26%20b"), note("a & b"));
        assert_eq!(read(Some(b"a"), "/?note=a"), Err(400));
        let longest = "x".repeat(NOTE_CHARS_MAX);
        assert_eq!(read(Some(longest.as_bytes()), "/"), note(&longest));
        for bad in [b"".as_slice(), b"  ", b"\xff", format!("{longest}x").as_bytes()] {
            assert_eq!(read(Some(bad), "/"), Err(400));
        }
        for bad in ["/?note=", "/?note=%00", "/?note=a%0Ab"] {
            assert_eq!(read(None, bad), Err(400), "{bad}");
        }
    }
}
