//! Messages without secrets: users give a token or a password where a name, a path or a URL is
//! wanted, and messages repeat what they gave. Standard error ends in logs and in reports of
//! errors.

use std::borrow::Cow;

use persona_storage::hide_token_secrets;

/// What is shown in place of the user information of a URL.
const HIDDEN: &str = "(hidden)";

/// A message in which no secret of a token and no password of a URL can be read.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    match hide_token_secrets(text) {
        Cow::Borrowed(text) => without_passwords(text),
        Cow::Owned(text) => without_passwords(&text).into_owned().into(),
    }
}

/// The URL that a user gave for a server, without the user information, which such a URL must not
/// have (RFC 3986, section 3.2.1). Everything before the last `@` is taken for it, because a
/// password that is not escaped may have each character that ends a host.
pub fn without_user_information(url: &str) -> Cow<'_, str> {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        None => url.into(),
        Some((_, rest)) if scheme.is_empty() => format!("{HIDDEN}@{rest}").into(),
        Some((_, rest)) => format!("{scheme}://{HIDDEN}@{rest}").into(),
    }
}

/// The text, in which URLs have no password: a name before an `@` is no secret, and a hint may have
/// one.
fn without_passwords(text: &str) -> Cow<'_, str> {
    let ends_authority =
        |char: char| char.is_whitespace() || matches!(char, '/' | '?' | '#' | '"' | '\'' | '`');
    let mut shown = String::new();
    let mut rest = text;
    let mut is_hidden = false;
    while let Some((before, found)) = rest.split_once("://") {
        let end = found.find(ends_authority).unwrap_or(found.len());
        let (authority, behind) = found.split_at(end);
        let information = authority.rsplit_once('@').filter(|(user, _)| user.contains(':'));
        let authority = information.map_or_else(
            || authority.into(),
            |(_, host)| {
                is_hidden = true;
                format!("{HIDDEN}@{host}")
            },
        );
        shown.extend([before, "://", &authority]);
        rest = behind;
    }
    if is_hidden { (shown + rest).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use persona_storage::TokenSecret;

    use super::{without_secrets, without_user_information};

    #[test]
    fn a_message_has_no_password_and_no_token() {
        let secret = TokenSecret::random().expect("random numbers");
        for (text, shown) in [
            ("no https://ada:secret@host/a?b", "no https://(hidden)@host/a?b"),
            ("\"http://a:b:c@d@host\" and ://x:y@z", "\"http://(hidden)@host\" and ://(hidden)@z"),
        ] {
            assert_eq!(without_secrets(text), shown);
            let both = without_secrets(&format!("{text} {}", secret.expose())).into_owned();
            assert_eq!(both, format!("{shown} psk_(hidden)"));
        }
        for text in [
            "write it like postgres://user@host:5432/database",
            "http://127.0.0.1:8000/api/v1/personas/@ada:b",
            "listening on http://[::1]:8000",
            "a://",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    #[test]
    fn a_url_of_a_server_is_shown_without_user_information() {
        for (url, shown) in [
            ("https://ada@host:1/a", "https://(hidden)@host:1/a"),
            ("https://ada:a/b@c#d@host", "https://(hidden)@host"),
            ("ada:secret@host", "(hidden)@host"),
            ("https://host:1/a", "https://host:1/a"),
            ("host", "host"),
        ] {
            assert_eq!(without_user_information(url), shown);
        }
    }
}
