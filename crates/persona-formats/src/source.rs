//! Reading lines with a bound on their size.

use std::io::{self, BufRead, Read};

use super::ITEM_BYTES_MAX;

/// A line of a file without its line break, or the reason why there is none.
pub enum Line {
    /// The line.
    Text(Vec<u8>),
    /// The line has more than [`ITEM_BYTES_MAX`] bytes, and was skipped.
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
