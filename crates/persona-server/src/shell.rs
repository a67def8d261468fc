//! Quotes paths for commands that a message proposes.

use std::path::Path;

/// Quotes a path as one word of a POSIX shell.
///
/// A path that holds a NUL byte, which no file can have, stays unchanged.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let quoted = shlex::try_quote(&text).map(std::borrow::Cow::into_owned);
    quoted.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::shell_word;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        for (path, word) in [
            ("/a/b-1.db", "/a/b-1.db"),
            ("my file.db", "'my file.db'"),
            ("it's", "\"it's\""),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
