//! Rows of CSV as records: each row is an object from column name to cell.

use std::io::{BufRead, Cursor, Read};

use serde_json::{Map, Value};

use super::csv_reader::{CsvReader, Row};
use super::item::{Bad, Location, Record};
use super::source::{Line, read_line};
use super::{awesome, native};

/// Bytes that can separate cells, the likeliest first: a comma, a semicolon (spreadsheets of
/// countries with a decimal comma), a tab.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The records of a CSV file.
pub struct CsvRows {
    reader: CsvReader<Box<dyn BufRead>>,
    columns: Vec<String>,
    is_over: bool,
}

impl CsvRows {
    /// Reads the header, and finds the delimiter.
    ///
    /// # Errors
    ///
    /// The header cannot be read, is not UTF-8, has a column twice, or is of no known format.
    pub fn new(mut input: Box<dyn BufRead>) -> Result<Self, Bad> {
        let mut line = 1;
        let mut first = first_line(&mut input, &mut line)?;
        let named = first
            .strip_prefix(b"sep=")
            .and_then(|rest| <[u8; 1]>::try_from(rest.trim_ascii_end()).ok());
        if named.is_some() {
            line += 1;
            first = first_line(&mut input, &mut line)?;
        }
        let delimiter = named.map_or_else(|| delimiter_of(&first), |[delimiter]| delimiter);
        first.push(b'\n');
        let input: Box<dyn BufRead> = Box::new(Cursor::new(first).chain(input));
        let mut reader = CsvReader::new(input, delimiter, false, line);
        let header = reader.row().map_err(|error| unreadable(line, &error))?.unwrap_or_default();
        if let Some(fault) = header.fault {
            return Err(Bad::at(line, fault));
        }
        // If the header has blanks after its delimiters, the rows have them too.
        if header.cells.iter().skip(1).any(|name| name.first().is_some_and(u8::is_ascii_whitespace))
        {
            reader.skip_blanks();
        }
        let columns = names(&header).ok_or_else(|| Bad::at(line, "the header is not UTF-8"))?;
        if let Some(twice) = columns
            .iter()
            .enumerate()
            .find(|(index, name)| columns[..*index].contains(name))
            .map(|(_, name)| name)
        {
            return Err(Bad::at(line, format!("the header has the column {twice:?} twice")));
        }
        check(&columns).map_err(|reason| Bad::at(line, format!("no known format: {reason}")))?;
        Ok(Self { reader, columns, is_over: false })
    }

    fn record(&self, row: &Row) -> Result<Record, Bad> {
        let line = row.line;
        if let Some(fault) = &row.fault {
            return Err(Bad::at(line, fault.clone()));
        }
        let mut cells = Map::new();
        for (column, cell) in self.columns.iter().zip(&row.cells) {
            let text = std::str::from_utf8(cell).map_err(|error| {
                Bad::at(
                    line,
                    format!(
                        "the cell of column {column:?} is not UTF-8 from byte {} on",
                        error.valid_up_to() + 1
                    ),
                )
            })?;
            cells.insert(column.clone(), text.into());
        }
        if row.cells.len() != self.columns.len() {
            let (found, wanted) = (row.cells.len(), self.columns.len());
            let reasons = vec![format!(
                "the row has another number of cells ({found}) than the header ({wanted})"
            )];
            let name = cells.values().next().and_then(Value::as_str).map(ToString::to_string);
            return Err(Bad { name, reasons, ..Bad::at(line, "") });
        }
        Ok(Record { location: Location::line(line), is_row: true, value: Value::Object(cells) })
    }
}

impl Iterator for CsvRows {
    type Item = Result<Record, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.reader.row() {
                Ok(Some(row)) if row.is_blank() => {}
                Ok(Some(row)) => return Some(self.record(&row)),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(unreadable(self.reader.line(), &error)));
                }
            }
        }
        None
    }
}

fn unreadable(line: u64, error: &std::io::Error) -> Bad {
    Bad::at(line, format!("could not read on: {error}"))
}

/// The first line with something on it.
fn first_line(input: &mut dyn BufRead, line: &mut u64) -> Result<Vec<u8>, Bad> {
    loop {
        match read_line(input).map_err(|error| unreadable(*line, &error))? {
            Line::Text(text) if text.trim_ascii().is_empty() => *line += 1,
            Line::Text(text) => return Ok(text),
            Line::TooLong => {
                return Err(Bad::at(*line, "the first line is longer than an item may be"));
            }
            Line::End => return Ok(Vec::new()),
        }
    }
}

/// The delimiter with which the header is one of a known format. If there is none, a comma, so that
/// the error names the columns as a comma separates them.
fn delimiter_of(header: &[u8]) -> u8 {
    let is_known = |delimiter: &u8| {
        let row = CsvReader::new(header, *delimiter, false, 1).row().ok().flatten();
        row.and_then(|row| names(&row)).is_some_and(|columns| check(&columns).is_ok())
    };
    DELIMITERS.into_iter().find(is_known).unwrap_or(b',')
}

/// The names of the columns, without blanks around them; `None` where they are not UTF-8. The names
/// of known columns are folded to lower case, because spreadsheets capitalise them; other names
/// stay unchanged.
fn names(header: &Row) -> Option<Vec<String>> {
    let name = |cell: &Vec<u8>| {
        let name = std::str::from_utf8(cell).ok()?.trim();
        let lower = name.to_ascii_lowercase();
        Some(if native::is_column(&lower) || awesome::COLUMNS.contains(&lower.as_str()) {
            lower
        } else {
            name.to_owned()
        })
    };
    header.cells.iter().map(name).collect()
}

/// Checks that these columns are those of a known format.
fn check(columns: &[String]) -> Result<(), String> {
    let has = |column: &str| columns.iter().any(|name| name == column);
    if has("act") && has("prompt") { Ok(()) } else { native::check_columns(columns) }
}
