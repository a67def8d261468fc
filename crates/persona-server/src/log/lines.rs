//! Formats events as lines of text or JSON. Text of a client is shortened, and its control
//! characters are escaped.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use persona_model::Clock;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Writer;
use super::queue::Queue;
use super::repeats::{LeftOut, Repeats};
use crate::clock::SystemClock;
use persona_http::REFUSALS;

/// Most characters of one field: enough for the report on a damaged database, but not for a
/// request's head of 64 KiB.
const FIELD_CHARS_MAX: usize = 2_000;

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Text,
    Json,
}

/// Turns events into lines.
#[derive(Clone)]
pub(super) struct Lines {
    pub format: Format,
    pub writer: Writer,
    pub pid: u32,
    pub queue: Arc<Queue>,
    pub repeats: Arc<Repeats>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let may_repeat = *metadata.level() > Level::WARN && metadata.target() != REFUSALS;
        if may_repeat || self.repeats.admits(metadata, &fields.message, &fields, Instant::now()) {
            self.queue.push(self.line(*metadata.level(), fields));
        }
    }
}

impl Lines {
    /// The line about repeated lines that were left out.
    pub(super) fn left_out(&self, left_out: LeftOut) -> String {
        let mut fields = Fields { message: left_out.message, ..Fields::default() };
        fields.others.insert("left_out".into(), left_out.lines.into());
        self.line(*left_out.metadata.level(), fields)
    }

    /// The line about lines that were dropped for lack of room.
    pub(super) fn dropped(&self, lines: u64) -> String {
        let message = format!(
            "{lines} lines of the log were dropped: what reads it was too slow, or could not be \
             written to"
        );
        let mut fields = Fields { message, ..Fields::default() };
        fields.others.insert("dropped".into(), lines.into());
        self.line(Level::WARN, fields)
    }

    fn line(&self, level: Level, fields: Fields) -> String {
        let at = SystemClock.now().to_string();
        match self.format {
            Format::Text => self.text(&at, level.as_str(), &fields),
            Format::Json => self.json(&at, level.as_str(), fields),
        }
    }

    fn text(&self, at: &str, level: &str, fields: &Fields) -> String {
        let Writer { role, slot } = self.writer;
        let process = if slot == 0 { role.to_owned() } else { format!("{role} {slot}") };
        let mut line = format!("{at} {level:>5} {process} ({}): ", self.pid);
        for char in fields.message.chars() {
            if char.is_control() { line.extend(char.escape_default()) } else { line.push(char) }
        }
        for (name, value) in &fields.others {
            // Writing to a string cannot fail.
            let _ = match value {
                Value::String(text)
                    if !text
                        .contains(|char: char| matches!(char, ' ' | '"') || char.is_control()) =>
                {
                    write!(line, " {name}={text}")
                }
                value => write!(line, " {name}={value}"),
            };
        }
        line.push('\n');
        line
    }

    fn json(&self, at: &str, level: &str, fields: Fields) -> String {
        let Writer { role, slot } = self.writer;
        // The fields that every line has come first, in a fixed order, so that people can read the
        // lines too.
        let every_line: [(&str, Value); 6] = [
            ("time", at.into()),
            ("level", level.to_ascii_lowercase().into()),
            ("message", fields.message.into()),
            ("process.role", role.into()),
            ("process.slot", slot.into()),
            ("process.pid", self.pid.into()),
        ];
        let every_line = every_line.into_iter().map(|(name, value)| (name.to_owned(), value));
        let members: Vec<String> = every_line
            .chain(fields.others)
            .map(|(name, value)| format!("{}:{value}", Value::from(name)))
            .collect();
        format!("{{{}}}\n", members.join(","))
    }
}

/// The fields of one event.
#[derive(Default)]
struct Fields {
    message: String,
    others: BTreeMap<String, Value>,
}

impl Hash for Fields {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.message.hash(hasher);
        for (name, value) in &self.others {
            name.hash(hasher);
            value.to_string().hash(hasher);
        }
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => _ = self.others.insert(name.to_owned(), value),
        }
    }
}

/// A text for the log: of bounded length, and without characters that control a terminal and that
/// JSON does not escape (RFC 8259, section 7): DEL, the control characters of ISO 6429, and those
/// that turn the direction of writing (Unicode, annex 9).
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len().min(FIELD_CHARS_MAX));
    for (count, char) in text.chars().enumerate() {
        if count == FIELD_CHARS_MAX {
            harmless.push('…');
            break;
        }
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                harmless.extend(char.escape_unicode());
            }
            char => harmless.push(char),
        }
    }
    harmless
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, harmless(value).into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, harmless(&value.to_string()).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, harmless(&format!("{value:?}")).into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::queue::{Output, Queue};
    use super::{FIELD_CHARS_MAX, Fields, Format, Lines, Repeats, Writer, harmless};

    fn lines(format: Format) -> Lines {
        let queue = Queue::new(Output::StandardError);
        Lines {
            format,
            writer: Writer { role: "worker", slot: 2 },
            pid: 4711,
            queue,
            repeats: Arc::new(Repeats::default()),
        }
    }

    fn fields() -> Fields {
        let others = [
            ("url".to_owned(), json!("http://127.0.0.1:8000")),
            ("workers".to_owned(), json!(4)),
            ("why".to_owned(), json!("a b")),
        ];
        Fields { message: "ready".into(), others: others.into() }
    }

    #[test]
    fn a_line_of_text_names_the_process_and_quotes_only_where_needed() {
        let line = lines(Format::Text).text("2026-11-24T18:10:41.000120Z", "INFO", &fields());
        let expected = "2026-11-24T18:10:41.000120Z  INFO worker 2 (4711): ready url=http://127.0.0.1:8000 why=\"a b\" workers=4\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_of_json_is_one_object_with_the_process_in_it() {
        let line = lines(Format::Json).json("2026-11-24T18:10:41.000120Z", "INFO", fields());
        let object: serde_json::Value = serde_json::from_str(&line).expect("one object");
        let expected = json!({
            "time": "2026-11-24T18:10:41.000120Z", "level": "info", "message": "ready", "url": "http://127.0.0.1:8000",
            "workers": 4, "why": "a b", "process.role": "worker", "process.slot": 2, "process.pid": 4711,
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn nothing_in_a_line_steers_a_terminal_or_has_no_end() {
        assert_eq!(harmless("a\u{202e}b\u{9b}31m\u{7f}"), "a\\u{202e}b\\u{9b}31m\\u{7f}");
        assert_eq!(harmless(&"é".repeat(FIELD_CHARS_MAX + 5)).chars().count(), FIELD_CHARS_MAX + 1);
        let fields = Fields {
            message: "two\nlines\u{1b}[2J".into(),
            others: [("m".to_owned(), json!("\u{1b}[31m\t"))].into(),
        };
        for format in [Format::Text, Format::Json] {
            let line = match format {
                Format::Text => lines(format).text("now", "INFO", &fields),
                Format::Json => lines(format).json(
                    "now",
                    "INFO",
                    Fields { message: fields.message.clone(), others: fields.others.clone() },
                ),
            };
            let body = line.strip_suffix('\n').expect("one line");
            assert!(!body.contains(char::is_control), "{body:?}");
        }
    }
}
