//! Handles: the words that a persona is called by in addresses.

use std::fmt;

use crate::{HANDLE_CHARS_MAX, HANDLE_SEGMENTS_MAX};

/// A handle: 1 to [`HANDLE_SEGMENTS_MAX`] segments of lower-case letters, digits and `-`, with a
/// `/` between them, at most [`HANDLE_CHARS_MAX`] characters together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HandleName(Box<str>);

impl HandleName {
    /// The handle with this text; `None` for what no persona can be called.
    pub fn parse(text: &str) -> Option<Self> {
        is_handle(text).then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HandleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What the handles of a list begin with: some characters that a handle can begin with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandlePrefix(Box<str>);

impl HandlePrefix {
    /// The prefix with this text; `None` for what no handle begins with.
    pub fn parse(text: &str) -> Option<Self> {
        // What ends in a slash is the beginning of a handle with one segment more.
        let is_beginning = match text.strip_suffix('/') {
            Some(before) => text.len() < HANDLE_CHARS_MAX && has_room(before) && is_handle(before),
            None => is_handle(text),
        };
        is_beginning.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first text, bytewise, that no longer begins with it and comes after all that do: the
    /// same text with its last character raised by one, which is ASCII as all of them are.
    pub fn end(&self) -> String {
        let mut end = self.0.to_string();
        if let Some(last) = end.pop() {
            end.push(char::from(u8::try_from(last).unwrap_or(b'z') + 1));
        }
        end
    }
}

fn has_room(before: &str) -> bool {
    before.split('/').count() < HANDLE_SEGMENTS_MAX
}

/// Whether a text can be a handle.
pub(crate) fn is_handle(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(fits);
    text.len() <= HANDLE_CHARS_MAX
        && text.split('/').count() <= HANDLE_SEGMENTS_MAX
        && text.split('/').all(is_segment)
}

#[cfg(test)]
mod tests {
    use super::{HandleName, HandlePrefix};
    use crate::HANDLE_CHARS_MAX;

    #[test]
    fn a_handle_is_a_path_of_plain_words() {
        let longest = "a".repeat(HANDLE_CHARS_MAX);
        for text in ["ada", "0", "-", "support/tier-1", "a/b/c/d/e/f/g/h", &longest] {
            assert_eq!(HandleName::parse(text).map(|name| name.to_string()), Some(text.into()));
        }
        let longer = "a".repeat(HANDLE_CHARS_MAX + 1);
        let nine = "a/b/c/d/e/f/g/h/i";
        for other in
            ["", "/", "a/", "/a", "a//b", "A", "a b", "a.b", "ä", "a%2Fb", "@a", nine, &longer]
        {
            assert_eq!(HandleName::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_prefix_is_the_beginning_of_a_handle() {
        let almost = "a".repeat(HANDLE_CHARS_MAX - 1);
        for text in ["a", "support/", "support/t", "a/b/c/d/e/f/g/", &almost] {
            assert_eq!(HandlePrefix::parse(text).as_ref().map(HandlePrefix::as_str), Some(text));
        }
        let full = format!("{almost}/");
        for other in ["", "/", "a//", "A", "%", "a/b/c/d/e/f/g/h/", &full] {
            assert_eq!(HandlePrefix::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_end_of_a_prefix_is_right_behind_all_that_begin_with_it() {
        for (text, within, beyond) in [
            ("a", ["a", "a/z", "azz"], ["b", "b-", "c"]),
            ("support/", ["support/0", "support/-", "support/z"], ["support0", "supporta", "t"]),
            ("z-", ["z-", "z-/z", "z--"], ["z/a", "z0", "zz"]),
        ] {
            let prefix = HandlePrefix::parse(text).expect("a prefix");
            let end = prefix.end();
            assert!(within.iter().all(|handle| *handle >= text && *handle < &*end), "{text} {end}");
            assert!(beyond.iter().all(|handle| *handle >= &*end), "{text} {end}");
        }
    }
}
