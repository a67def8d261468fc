//! Rows of CSV (RFC 4180) with a header.

use std::io::{BufRead, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::item::{Bad, Record};
use super::source::{Gauge, Gauged};

/// A row that is added behind the file. If it does not come back as a row of its own, a quote was still open at the
/// end: the CSV reader itself takes the end of the file for the end of the cell.
const END_MARK: &str = "\u{1}end of file\u{1}";

/// The records of such a file: objects of column to cell.
pub struct CsvRows {
    reader: Reader<Box<dyn Read>>,
    gauge: Gauge,
    /// The columns of the header.
    pub columns: Vec<String>,
    is_over: bool,
}

impl CsvRows {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// The header cannot be read, is not UTF-8, or has a column twice.
    pub fn new(input: Box<dyn BufRead>) -> Result<Self, Bad> {
        let gauge = Gauge::default();
        gauge.start_record(0);
        let marked = input.chain(Cursor::new(format!("\n{END_MARK}")));
        let bounded: Box<dyn Read> = Box::new(Gauged::new(marked, gauge.clone()));
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bounded);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header).map_err(|error| Bad::at(1, format!("could not read on: {error}")))?;
        let columns: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8(name.to_vec()).map_err(|_| Bad::at(1, "the header is not UTF-8")))
            .collect::<Result<_, _>>()?;
        if let Some(twice) = columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name)).map(|(_, name)| name) {
            return Err(Bad::at(1, format!("the header has the column {twice:?} twice")));
        }
        Ok(Self { reader, gauge, columns, is_over: false })
    }

    fn record(&self, line: u64, row: &ByteRecord) -> Result<Record, Bad> {
        let mut cells = Map::new();
        for (column, cell) in self.columns.iter().zip(row) {
            let text = std::str::from_utf8(cell).map_err(|error| {
                Bad::at(line, format!("the cell of column {column:?} is not UTF-8 from byte {} on", error.valid_up_to() + 1))
            })?;
            cells.insert(column.clone(), text.into());
        }
        if row.len() != self.columns.len() {
            let reasons = vec![format!("the row has another number of cells ({}) than the header ({})", row.len(), self.columns.len())];
            let name = cells.values().next().and_then(Value::as_str).map(ToString::to_string);
            return Err(Bad { line, name, reasons });
        }
        Ok(Record { line, is_row: true, value: Value::Object(cells) })
    }
}

impl Iterator for CsvRows {
    type Item = Result<Record, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let start = self.reader.position().clone();
        self.gauge.start_record(start.byte());
        let mut row = ByteRecord::new();
        let read = self.reader.read_byte_record(&mut row);
        let line = start.line() + self.gauge.breaks();
        match read {
            Err(error) => {
                self.is_over = true;
                let reason = match error.kind() {
                    csv::ErrorKind::Io(error) => error.to_string(),
                    _ => error.to_string(),
                };
                Some(Err(Bad::at(line, format!("could not read on: {reason}"))))
            }
            Ok(false) => {
                self.is_over = true;
                None
            }
            Ok(true) if row.len() == 1 && &row[0] == END_MARK.as_bytes() => {
                self.is_over = true;
                None
            }
            Ok(true) if row.iter().next_back().is_some_and(|cell| cell.ends_with(END_MARK.as_bytes())) => {
                self.is_over = true;
                Some(Err(Bad::at(line, "a quoted cell of the row that starts here is not closed before the end of the file")))
            }
            Ok(true) => Some(self.record(line, &row)),
        }
    }
}
