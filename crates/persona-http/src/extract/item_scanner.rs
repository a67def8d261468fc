//! Cuts the items out of the body of a batch while it comes in, however the body is divided into
//! pieces.
//!
//! The scanner reads only the frame: the object, its one member, and where each item begins and
//! ends. Whether an item is JSON is found by the strict reader afterwards (`item_stream.rs`).

use persona_model::{MalformedJson, ValidationErrors, excerpt, read_strictly};

use super::members::pointer_of;
use crate::contract::batch::BATCH_ITEMS_MAX;
use crate::contract::limits::BODY_BYTES_MAX;
use crate::problem::{Code, Problem};

/// The only member of a batch.
const ITEMS: &str = "items";
/// Most bytes that are kept of the name of a member. No known name is as long.
const NAME_BYTES_MAX: usize = 256;
/// Most bytes of an item: as many as the body of a single request.
pub(crate) const ITEM_BYTES_MAX: usize = BODY_BYTES_MAX;

/// An item as it was received.
#[derive(Debug)]
pub(crate) struct RawItem {
    /// Line and column of its first byte, from 1 and in bytes.
    pub at: (usize, usize),
    /// How many bytes it has.
    pub bytes: usize,
    /// The bytes; `None` where there are more than [`ITEM_BYTES_MAX`].
    pub text: Option<Vec<u8>>,
}

/// What comes next. White space may be before it, but not inside a name or a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Batch,
    FirstName,
    Name,
    RestOfName { is_escaped: bool },
    Colon,
    List,
    FirstItem,
    Item,
    RestOfItem(Inside),
    AfterItem,
    AfterList,
    Nothing,
}

/// The kind of value that the next byte is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    /// An object or a list, this many levels deep.
    Nested {
        depth: usize,
        is_text: bool,
        is_escaped: bool,
    },
    Text {
        is_escaped: bool,
    },
    /// A number, or a word such as null.
    Bare,
}

/// The state of the scan between two pieces of a body.
#[derive(Debug)]
pub(crate) struct ItemScanner {
    next: Next,
    has_list: bool,
    /// The bytes so far of the name or item that is being received.
    kept: Vec<u8>,
    kept_at: (usize, usize),
    kept_bytes: usize,
    /// The number of items so far.
    items: usize,
    /// The place of the next byte, from 1.
    line: usize,
    column: usize,
}

impl Default for ItemScanner {
    fn default() -> Self {
        Self {
            next: Next::Batch,
            has_list: false,
            kept: Vec::new(),
            kept_at: (1, 1),
            kept_bytes: 0,
            items: 0,
            line: 1,
            column: 1,
        }
    }
}

impl ItemScanner {
    /// Scans the next piece of the body, and adds the items that it completes.
    ///
    /// # Errors
    ///
    /// The body is no batch from here on; the items before were added.
    pub fn push(&mut self, mut piece: &[u8], items: &mut Vec<RawItem>) -> Result<(), Problem> {
        while !piece.is_empty() {
            let used = match self.next {
                Next::RestOfItem(inside) => self.rest_of_item(inside, piece, items),
                Next::RestOfName { is_escaped } => self.rest_of_name(is_escaped, piece)?,
                _ => self.between(piece)?,
            };
            let (passed, rest) = piece.split_at(used);
            self.pass(passed);
            piece = rest;
        }
        Ok(())
    }

    /// Checks that the batch is complete when the body has ended.
    ///
    /// # Errors
    ///
    /// The body ended before the batch was complete.
    pub fn finish(&self) -> Result<(), Problem> {
        match self.next {
            Next::Nothing => Ok(()),
            Next::Batch => {
                let detail = "the body is empty; a JSON document is expected";
                Err(Problem::new(Code::MalformedJson, detail))
            }
            _ => Err(self.malformed("the text ends before the batch does")),
        }
    }

    /// The memory that the received part of the next item takes, in bytes.
    pub fn memory(&self) -> usize {
        self.kept.capacity()
    }

