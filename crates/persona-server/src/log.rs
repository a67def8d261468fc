//! The log of a process: one line for each event, with the process that wrote it.
//!
//! All processes of a server write into the same file or terminal. A line is one `write(2)` on a descriptor that
//! appends, so lines never mix. Fields are those of the event itself: spans carry nothing, because a request is one
//! event. Who logs what, and at which level, is decided where the event is; this module only writes it down.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use persona_model::Clock;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, registry};

use crate::clock::SystemClock;
use crate::config::Config;

/// Which process writes: `supervisor`, `init`, `keeper` or `worker`, with its slot where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writer {
    /// What the process does.
    pub role: &'static str,
    /// Its slot: 1 and up for workers, 0 for everybody else.
    pub slot: u16,
}

/// The opened log of this process.
#[derive(Clone)]
pub struct Log {
    output: Arc<Output>,
}

/// Where lines go.
enum Output {
    StandardError,
    File { path: PathBuf, file: RwLock<File> },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Text,
    Json,
}

impl Log {
    /// Opens the log that the settings name and makes it the one of this process.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or the filter cannot be read.
    pub fn open(config: &Config, writer: Writer) -> io::Result<Self> {
        let output = Arc::new(match &config.log_file {
            None => Output::StandardError,
            Some(path) => Output::File { path: path.clone(), file: RwLock::new(append_to(path)?) },
        });
        let filter = EnvFilter::try_new(&config.log_level).map_err(io::Error::other)?;
        let lines = Lines { format: format_of(config), writer, pid: std::process::id(), output: Arc::clone(&output) };
        // In tests several logs are opened in one process; the first one stays.
        let _ = registry().with(filter).with(lines).try_init();
        Ok(Self { output })
    }

    /// Opens the file again under its name, after somebody moved the old one away.
    ///
    /// # Errors
    ///
    /// The file cannot be opened; the old one is used further.
    pub fn reopen(&self) -> io::Result<()> {
        if let Output::File { path, file } = &*self.output {
            let new = append_to(path)?;
            *file.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }
}

impl Output {
    fn write_line(&self, line: &str) -> io::Result<()> {
        match self {
            Self::StandardError => io::stderr().lock().write_all(line.as_bytes()),
            Self::File { file, .. } => (&*file.read().unwrap_or_else(PoisonError::into_inner)).write_all(line.as_bytes()),
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn format_of(config: &Config) -> Format {
    match config.log_format.as_str() {
        "json" => Format::Json,
        "text" => Format::Text,
        _ if config.log_file.is_none() && io::stderr().is_terminal() => Format::Text,
        _ => Format::Json,
    }
}

/// Turns events into lines.
struct Lines {
    format: Format,
    writer: Writer,
    pid: u32,
    output: Arc<Output>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (at, level) = (SystemClock.now().to_string(), event.metadata().level().as_str());
        let line = match self.format {
            Format::Text => self.text(&at, level, &fields),
            Format::Json => self.json(&at, level, fields),
        };
        // There is nowhere left to report to when the log cannot be written.
        let _ = self.output.write_line(&line);
    }
}

impl Lines {
    fn text(&self, at: &str, level: &str, fields: &Fields) -> String {
        let Writer { role, slot } = self.writer;
        let who = if slot == 0 { role.to_owned() } else { format!("{role} {slot}") };
        let mut line = format!("{at} {level:>5} {who} ({}): {}", self.pid, fields.message);
        for (name, value) in &fields.others {
            // Writing to a string cannot fail.
            let _ = match value {
                Value::String(text) if !text.contains([' ', '"', '\n']) => write!(line, " {name}={text}"),
                value => write!(line, " {name}={value}"),
            };
        }
        line.push('\n');
        line
    }

    fn json(&self, at: &str, level: &str, fields: Fields) -> String {
        let Writer { role, slot } = self.writer;
        // What every line has comes first and in the same order, so that lines can also be read.
        let every_line: [(&str, Value); 6] = [
            ("time", at.into()),
            ("level", level.to_ascii_lowercase().into()),
            ("message", fields.message.into()),
            ("process.role", role.into()),
            ("process.slot", slot.into()),
            ("process.pid", self.pid.into()),
        ];
        let every_line = every_line.into_iter().map(|(name, value)| (name.to_owned(), value));
        let members: Vec<String> = every_line.chain(fields.others).map(|(name, value)| format!("{}:{value}", Value::from(name))).collect();
        format!("{{{}}}\n", members.join(","))
    }
}

/// The fields of one event.
#[derive(Default)]
struct Fields {
    message: String,
    others: BTreeMap<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => _ = self.others.insert(name.to_owned(), value),
        }
    }
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
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{Fields, Format, Lines, Output, Writer};

    fn lines(format: Format) -> Lines {
        Lines { format, writer: Writer { role: "worker", slot: 2 }, pid: 4711, output: Arc::new(Output::StandardError) }
    }

    fn fields() -> Fields {
        let others =
            [("url".to_owned(), json!("http://127.0.0.1:8000")), ("workers".to_owned(), json!(4)), ("why".to_owned(), json!("a b"))];
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
}
