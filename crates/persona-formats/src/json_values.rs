//! JSON over several lines: one object after the other, or the elements of one list, one at a time.

use std::io::{BufRead, Result as IoResult};

use super::ITEM_BYTES_MAX;
use super::item::{Bad, Location, Record};
use super::json_lines::parse;

/// The records of a file of JSON values. A broken element costs that element only, as long as its
/// brackets and quotes are balanced.
pub struct JsonValues {
    reader: Box<dyn BufRead>,
    line: u64,
    expected: Expected,
    /// The number of list elements that were begun; `None` where the file is no list.
    elements: Option<u64>,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A list or a value: nothing was read yet.
    Anything,
    /// A value, where values follow each other without a list.
    Value,
    /// The first element of a list, or its end.
    ElementOrEnd,
    /// An element, after a comma.
    Element,
    /// A comma, or the end of the list.
    CommaOrEnd,
    /// Nothing more.
    End,
    /// The rest of the file is not read, after an error.
    Over,
}

/// The state of the scan inside one value, to find its end. Brackets inside strings do not count.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes the next byte; `true` when it ends an object, a list or a string.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    return self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// Whether a value without brackets and quotes, such as a number, ends before this byte.
    fn ends_before(&self, byte: u8) -> bool {
        self.depth == 0
            && !self.in_string
            && (byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}'))
    }
}

impl JsonValues {
    /// Reads from the start of a file.
    pub fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, line: 1, expected: Expected::Anything, elements: None }
    }

    fn peek(&mut self) -> IoResult<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn consume(&mut self, byte: u8) {
        self.reader.consume(1);
        if byte == b'\n' {
            self.line += 1;
        }
    }

    /// The next record, or the reason why it is bad; `None` at a proper end.
    fn record(&mut self) -> IoResult<Option<Result<Record, Bad>>> {
        use Expected::{Anything, CommaOrEnd, Element, ElementOrEnd, End, Over, Value};
        loop {
            let Some(byte) = self.peek()? else { return Ok(self.at_end_of_file()) };
            if byte.is_ascii_whitespace() {
                self.consume(byte);
                continue;
            }
            self.expected = match (self.expected, byte) {
                (Over, _) => return Ok(None),
                (Anything, b'[') => {
                    self.elements = Some(0);
                    ElementOrEnd
                }
                (ElementOrEnd | CommaOrEnd, b']') => End,
                (CommaOrEnd, b',') => Element,
                (CommaOrEnd, _) => {
                    return Ok(Some(Err(self.give_up(
                        "a comma or the end of the list is missing before this element",
                    ))));
                }
                (Element, b']' | b',') => {
                    return Ok(Some(Err(self.give_up("an element is missing after a comma"))));
                }
                (End, _) => {
                    return Ok(Some(Err(
                        self.give_up("there is more text after the end of the list")
                    )));
                }
                (Anything | Value | Element | ElementOrEnd, _) => return self.value().map(Some),
            };
            self.consume(byte);
        }
    }

    fn at_end_of_file(&mut self) -> Option<Result<Record, Bad>> {
        let is_open = matches!(
            self.expected,
            Expected::ElementOrEnd | Expected::Element | Expected::CommaOrEnd
        );
        let told = is_open.then(|| Err(self.give_up("the file ends before the end of the list")));
        self.expected = Expected::Over;
        told
    }

    fn give_up(&mut self, reason: &str) -> Bad {
        self.expected = Expected::Over;
        Bad::at(self.line, reason)
    }

    fn value(&mut self) -> IoResult<Result<Record, Bad>> {
        let location = Location { line: self.line, index: self.elements };
        self.elements = self.elements.map(|elements| elements + 1);
        self.expected =
            if self.elements.is_some() { Expected::CommaOrEnd } else { Expected::Value };
        let (mut text, mut nesting, mut bytes) = (Vec::new(), Nesting::default(), 0);
        loop {
            let Some(byte) = self.peek()? else {
                self.expected = Expected::Over;
                return Ok(Err(Bad {
                    location,
                    ..Bad::at(
                        location.line,
                        "the JSON that starts here ends too early: the file is cut off",
                    )
                }));
            };
            if nesting.ends_before(byte) {
                break;
            }
            self.consume(byte);
            bytes += 1;
            if bytes <= ITEM_BYTES_MAX {
                text.push(byte);
            }
            if nesting.ends_with(byte) {
                break;
            }
        }
        if bytes > ITEM_BYTES_MAX {
            return Ok(Err(Bad {
                location,
                ..Bad::at(location.line, format!("an item has more than {ITEM_BYTES_MAX} bytes"))
            }));
        }
        Ok(parse(location, &text))
    }
}

impl Iterator for JsonValues {
    type Item = Result<Record, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        self.record()
            .unwrap_or_else(|error| Some(Err(self.give_up(&format!("could not read on: {error}")))))
    }
}
