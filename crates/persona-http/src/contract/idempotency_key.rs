//! The form of an idempotency key, wherever a request names one.

/// Most characters of an idempotency key.
pub const KEY_CHARS_MAX: usize = 255;

/// What a key must be, behind "must be".
pub fn wanted() -> String {
    format!("1 to {KEY_CHARS_MAX} visible ASCII characters")
}

/// Reads a key, bare or as an RFC 8941 string: both spellings are the same key. `None` where it is
/// not 1 to [`KEY_CHARS_MAX`] visible ASCII characters.
pub fn read_key(text: &str) -> Option<String> {
    let key = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map_or_else(|| text.to_owned(), unescaped);
    let is_key =
        (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then_some(key)
}

/// An RFC 8941 string without its escapes.
fn unescaped(text: &str) -> String {
    let mut escape = false;
    text.chars()
        .filter(|char| {
            escape = !escape && *char == '\\';
            !escape
        })
        .collect()
}
