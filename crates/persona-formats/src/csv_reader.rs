//! A strict reader of CSV (RFC 4180): cells are never changed, and a row with misplaced quotes is
//! an error.
//!
//! Hand-made, because CSV libraries are forgiving about quotes: they swallow rows or change cells
//! without an error. What RFC 4180 allows is read as a library reads it (a property test compares
//! both).

use std::io::{BufRead, Result};

use super::ITEM_BYTES_MAX;

/// One row of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// The line on which it starts, from 1.
    pub line: u64,
    /// Its cells, without their quotes.
    pub cells: Vec<Vec<u8>>,
    /// Why the row cannot be used, as a sentence fragment. The cells are meaningless then.
    pub fault: Option<String>,
}

impl Row {
    /// Whether the row has no text. Spreadsheets write such rows below a table.
    pub fn is_blank(&self) -> bool {
        self.fault.is_none() && self.cells.iter().all(Vec::is_empty)
    }
}

/// The rows of a file, one after the other.
pub struct CsvReader<R> {
    input: R,
    delimiter: u8,
    /// Whether blanks after a delimiter are skipped instead of being a part of the cell.
    skips_blanks: bool,
    /// The line of the next byte, from 1.
    line: u64,
}

/// The state of the reader within a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellState {
    /// Before the first byte of the cell.
    Start,
    /// Inside a cell that does not begin with a quote. A quote is an ordinary character there.
    Bare,
    /// Behind an opening quote.
    Quoted,
    /// Behind a quote inside a quoted cell: the closing one, or the first of two that mean one.
    Closed,
    /// Behind a closing quote and a blank.
    ClosedBlank,
    /// Behind a mistake: the rest of the line is skipped.
    Broken,
}

impl<R: BufRead> CsvReader<R> {
    /// Makes a reader of cells that `delimiter` separates. `line` is the line of the first byte,
    /// from 1.
    pub fn new(input: R, delimiter: u8, skips_blanks: bool, line: u64) -> Self {
        Self { input, delimiter, skips_blanks, line }
    }

    /// The line of the next byte, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Makes the reader skip blanks after a delimiter from now on.
    pub fn skip_blanks(&mut self) {
        self.skips_blanks = true;
    }

