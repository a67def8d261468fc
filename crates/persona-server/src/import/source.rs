//! Reading with a bound: how much one record may take.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use super::ITEM_BYTES_MAX;

/// A line of a file, without its end, or why there is none.
pub enum Line {
    /// The line.
    Text(Vec<u8>),
    /// It has more bytes than an item may have; it was skipped.
    TooLong,
    /// The file is at its end.
    End,
}

/// Reads one line of at most [`ITEM_BYTES_MAX`] bytes.
pub fn read_line(reader: &mut dyn BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let bound = u64::try_from(ITEM_BYTES_MAX).expect("the bound is a small number") + 1;
    if reader.take(bound).read_until(b'\n', &mut line)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > ITEM_BYTES_MAX {
        reader.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Text(line))
}

/// A reader for records that another reader takes apart: it fails when one record takes too many bytes, so that an
/// unclosed quote cannot fill the memory, and it knows how many line feeds stand before a record.
pub struct Gauged<R> {
    inner: R,
    gauge: Gauge,
}

/// The other end of a [`Gauged`] reader, for whoever starts records.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that the current record may still take. Bytes that were read ahead count for the record before.
    left: usize,
    /// What was read last, and its place in the file.
    chunk: Vec<u8>,
    chunk_start: u64,
    /// Line feeds between the end of the record before and the current one.
    breaks: u64,
    /// Whether nothing but ends of lines was seen of the current record.
    is_before_record: bool,
}

impl State {
    fn count_breaks(&mut self, from: usize) {
        for byte in self.chunk.get(from..).unwrap_or_default() {
            match byte {
                b'\n' => self.breaks += 1,
                b'\r' => {}
                _ => {
                    self.is_before_record = false;
                    return;
                }
            }
        }
    }
}

impl Gauge {
    /// Starts the next record at this place of the file.
    pub fn start_record(&self, offset: u64) {
        let mut state = self.0.borrow_mut();
        state.left = ITEM_BYTES_MAX;
        state.breaks = 0;
        state.is_before_record = true;
        let from = usize::try_from(offset.saturating_sub(state.chunk_start)).unwrap_or(usize::MAX);
        state.count_breaks(from);
    }

    /// Line feeds between the place where the record was started and its first byte: the second half of the CRLF that
    /// ended the one before, and empty lines.
    pub fn breaks(&self) -> u64 {
        self.0.borrow().breaks
    }
}

impl<R> Gauged<R> {
    /// Gauges a reader.
    pub fn new(inner: R, gauge: Gauge) -> Self {
        Self { inner, gauge }
    }
}

impl<R: Read> Read for Gauged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.gauge.0.borrow_mut();
        if state.left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("an item has more than {ITEM_BYTES_MAX} bytes")));
        }
        let wanted = buffer.len().min(state.left);
        let read = self.inner.read(&mut buffer[..wanted])?;
        state.left -= read;
        state.chunk_start += u64::try_from(state.chunk.len()).unwrap_or(u64::MAX);
        state.chunk.clear();
        state.chunk.extend_from_slice(&buffer[..read]);
        if state.is_before_record {
            state.count_breaks(0);
        }
        Ok(read)
    }
}
