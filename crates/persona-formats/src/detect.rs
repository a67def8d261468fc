//! Detects the layout of a file from its first bytes.

use std::io::{self, BufRead, Cursor, Read};

use super::source::{Line, read_line};

/// How the records of a file are separated.
pub enum Layout {
    /// CSV: rows with a header.
    Csv(Box<dyn BufRead>),
    /// One JSON value a line.
    Lines(Box<dyn BufRead>),
    /// JSON values over several lines: one object, or the elements of one list.
    Values(Box<dyn BufRead>),
    /// The file has nothing but blanks.
    Empty,
}

/// The byte order mark of UTF-8; skipped at the start of a file, because spreadsheets write it.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Finds the layout. The reader of the layout still gets the whole content; only blanks before the
/// first value are dropped.
///
/// # Errors
///
/// The file cannot be read, is UTF-16, is compressed, or its first line is longer than an item may
/// be.
pub fn detect(mut reader: Box<dyn BufRead>) -> io::Result<Layout> {
    let mut first = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut first)?;
    if let Some(name) = foreign_encoding(&first) {
        return Err(io::Error::other(name));
    }
    if first.starts_with(UTF8_MARK) {
        first.drain(..UTF8_MARK.len());
    }
    let mut reader: Box<dyn BufRead> = Box::new(Cursor::new(first).chain(reader));
    let mut blanks = Vec::new();
    let first_byte = loop {
        let Some(&byte) = reader.fill_buf()?.first() else { return Ok(Layout::Empty) };
        if !byte.is_ascii_whitespace() {
            break byte;
        }
        reader.consume(1);
        // The line break is kept, because lines are counted from the start of the file.
        if byte == b'\n' {
            blanks.push(byte);
        }
    };
    match first_byte {
        b'{' => lines_or_values(blanks, reader),
        b'"' => strings_or_rows(blanks, reader),
        b'[' => Ok(Layout::Values(Box::new(Cursor::new(blanks).chain(reader)))),
        _ => Ok(Layout::Csv(Box::new(Cursor::new(blanks).chain(reader)))),
    }
}

fn foreign_encoding(first: &[u8]) -> Option<&'static str> {
    match first {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is UTF-16; save it as UTF-8"),
        [0, _, ..] | [_, 0, ..] => Some("the file is not UTF-8 text"),
        [0x1f, 0x8b, ..] => Some("the file is compressed (gzip); unpack it first"),
        [b'P', b'K', 3, 4] => Some("the file is a zip archive; unpack it first"),
        [0xff, 0xd8, 0xff, _] => {
            Some("the file is a JPEG image; character cards in images are not read in this version")
        }
        [0x89, b'P', b'N', b'G'] => {
            Some("the file is a PNG image; character cards in images are not read in this version")
        }
        _ => None,
    }
}

/// Tells NDJSON from JSON over several lines. In NDJSON the first line is a whole value, or a
/// broken one. A first line that only ends too early begins a value over several lines, unless the
/// next line begins an object of its own.
fn lines_or_values(blanks: Vec<u8>, mut reader: Box<dyn BufRead>) -> io::Result<Layout> {
    let Line::Text(line) = read_line(&mut reader)? else {
        return Err(io::Error::other("the first line is longer than an item may be"));
    };
    let ends_early =
        serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_err_and(|error| error.is_eof());
    let next_starts_anew = reader.fill_buf()?.first() == Some(&b'{');
    let start = [blanks, line, vec![b'\n']].concat();
    let reader = Box::new(Cursor::new(start).chain(reader));
    Ok(if ends_early && !next_starts_anew { Layout::Values(reader) } else { Layout::Lines(reader) })
}

/// Tells JSON that was encoded twice from CSV with a quoted header. The first line of the former is
/// one JSON string that contains an object; a quoted header is followed by a delimiter, or contains
/// no object.
fn strings_or_rows(blanks: Vec<u8>, mut reader: Box<dyn BufRead>) -> io::Result<Layout> {
    let Line::Text(line) = read_line(&mut reader)? else {
        return Err(io::Error::other("the first line is longer than an item may be"));
    };
    let is_json = serde_json::from_slice::<String>(&line)
        .is_ok_and(|text| text.trim_start().starts_with('{'));
    let start = [blanks, line, vec![b'\n']].concat();
    let reader = Box::new(Cursor::new(start).chain(reader));
    Ok(if is_json { Layout::Lines(reader) } else { Layout::Csv(reader) })
}
