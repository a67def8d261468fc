//! One JSON value a line (NDJSON). A broken line costs that line only.

use std::io::BufRead;

use super::ITEM_BYTES_MAX;
use super::item::{Bad, Location, Record};
use super::source::{Line, read_line};
use persona_model::read_strictly;

/// The records of an NDJSON file.
pub struct JsonLines {
    reader: Box<dyn BufRead>,
    line: u64,
    is_over: bool,
}

impl JsonLines {
    /// Reads from the start of a file.
    pub fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, line: 0, is_over: false }
    }
}

impl Iterator for JsonLines {
    type Item = Result<Record, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            self.line += 1;
            let line = self.line;
            match read_line(&mut self.reader) {
                Ok(Line::End) => self.is_over = true,
                Ok(Line::TooLong) => {
                    return Some(Err(Bad::at(
                        line,
                        format!("the line has more than {ITEM_BYTES_MAX} bytes"),
                    )));
                }
                Ok(Line::Text(text)) if text.trim_ascii().is_empty() => {}
                Ok(Line::Text(text)) => return Some(parse(Location::line(line), &text)),
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(Bad::at(line, format!("could not read on: {error}"))));
                }
            }
        }
        None
    }
}

/// Reads one value as strictly as the API reads a body, and words an error for the reader of a
/// file.
pub fn parse(location: Location, text: &[u8]) -> Result<Record, Bad> {
    let value = read_strictly(text).map_err(|malformed| {
        let what = if malformed.ends_early {
            "ends too early".into()
        } else {
            format!("cannot be read: {}", malformed.words())
        };
        let on_line = if malformed.line > 1 {
            format!("line {}, ", location.line + malformed.line as u64 - 1)
        } else {
            String::new()
        };
        Bad {
            location,
            ..Bad::at(
                location.line,
                format!("the JSON {what} ({on_line}column {})", malformed.column),
            )
        }
    })?;
    Ok(Record { location, is_row: false, value })
}
