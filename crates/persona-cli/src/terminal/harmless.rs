//! Makes text safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text for a terminal: control characters other than line feed and tab are made visible, because a
/// prompt from the internet must not move the cursor or change the title of the window. Characters
/// that change the direction of writing are made visible too, because they could hide what a text
/// says (Unicode, annex 9).
pub fn harmless(text: &str) -> String {
    let shown = |char: char| match char {
        '\n' | '\t' => char,
        '\r' => '\u{240d}',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{fffd}'),
        _ if char.is_control() || turns_direction(char) => '\u{fffd}',
        _ => char,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// Whether a character changes the direction of writing.
fn turns_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Makes JSON safe for a terminal: control characters are written as escapes, which mean the same
/// (RFC 8259, section 7). Valid JSON has such characters only in strings.
pub fn harmless_json(text: &str) -> Cow<'_, str> {
    let steers = |char: char| matches!(char, '\u{7f}'..='\u{9f}') || turns_direction(char);
    if !text.contains(steers) {
        return text.into();
    }
    text.chars()
        .fold(String::with_capacity(text.len() + 6), |mut json, char| {
            if steers(char) {
                write!(json, "\\u{:04x}", u32::from(char)).expect("writing into a string succeeds");
            } else {
                json.push(char);
            }
            json
        })
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{harmless, harmless_json};

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(
            harmless("a\x1b[2J\r\nb\u{202e}c\u{2066}\u{9b}\u{200f}d"),
            "a\u{241b}[2J\nb\u{fffd}c\u{fffd}\u{fffd}\u{fffd}d"
        );
        let value = json!({ "name": "b\u{202e}c\u{2069}\u{9b}\u{7f}é" });
        let text = value.to_string();
        let shown = harmless_json(&text);
        assert_eq!(shown, "{\"name\":\"b\\u202ec\\u2069\\u009b\\u007fé\"}");
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}
