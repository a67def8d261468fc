//! The head of a request, checked line by line as it arrives (RFC 9112, sections 2 to 7).
//!
//! The check is stricter than the HTTP library where two readers could understand a request
//! differently, because request smuggling uses such differences (RFC 9112, section 11.2). Elsewhere
//! it is exactly as strict, so that the library refuses nothing that the check lets through.

use std::ops::Range;

use http::Uri;

use super::body::Body;
use super::line::{EMPTY_LINE, HOST, PLAIN, TARGET, TOKEN, VALUE, end_of_line, run};
use persona_http::Refusal;
use persona_http::contract::limits::{HEAD_BYTES_MAX, HEADERS_MAX};

/// The first byte of a TLS handshake (RFC 8446, section 5.1). No method of HTTP begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// The state of the check of a head.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Bytes of the lines that are complete and were checked.
    checked: usize,
    /// Bytes that were searched for the end of the next line.
    searched: usize,
    version: Option<Version>,
    fields: usize,
    hosts: usize,
    /// The range of the host of the request: in its target, or else in `Host`.
    host: Range<usize>,
    is_host_in_target: bool,
    length: Option<u64>,
    codings: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    Http10,
    Http11,
}

impl Head {
    /// Reads further. `bytes` begins with the head and has at least the bytes of the call before.
    /// Returns the length of the head and the framing of its body when the head is complete.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<(usize, Body)>, Refusal> {
        // A line that arrives in pieces is checked when its end has arrived.
        if self.searched > self.checked && !bytes[self.searched..].contains(&b'\n') {
            self.searched = bytes.len();
            return if bytes.len() < HEAD_BYTES_MAX {
                Ok(None)
            } else {
                Err(Refusal::TooManyBytes)
            };
        }
        while self.checked < bytes.len() {
            let rest = &bytes[self.checked..];
            let line =
                if self.version.is_none() { self.first_line(rest)? } else { self.field(rest)? };
            let Some(line) = line else { break };
            self.checked += line;
            if self.checked > HEAD_BYTES_MAX {
                return Err(Refusal::TooManyBytes);
            }
            if line == EMPTY_LINE && self.version.is_some() {
                return Ok(Some((self.checked, self.body()?)));
            }
        }
        self.searched = bytes.len();
        // The head is incomplete: at least one byte is missing.
        if bytes.len() < HEAD_BYTES_MAX { Ok(None) } else { Err(Refusal::TooManyBytes) }
    }

    /// The host that a complete head is for, with its port; empty where it names none (RFC 9112,
    /// section 3.3).
    pub fn host<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.host.clone()).unwrap_or_default()
    }

    /// The length of the request line, or of an empty line before it (RFC 9112, section 2.2);
    /// `None` while its end has not arrived.
    fn first_line(&mut self, rest: &[u8]) -> Result<Option<usize>, Refusal> {
        if rest.starts_with(b"\r") {
            return end_of_line(rest, 0);
        }
        if rest.first() == Some(&TLS_HANDSHAKE) {
            return Err(Refusal::Malformed(
                "this port does not speak TLS, and the client began it: use http:// in place of \
                 https://",
            ));
        }
        let method = run(rest, 0, TOKEN);
        let Some(space) = rest.get(method) else { return Ok(None) };
        if method == 0 || *space != b' ' {
            return Err(Refusal::Malformed(
                "the request line does not begin with a method and a space",
            ));
        }
        let target = method + 1;
        let mut target_end = run(rest, target, PLAIN);
        let is_plain = rest.get(target) == Some(&b'/') && rest.get(target_end) == Some(&b' ');
        if !is_plain {
            target_end = run(rest, target, TARGET);
        }
        let Some(space) = rest.get(target_end) else { return Ok(None) };
        if target_end == target || *space != b' ' {
            return Err(Refusal::Malformed(
                "the request line does not have a target between two spaces",
            ));
        }
        if !is_plain {
            self.target(&rest[target..target_end], self.checked + target)?;
        }
        let version = target_end + 1;
        let Some(name) = rest.get(version..version + VERSION_BYTES) else {
            return if rest[version..].contains(&b'\n') { Err(BAD_VERSION) } else { Ok(None) };
        };
        let known = match name {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(Refusal::UnknownVersion);
            }
            _ => return Err(BAD_VERSION),
        };
        let line = end_of_line(rest, version + VERSION_BYTES)?;
        if line.is_some() {
            self.version = Some(known);
        }
        Ok(line)
    }

    /// Checks a target that is more than a path and begins at this byte of the head. A host in the
    /// target takes precedence over `Host` (section 3.2.2).
    fn target(&mut self, target: &[u8], at: usize) -> Result<(), Refusal> {
        // `Uri` drops a fragment without a word: a search for "c#" would be one for "c".
        if target.contains(&b'#') {
            return Err(Refusal::Malformed(
                "the target of the request has a #, which no target has: write %23 for it",
            ));
        }
        let uri = Uri::try_from(target)
            .map_err(|_| Refusal::Malformed("the target of the request is no URI"))?;
        let Some(authority) = uri.authority() else { return Ok(()) };
        // The part before the last @ is no part of the host.
        let length = authority.as_str().rsplit('@').next().unwrap_or_default().len();
        let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
        let end = at + scheme + authority.as_str().len();
        (self.host, self.is_host_in_target) = (end - length..end, true);
        Ok(())
    }

    /// The length of a line with a field, or of the empty line at the end; `None` while its end has
    /// not arrived.
    fn field(&mut self, rest: &[u8]) -> Result<Option<usize>, Refusal> {
        if rest.starts_with(b"\r") {
            return end_of_line(rest, 0);
        }
        let name_end = run(rest, 0, TOKEN);
        let Some(colon) = rest.get(name_end) else { return Ok(None) };
        if name_end == 0 || *colon != b':' {
            return Err(Refusal::Malformed(
                "a line of the head is no field name followed by a colon",
            ));
        }
        let value_end = run(rest, name_end + 1, VALUE);
        let Some(line) = end_of_line(rest, value_end)? else { return Ok(None) };
        self.fields += 1;
        if self.fields > HEADERS_MAX {
            return Err(Refusal::TooManyFields);
        }
        let (name, value) = (&rest[..name_end], &rest[name_end + 1..value_end]);
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.host_field(value, self.checked + name_end + 1)?;
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                self.content_length(value.trim_ascii())?;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.transfer_encoding(value.trim_ascii())?;
            }
            _ => {}
        }
        Ok(Some(line))
    }

    /// Checks the field `Host`: exactly one, with a valid value (section 3.2). The value begins at
    /// this byte of the head.
    fn host_field(&mut self, value: &[u8], at: usize) -> Result<(), Refusal> {
        let start = at + value.len() - value.trim_ascii_start().len();
        let value = value.trim_ascii();
        self.hosts += 1;
        if self.hosts > 1 {
            return Err(Refusal::Malformed("Host is there more than once"));
        }
        if run(value, 0, HOST) < value.len() {
            return Err(Refusal::Malformed("Host is no host with or without a port"));
        }
        if !self.is_host_in_target {
            self.host = start..start + value.len();
        }
        Ok(())
    }

    /// Checks `Content-Length`: one decimal number (section 6.3).
    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::Malformed("Content-Length is there more than once"));
        }
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .filter(|_| is_number);
        let Some(number) = number else {
            return Err(Refusal::Malformed("Content-Length is no number of bytes"));
        };
        self.length = Some(number.unsigned_abs());
        Ok(())
    }

    /// Checks `Transfer-Encoding`: only `chunked`, and only once (sections 6.1 and 7).
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if codings.any(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
            return Err(Refusal::UnknownCoding);
        }
        self.codings += value.split(|byte| *byte == b',').count();
        if self.codings > 1 {
            return Err(Refusal::Malformed("Transfer-Encoding names chunked more than once"));
        }
        Ok(())
    }

    /// The framing of the body that follows from all fields.
    fn body(&self) -> Result<Body, Refusal> {
        let is_http11 = self.version == Some(Version::Http11);
        if self.hosts == 0 && is_http11 {
            return Err(Refusal::Malformed("Host is missing"));
        }
        match (self.length, self.codings) {
            (Some(_), 1..) => {
                Err(Refusal::Malformed("Content-Length and Transfer-Encoding are there together"))
            }
            (None, 1..) if !is_http11 => {
                Err(Refusal::Malformed("Transfer-Encoding is not known to HTTP/1.0"))
            }
            (None, 1..) => Ok(Body::chunked()),
            (length, 0) => Ok(Body::of_length(length.unwrap_or_default())),
        }
    }
}