    /// Skips white space, or takes the one byte that separates or begins names and items.
    fn between(&mut self, piece: &[u8]) -> Result<usize, Problem> {
        let spaces = piece.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        if spaces > 0 {
            return Ok(spaces);
        }
        let byte = piece[0];
        self.next = match (self.next, byte) {
            (Next::Batch, b'{') => Next::FirstName,
            (Next::Batch, _) => return Err(self.no_object(byte)),
            (Next::FirstName | Next::Name, b'"') => {
                self.begin();
                self.keep(&piece[..1], NAME_BYTES_MAX);
                Next::RestOfName { is_escaped: false }
            }
            (Next::FirstName | Next::AfterList, b'}') if self.has_list => Next::Nothing,
            (Next::FirstName, b'}')
            | (Next::List, b'{' | b'"' | b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                return Err(wrong("/items", "required", "must be a list of changes"));
            }
            (Next::Colon, b':') => Next::List,
            (Next::List, b'[') => Next::FirstItem,
            (Next::FirstItem, b']') => {
                let message = format!("must have 1 to {BATCH_ITEMS_MAX} items, has 0");
                return Err(wrong("/items", "too_short", message));
            }
            (Next::FirstItem | Next::Item, _) => self.begin_item(byte)?,
            (Next::AfterItem, b',') => Next::Item,
            (Next::AfterItem, b']') => Next::AfterList,
            (Next::AfterList, b',') => Next::Name,
            (next, _) => return Err(self.malformed(next.expected())),
        };
        Ok(1)
    }

    fn begin_item(&mut self, byte: u8) -> Result<Next, Problem> {
        if b",:}]".contains(&byte) {
            return Err(self.malformed("expected value"));
        }
        if self.items == BATCH_ITEMS_MAX {
            let message = format!("must have 1 to {BATCH_ITEMS_MAX} items, has more");
            return Err(wrong("/items", "too_many", message));
        }
        self.begin();
        self.keep(&[byte], ITEM_BYTES_MAX);
        Ok(Next::RestOfItem(match byte {
            b'{' | b'[' => Inside::Nested { depth: 1, is_text: false, is_escaped: false },
            b'"' => Inside::Text { is_escaped: false },
            _ => Inside::Bare,
        }))
    }

    fn rest_of_item(&mut self, inside: Inside, piece: &[u8], items: &mut Vec<RawItem>) -> usize {
        let (used, inside) = inside.passing(piece);
        self.keep(&piece[..used], ITEM_BYTES_MAX);
        if self.kept_bytes > ITEM_BYTES_MAX {
            self.kept = Vec::new();
        }
        if let Some(inside) = inside {
            self.next = Next::RestOfItem(inside);
            return used;
        }
        let text = std::mem::take(&mut self.kept);
        let is_whole = text.len() == self.kept_bytes;
        let (at, bytes) = (self.kept_at, self.kept_bytes);
        items.push(RawItem { at, bytes, text: is_whole.then_some(text) });
        self.items += 1;
        self.next = Next::AfterItem;
        used
    }

    fn rest_of_name(&mut self, is_escaped: bool, piece: &[u8]) -> Result<usize, Problem> {
        let (used, inside) = Inside::Text { is_escaped }.passing(piece);
        self.keep(&piece[..used], NAME_BYTES_MAX);
        self.next = match inside {
            Some(Inside::Text { is_escaped }) => Next::RestOfName { is_escaped },
            _ => self.member()?,
        };
        Ok(used)
    }

    /// Decides what must follow the name of a member that was read completely.
    fn member(&mut self) -> Result<Next, Problem> {
        let text = std::mem::take(&mut self.kept);
        let name = if text.len() == self.kept_bytes {
            let read = read_strictly(&text).map_err(|malformed| moved(malformed, "", self.kept_at));
            read?.as_str().unwrap_or_default().to_owned()
        } else {
            String::from_utf8_lossy(&text[1..]).into_owned()
        };
        if name != ITEMS {
            let name_told = excerpt(&name);
            let message = format!("{name_told:?} is no member of a batch, which has items only");
            return Err(wrong(&pointer_of(&name), "unknown_member", message));
        }
        if self.has_list {
            let message = "the member \"items\" is there twice";
            return Err(MalformedJson::new("/items", message, self.kept_at).into());
        }
        self.has_list = true;
        Ok(Next::Colon)
    }

