//! One JSON value a line (NDJSON). A broken line costs that line only.

use std::io::BufRead;

use serde_json::Value;

use super::ITEM_BYTES_MAX;
use super::item::{Bad, Record};
use super::source::{Line, read_line};

/// The records of such a file.
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
                Ok(Line::TooLong) => return Some(Err(Bad::at(line, format!("the line has more than {ITEM_BYTES_MAX} bytes")))),
                Ok(Line::Text(text)) if text.trim_ascii().is_empty() => {}
                Ok(Line::Text(text)) => return Some(parse(line, &text)),
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(Bad::at(line, format!("could not read on: {error}"))));
                }
            }
        }
        None
    }
}

/// Reads one value, and says what is wrong in words of the file: a value has one line here, so only columns matter.
pub fn parse(line: u64, text: &[u8]) -> Result<Record, Bad> {
    let text = std::str::from_utf8(text).map_err(|error| Bad::at(line, format!("not UTF-8 from byte {} on", error.valid_up_to() + 1)))?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let what = if error.is_eof() { "ends too early" } else { "is broken" };
        Bad::at(line, format!("the JSON {what} at column {}", error.column()))
    })?;
    Ok(Record { line, is_row: false, value })
}