    /// The next row; `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn row(&mut self) -> Result<Option<Row>> {
        let mut row = Row { line: self.line, ..Row::default() };
        let (mut cell, mut state, mut bytes, mut began) = (Vec::new(), CellState::Start, 0, false);
        loop {
            let Some(byte) = self.next_byte()? else {
                if state == CellState::Quoted {
                    row.fault = Some("a quoted cell of the row that starts here is not closed before the end of the file".into());
                }
                row.cells.push(cell);
                return Ok(began.then_some(row));
            };
            began = true;
            bytes += 1;
            let ends_row = state != CellState::Quoted && self.is_end_of_line(byte)?;
            state = match state {
                _ if ends_row => state,
                CellState::Start
                    if self.skips_blanks && is_blank(byte) && byte != self.delimiter =>
                {
                    CellState::Start
                }
                CellState::Start if byte == b'"' => CellState::Quoted,
                CellState::Closed if byte == b'"' => {
                    cell.push(byte);
                    CellState::Quoted
                }
                CellState::Quoted if byte == b'"' => CellState::Closed,
                CellState::Start | CellState::Bare | CellState::Closed | CellState::ClosedBlank
                    if byte == self.delimiter =>
                {
                    row.cells.push(std::mem::take(&mut cell));
                    CellState::Start
                }
                CellState::Closed | CellState::ClosedBlank if is_blank(byte) => {
                    CellState::ClosedBlank
                }
                CellState::Closed | CellState::ClosedBlank => {
                    row.fault = Some(after_quote(self.line));
                    CellState::Broken
                }
                CellState::Broken => CellState::Broken,
                CellState::Start | CellState::Bare | CellState::Quoted => {
                    if bytes <= ITEM_BYTES_MAX {
                        cell.push(byte);
                    }
                    if state == CellState::Quoted { state } else { CellState::Bare }
                }
            };
            if ends_row {
                row.cells.push(cell);
                if bytes > ITEM_BYTES_MAX {
                    row.fault = Some(format!("the row has more than {ITEM_BYTES_MAX} bytes"));
                }
                return Ok(Some(row));
            }
        }
    }

    /// Whether a byte outside of quotes ends a row: a line feed, or a carriage return with or
    /// without one behind it.
    fn is_end_of_line(&mut self, byte: u8) -> Result<bool> {
        if byte == b'\r' {
            if self.input.fill_buf()?.first() == Some(&b'\n') {
                self.input.consume(1);
            }
            self.line += 1;
        }
        Ok(matches!(byte, b'\r' | b'\n'))
    }

    fn next_byte(&mut self) -> Result<Option<u8>> {
        let Some(&byte) = self.input.fill_buf()?.first() else { return Ok(None) };
        self.input.consume(1);
        if byte == b'\n' {
            self.line += 1;
        }
        Ok(Some(byte))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn after_quote(line: u64) -> String {
    format!(
        "text follows a closing quote in line {line}; a quote inside a quoted cell is written twice"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CsvReader, Row};

    fn rows(text: &[u8]) -> Vec<Row> {
        let mut reader = CsvReader::new(text, b',', false, 1);
        std::iter::from_fn(|| reader.row().expect("memory can be read")).collect()
    }

    /// The rows as a forgiving reader sees them, without blank ones.
    fn forgiving(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let rows = reader
            .byte_records()
            .map(|row| row.expect("readable").iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        rows.filter(|row| !row.iter().all(Vec::is_empty)).collect()
    }

    #[test]
    fn a_row_with_quotes_that_do_not_add_up_is_told_and_the_next_line_is_read() {
        let found: Vec<_> =
            rows(b"A,\"never closed\nC,\"D\"\nE,F\n\"X\",\"a\" \"b\"\n\"G\" ,\"h\"\t\n")
                .into_iter()
                .collect();
        let faults: Vec<_> = found.iter().map(|row| (row.line, row.fault.is_some())).collect();
        assert_eq!(faults, [(1, true), (3, false), (4, true), (5, false)]);
        assert_eq!(found[3].cells, [b"G", b"h"]);
        let fault = found[0].fault.as_deref().expect("a fault");
        assert_eq!(
            fault,
            "text follows a closing quote in line 2; a quote inside a quoted cell is written twice"
        );
    }

    #[test]
    fn blanks_after_a_delimiter_belong_to_the_cell_unless_the_layout_has_them() {
        assert_eq!(rows(b"A, B")[0].cells, [b"A" as &[u8], b" B"]);
        let mut reader = CsvReader::new(b"A,  \"B, b\", C" as &[u8], b',', true, 1);
        assert_eq!(
            reader.row().expect("read").expect("a row").cells,
            [b"A" as &[u8], b"B, b", b"C"]
        );
    }

    proptest! {
        #[test]
        fn what_is_written_well_is_read_as_it_was(cells in prop::collection::vec(prop::collection::vec("[a\", \r\n\u{e9}]{0,6}", 1..4), 0..4)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &cells {
                writer.write_record(row).expect("memory can be written");
            }
            let text = writer.into_inner().expect("memory can be written");
            let read = rows(&text);
            prop_assert!(read.iter().all(|row| row.fault.is_none()));
            let wanted: Vec<Vec<Vec<u8>>> = cells.iter().map(|row| row.iter().map(|cell| cell.clone().into_bytes()).collect()).collect();
            prop_assert_eq!(read.into_iter().map(|row| row.cells).collect::<Vec<_>>(), wanted);
        }

        #[test]
        fn a_file_without_a_fault_is_read_as_a_forgiving_reader_reads_it(text in "[a\",\r\n]{0,24}") {
            let read = rows(text.as_bytes());
            if read.iter().all(|row| row.fault.is_none()) {
                let read: Vec<_> = read.into_iter().filter(|row| !row.is_blank()).map(|row| row.cells).collect();
                prop_assert_eq!(read, forgiving(text.as_bytes()));
            }
        }
    }
}