    fn no_object(&self, byte: u8) -> Problem {
        match byte {
            b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                wrong("", "not_an_object", "must be an object with items")
            }
            0xef => {
                self.malformed("the body starts with a byte order mark; send UTF-8 without one")
            }
            _ => self.malformed("expected value"),
        }
    }

    fn begin(&mut self) {
        (self.kept_at, self.kept_bytes) = ((self.line, self.column), 0);
        self.kept.clear();
    }

    /// Keeps bytes of a name or an item; beyond `max` they are only counted.
    fn keep(&mut self, bytes: &[u8], max: usize) {
        self.kept_bytes += bytes.len();
        if self.kept_bytes > max {
            return;
        }
        if self.kept_bytes > self.kept.capacity() {
            // The capacity doubles, so that the bytes are copied only a few times.
            let capacity = max.min(2 * self.kept.capacity()).max(self.kept_bytes);
            self.kept.reserve_exact(capacity - self.kept.len());
        }
        self.kept.extend_from_slice(bytes);
    }

    fn pass(&mut self, bytes: &[u8]) {
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            None => self.column += bytes.len(),
            Some(last) => {
                self.line += bytes[..=last].split(|byte| *byte == b'\n').count() - 1;
                self.column = bytes.len() - last;
            }
        }
    }

    fn malformed(&self, message: &str) -> Problem {
        MalformedJson::new("", message, (self.line, self.column)).into()
    }
}

impl Next {
    /// The message that the strict reader has for the same place.
    const fn expected(self) -> &'static str {
        match self {
            Self::FirstName | Self::Name => "key must be a string",
            Self::Colon => "expected `:`",
            Self::AfterItem => "expected `,` or `]`",
            Self::AfterList => "expected `,` or `}`",
            Self::Nothing => "trailing characters",
            _ => "expected value",
        }
    }
}

impl Inside {
    /// How many bytes of this piece belong to the value, and the state behind them; `None` where
    /// the value is complete.
    fn passing(self, piece: &[u8]) -> (usize, Option<Self>) {
        match self {
            Self::Bare => {
                let is_end = |byte: &u8| b",:]} \t\r\n".contains(byte);
                match piece.iter().position(is_end) {
                    Some(end) => (end, None),
                    None => (piece.len(), Some(self)),
                }
            }
            Self::Text { mut is_escaped } => {
                for (at, byte) in piece.iter().enumerate() {
                    match byte {
                        _ if is_escaped => is_escaped = false,
                        b'\\' => is_escaped = true,
                        b'"' => return (at + 1, None),
                        _ => {}
                    }
                }
                (piece.len(), Some(Self::Text { is_escaped }))
            }
            Self::Nested { mut depth, mut is_text, mut is_escaped } => {
                for (at, byte) in piece.iter().enumerate() {
                    match byte {
                        _ if is_escaped => is_escaped = false,
                        b'\\' if is_text => is_escaped = true,
                        b'"' => is_text = !is_text,
                        b'{' | b'[' if !is_text => depth += 1,
                        b'}' | b']' if !is_text => {
                            depth -= 1;
                            if depth == 0 {
                                return (at + 1, None);
                            }
                        }
                        _ => {}
                    }
                }
                (piece.len(), Some(Self::Nested { depth, is_text, is_escaped }))
            }
        }
    }
}

/// The error of an item or a name that begins at this place, with line and column in the body.
pub(super) fn moved(
    malformed: MalformedJson,
    member: &str,
    (line, column): (usize, usize),
) -> Problem {
    let in_first_line = malformed.line == 1;
    MalformedJson {
        pointer: format!("{member}{}", malformed.pointer),
        line: line + malformed.line - 1,
        column: if in_first_line { column + malformed.column - 1 } else { malformed.column },
        ..malformed
    }
    .into()
}

fn wrong(pointer: &str, code: &'static str, message: impl Into<String>) -> Problem {
    ValidationErrors::one(pointer, code, message).into()
}

#[cfg(test)]
#[path = "item_scanner_tests.rs"]
mod tests;
