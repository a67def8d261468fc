//! Where the body of a request ends, so that the next head is found (RFC 9112, sections 6.2 and
//! 7.1). The HTTP library reads the content; this file only follows the framing.

/// How much of a body is still to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    /// The body has this many bytes.
    Length(u64),
    /// Chunks, in this state of reading.
    Chunked(ChunkState),
}

/// What the next byte of a chunked body belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChunkState {
    /// The size of a chunk, from the digits read so far; `None` before the first digit.
    Size(Option<u64>),
    /// The text behind the size, up to the end of the line; holds the size.
    Extension(u64),
    /// The line feed after it.
    SizeEnd(u64),
    Data(u64),
    DataReturn,
    DataEnd,
    /// The beginning of a line after the last chunk.
    Trailer,
    WithinTrailer,
    TrailerEnd,
    LastEnd,
    Over,
}

/// The framing of a body is invalid, so the start of the next head cannot be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken;

impl Body {
    pub const fn of_length(bytes: u64) -> Self {
        Self::Length(bytes)
    }

    pub const fn chunked() -> Self {
        Self::Chunked(ChunkState::Size(None))
    }

    /// Whether the body is complete.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(ChunkState::Over))
    }

    /// Skips the bytes that belong to the body; returns their number.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Length(left) => Ok(advance(left, bytes.len())),
            Self::Chunked(state) => {
                let mut at = 0;
                while at < bytes.len() && *state != ChunkState::Over {
                    if let ChunkState::Data(left) = state {
                        at += advance(left, bytes.len() - at);
                        if *left == 0 {
                            *state = ChunkState::DataReturn;
                        }
                    } else {
                        *state = state.next(bytes[at])?;
                        at += 1;
                    }
                }
                Ok(at)
            }
        }
    }
}

/// Subtracts these bytes from what is left; returns how many belonged to it.
fn advance(left: &mut u64, bytes: usize) -> usize {
    let taken = usize::try_from(*left).map_or(bytes, |left| left.min(bytes));
    *left -= taken as u64;
    taken
}

impl ChunkState {
    fn next(self, byte: u8) -> Result<Self, Broken> {
        match (self, byte) {
            (Self::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let size = size.unwrap_or_default().checked_mul(16).ok_or(Broken)?;
                Ok(Self::Size(Some(size + digit)))
            }
            (Self::Size(Some(size)) | Self::Extension(size), b'\r') => Ok(Self::SizeEnd(size)),
            (Self::Size(Some(size)), b'\t' | b' ' | b';') => Ok(Self::Extension(size)),
            (Self::Extension(size), byte) if byte != b'\n' => Ok(Self::Extension(size)),
            (Self::SizeEnd(0) | Self::TrailerEnd, b'\n') => Ok(Self::Trailer),
            (Self::SizeEnd(size), b'\n') => Ok(Self::Data(size)),
            (Self::DataReturn, b'\r') => Ok(Self::DataEnd),
            (Self::DataEnd, b'\n') => Ok(Self::Size(None)),
            (Self::Trailer, b'\r') => Ok(Self::LastEnd),
            (Self::WithinTrailer, b'\r') => Ok(Self::TrailerEnd),
            (Self::Trailer | Self::WithinTrailer, byte) if byte != b'\n' => Ok(Self::WithinTrailer),
            (Self::LastEnd, b'\n') => Ok(Self::Over),
            _ => Err(Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Broken};

    /// How many bytes belong to the body; checks that reading byte by byte gives the same.
    fn length(mut body: Body, bytes: &[u8]) -> Result<usize, Broken> {
        let mut slow = body;
        let in_pieces: Result<usize, Broken> = bytes.iter().map(|byte| slow.skip(&[*byte])).sum();
        let at_once = body.skip(bytes);
        assert_eq!((at_once, body), (in_pieces, slow));
        at_once
    }

    #[test]
    fn a_body_ends_where_its_frame_says() {
        assert_eq!(length(Body::of_length(3), b"abcGET"), Ok(3));
        let chunked = b"3\r\nabc\r\n00b; x=\"y\"\r\nhello\r\nyou!\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(length(Body::chunked(), &[&chunked[..], b"GET"].concat()), Ok(chunked.len()));
        assert_eq!(length(Body::chunked(), b"0\r\n\r\nGET"), Ok(5));
    }

    #[test]
    fn a_broken_frame_is_told() {
        for broken in [
            "x",
            "\r\n",
            "3\nabc",
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "0\r\nx: y\n\r\n",
            "11111111111111111\r\n",
            "0\r\n\n",
            "3;\n",
        ] {
            assert_eq!(Body::chunked().skip(broken.as_bytes()), Err(Broken), "{broken:?}");
        }
    }
}
