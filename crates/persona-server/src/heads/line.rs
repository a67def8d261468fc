//! Lines of a head: which characters they have, and where they end.

use persona_http::Refusal;

/// Bytes of an empty line.
pub(super) const EMPTY_LINE: usize = b"\r\n".len();

/// The end of a line that was read up to `at`; `None` while the end has not arrived.
pub(super) fn end_of_line(rest: &[u8], at: usize) -> Result<Option<usize>, Refusal> {
    match rest.get(at..) {
        None | Some([] | [b'\r']) => Ok(None),
        Some([b'\r', b'\n', ..]) => Ok(Some(at + EMPTY_LINE)),
        Some([b'\n', ..]) => {
            Err(Refusal::Malformed("a line of the head ends without a carriage return"))
        }
        Some([b'\r', ..]) => {
            Err(Refusal::Malformed("the head has a carriage return within a line"))
        }
        Some(_) => {
            Err(Refusal::Malformed("a line of the head has a character that it must not have"))
        }
    }
}

/// The first place, from `from` on, of a byte that is not of this class.
pub(super) fn run(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .position(|byte| CLASSES[usize::from(*byte)] & class == 0)
        .unwrap_or(rest.len())
}

/// The class of bytes of names and methods (RFC 9110, section 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// The class of bytes of values of fields (RFC 9110, section 5.5).
pub(super) const VALUE: u8 = 2;
/// The class of bytes of most targets (RFC 3986, sections 3.3 and 3.4). A target of these bytes
/// alone needs no further check.
pub(super) const PLAIN: u8 = 4;
/// The class of bytes that the HTTP library accepts in a target; its type `Uri` checks the other
/// rules.
pub(super) const TARGET: u8 = 8;
/// The class of bytes of a host with its port (RFC 3986, section 3.2.2).
pub(super) const HOST: u8 = 16;

/// The classes of each byte.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        let octet = byte.to_le_bytes()[0];
        let alphanumeric = octet.is_ascii_alphanumeric();
        if alphanumeric || is_one_of(octet, b"!#$%&'*+-.^_`|~") {
            classes[byte] |= TOKEN;
        }
        if octet == b'\t' || (octet >= b' ' && octet != 0x7f) {
            classes[byte] |= VALUE;
        }
        if alphanumeric || is_one_of(octet, b"-._~%!$&'()*+,;=:@/?") {
            classes[byte] |= PLAIN;
        }
        if octet > b' ' && octet != 0x7f {
            classes[byte] |= TARGET;
        }
        if alphanumeric || is_one_of(octet, b"-._~%!$&'()*+,;=:[]") {
            classes[byte] |= HOST;
        }
        byte += 1;
    }
    classes
};

const fn is_one_of(byte: u8, bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}