const VERSION_BYTES: usize = b"HTTP/1.1".len();
const BAD_VERSION: Refusal = Refusal::Malformed("the request line does not end with HTTP/1.1");

#[cfg(test)]
mod tests {
    use super::super::body::Body;
    use super::{HEAD_BYTES_MAX, HEADERS_MAX, Head, Refusal};

    /// Checks a head that arrives at once, and that the result is the same byte by byte.
    fn read(head: &[u8]) -> Result<Option<(usize, Body)>, Refusal> {
        let at_once = Head::default().read(head);
        let mut slow = Head::default();
        let in_pieces = (1..=head.len())
            .map(|end| slow.read(&head[..end]))
            .find(|read| !matches!(read, Ok(None)))
            .unwrap_or(Ok(None));
        assert_eq!(at_once, in_pieces, "{}", String::from_utf8_lossy(head));
        at_once
    }

    #[test]
    fn a_head_is_let_through_with_its_length_and_body() {
        for (head, body) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", Body::of_length(0)),
            (
                "GET /a?b={c}&\u{e9} HTTP/1.1\r\nHOST:\r\naccept: \u{e9}\t\r\n\r\n",
                Body::of_length(0),
            ),
            ("OPTIONS * HTTP/1.0\r\n\r\n", Body::of_length(0)),
            ("GET http://a/b HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", Body::of_length(0)),
            (
                "\r\n\r\nPOST / HTTP/1.1\r\nhost: a\r\nContent-Length: 12 \r\n\r\n",
                Body::of_length(12),
            ),
            ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n", Body::chunked()),
        ] {
            assert_eq!(read(head.as_bytes()), Ok(Some((head.len(), body))), "{head}");
        }
    }

    #[test]
    fn the_host_of_a_request_is_that_of_its_target_or_else_of_its_field() {
        for (head, host) in [
            ("\r\nGET / HTTP/1.1\r\na: b\r\nHOST: \t a.example:80 \r\n\r\n", "a.example:80"),
            ("GET / HTTP/1.1\r\nhost:\r\n\r\n", ""),
            ("GET / HTTP/1.0\r\n\r\n", ""),
            ("GET http://u:p@b.example:8/c?d=e@f HTTP/1.1\r\nhost: a\r\n\r\n", "b.example:8"),
            ("GET http://[::1]:8/ HTTP/1.1\r\nhost: a\r\n\r\n", "[::1]:8"),
            ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", "a"),
        ] {
            let mut read = Head::default();
            assert!(read.read(head.as_bytes()).is_ok_and(|head| head.is_some()), "{head}");
            assert_eq!(read.host(head.as_bytes()), host.as_bytes(), "{head}");
        }
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        let malformed = [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: u@a\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nnothing\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: \u{0}\r\n\r\n",
            "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /?tag=c# HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET http://a/b#c HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nhost: a\r\n\r\n",
            "GET /\r\nhost: a\r\n\r\n",
            "GET / HTTP/x.1\r\nhost: a\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        ];
        for head in malformed {
            assert!(
                matches!(read(head.as_bytes()), Err(Refusal::Malformed(_))),
                "{head:?}: {:?}",
                read(head.as_bytes())
            );
        }
        for coding in
            ["gzip", "gzip, chunked", "chunked, gzip", "identity", "", "xchunked", "chunked;q=1"]
        {
            let head = format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: {coding}\r\n\r\n");
            assert_eq!(read(head.as_bytes()), Err(Refusal::UnknownCoding), "{coding}");
        }
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2"] {
            assert_eq!(
                read(format!("PRI * {version}\r\n\r\n").as_bytes()),
                Err(Refusal::UnknownVersion),
                "{version}"
            );
        }
    }

    #[test]
    fn the_bounds_hold_to_the_byte_and_to_the_field() {
        let head = |bytes: usize| {
            let (start, end) = ("GET / HTTP/1.1\r\nhost: a\r\nx: ", "\r\n\r\n");
            format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
        };
        let largest = head(HEAD_BYTES_MAX);
        assert_eq!(
            Head::default().read(largest.as_bytes()),
            Ok(Some((HEAD_BYTES_MAX, Body::of_length(0))))
        );
        let (mut slow, parts) = (Head::default(), largest.as_bytes());
        assert!((1..HEAD_BYTES_MAX).step_by(997).all(|end| slow.read(&parts[..end]) == Ok(None)));
        assert_eq!(slow.read(parts), Ok(Some((HEAD_BYTES_MAX, Body::of_length(0)))));
        assert_eq!(
            Head::default().read(head(HEAD_BYTES_MAX + 1).as_bytes()),
            Err(Refusal::TooManyBytes)
        );
        assert_eq!(
            Head::default().read(&head(HEAD_BYTES_MAX + 1).as_bytes()[..HEAD_BYTES_MAX]),
            Err(Refusal::TooManyBytes)
        );
        let fields = |count: usize| {
            format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: 1\r\n".repeat(count - 1))
        };
        assert!(read(fields(HEADERS_MAX).as_bytes()).is_ok_and(|head| head.is_some()));
        assert_eq!(read(fields(HEADERS_MAX + 1).as_bytes()), Err(Refusal::TooManyFields));
    }
}
