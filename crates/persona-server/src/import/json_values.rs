//! JSON over several lines: one object after the other, or the elements of one list, one at a time.

use std::io::{BufRead, Read};

use super::ITEM_BYTES_MAX;
use super::item::{Bad, Record};
use super::json_lines::parse;

/// The records of such a file. After a broken element there is no telling where the next one starts, so it is the last.
pub struct JsonValues {
    reader: Box<dyn BufRead>,
    line: u64,
    in_list: bool,
    is_over: bool,
}

/// Where the scan is inside one value. Only what is needed to find its end: strings may hold brackets.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes the next byte; true when it ends the value.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        self.depth == 0 && byte != b'"'
    }
}

impl JsonValues {
    /// Reads from the start of a file.
    pub fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, line: 1, in_list: false, is_over: false }
    }

    fn byte(&mut self) -> std::io::Result<Option<u8>> {
        let mut byte = [0];
        let read = self.reader.read(&mut byte)?;
        if byte[0] == b'\n' && read == 1 {
            self.line += 1;
        }
        Ok((read == 1).then_some(byte[0]))
    }

    /// The next value's first line and text; `None` at the end.
    fn value(&mut self) -> std::io::Result<Option<(u64, Vec<u8>)>> {
        let first = loop {
            match self.byte()? {
                None => return Ok(None),
                Some(b'[') if !self.in_list => self.in_list = true,
                Some(b',' | b']') if self.in_list => {}
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(byte) => break byte,
            }
        };
        let (line, mut text, mut nesting) = (self.line, vec![first], Nesting::default());
        if first != b'{' {
            return Err(std::io::Error::other("every element must be an object"));
        }
        nesting.ends_with(first);
        while let Some(byte) = self.byte()? {
            text.push(byte);
            if nesting.ends_with(byte) {
                return Ok(Some((line, text)));
            }
            if text.len() > ITEM_BYTES_MAX {
                return Err(std::io::Error::other(format!("an item has more than {ITEM_BYTES_MAX} bytes")));
            }
        }
        Err(std::io::Error::other("the JSON ends too early"))
    }
}

impl Iterator for JsonValues {
    type Item = Result<Record, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let record = match self.value() {
            Ok(None) => {
                self.is_over = true;
                return None;
            }
            Ok(Some((line, text))) => parse(line, &text),
            Err(error) => Err(Bad::at(self.line, error.to_string())),
        };
        self.is_over = record.is_err();
        Some(record)
    }
}
