//! The secret of a token as text: `psk_`, 43 digits that stand for 256 random bits, and 6 digits of
//! a checksum.
//!
//! The digits are letters and numbers only, so that a double click selects the whole text. The
//! checksum lets scanners of secrets tell a token from other texts without asking a server, and a
//! server refuse a mistyped one without asking the database.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every secret begins with.
const PREFIX: &str = "psk_";
/// The digits to base 62.
const DIGITS: &[u8; BASE as usize] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE: u32 = 62;
/// Digits of 256 bits: 62^43 is more than 2^256.
const RANDOM_DIGITS: usize = 43;
/// Digits of a CRC-32: 62^6 is more than 2^32.
const CHECKSUM_DIGITS: usize = 6;
/// Bytes of a whole secret.
const SECRET_BYTES: usize = PREFIX.len() + RANDOM_DIGITS + CHECKSUM_DIGITS;

/// Fewest characters behind the prefix that make a text look like a secret, in
/// [`hide_token_secrets`]. A shorter part of a secret leaves more than 60 of its bits unknown; a
/// name of a token has mostly fewer.
const HIDDEN_FROM: usize = 32;
/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";

/// The secret of a token. Shown once, when it is made; its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

/// The SHA-256 of a secret: it is stored, and tokens are found by it.
///
/// A secret has 256 random bits, so a slow hash would not make guessing harder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

/// The reason why a text is no secret of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadSecret {
    /// The text has another form.
    #[error("is no token: one has psk_ and {} letters and digits", SECRET_BYTES - PREFIX.len())]
    Form,
    /// The text is mistyped or cut off.
    #[error("is mistyped: its checksum does not fit")]
    Checksum,
}

impl TokenSecret {
    /// A new secret, from the random numbers of the system.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of_bytes(bytes))
    }

    fn of_bytes(mut bytes: [u8; 32]) -> Self {
        let mut text = PREFIX.as_bytes().to_vec();
        text.extend_from_slice(&digits::<RANDOM_DIGITS>(&mut bytes));
        text.extend_from_slice(&checksum_of(&text));
        Self(String::from_utf8(text).expect("digits are ASCII"))
    }

    /// Reads a secret.
    ///
    /// # Errors
    ///
    /// [`BadSecret`] says what is wrong; never the text itself.
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        TokenHash::of_secret(text.as_bytes()).map(|_| Self(text.to_owned()))
    }

    /// The text, to be shown once or to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hash of the secret, which is stored.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenSecret(hidden)")
    }
}

impl TokenHash {
    /// The hash of a secret that a client sent.
    ///
    /// # Errors
    ///
    /// The text is no secret.
    pub fn of_secret(text: &[u8]) -> Result<Self, BadSecret> {
        let is_formed = text.len() == SECRET_BYTES
            && text.starts_with(PREFIX.as_bytes())
            && text[PREFIX.len()..].iter().all(u8::is_ascii_alphanumeric);
        if !is_formed {
            return Err(BadSecret::Form);
        }
        let (covered, checksum) = text.split_at(SECRET_BYTES - CHECKSUM_DIGITS);
        if checksum_of(covered) != checksum {
            return Err(BadSecret::Checksum);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as the database keeps them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in constant time, so that the time reveals nothing.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenHash(hidden)")
    }
}

/// A text for people in which no secret of a token can be read, also where one is mistyped or cut
/// off: a user may give one where a name or a path is wanted.
pub fn hide_token_secrets(text: &str) -> Cow<'_, str> {
    let is_of_secret = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, found)) = rest.split_once(PREFIX) {
        let digits = found.bytes().take_while(is_of_secret).count();
        let (digits, behind) = found.split_at(digits);
        shown.extend([before, PREFIX, if digits.len() < HIDDEN_FROM { digits } else { HIDDEN }]);
        rest = behind;
    }
    if shown.contains(HIDDEN) { (shown + rest).into() } else { text.into() }
}

/// The digits of a number, which is divided down to nothing.
fn digits<const N: usize>(number: &mut [u8]) -> [u8; N] {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for byte in number.iter_mut() {
            let value = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(value / BASE).expect("the rest is below 62, so this is below 256");
            rest = value % BASE;
        }
        *digit = DIGITS[rest as usize];
    }
    digits
}

fn checksum_of(covered: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    digits(&mut crc32fast::hash(covered).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::{BadSecret, SECRET_BYTES, TokenHash, TokenSecret, hide_token_secrets};

    #[test]
    fn the_text_of_a_secret_never_changes() {
        let lowest = TokenSecret::of_bytes([0; 32]);
        assert_eq!(lowest.expose(), "psk_00000000000000000000000000000000000000000004K3v2N");
        let highest = TokenSecret::of_bytes([0xff; 32]);
        assert_eq!(highest.expose(), "psk_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11JI95L");
        for secret in [lowest, highest] {
            assert_eq!(TokenSecret::parse(secret.expose()), Ok(secret));
        }
    }

    #[test]
    fn random_secrets_differ_and_read_back() {
        let [one, other] = [(); 2].map(|()| TokenSecret::random().expect("random numbers"));
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), SECRET_BYTES);
        let hash = TokenHash::of_secret(one.expose().as_bytes()).expect("a secret");
        assert!(hash.is(&one.hash()) && !hash.is(&other.hash()));
    }

    #[test]
    fn every_single_slip_of_the_keyboard_is_noticed() {
        let secret = TokenSecret::of_bytes(*b"0123456789abcdef0123456789abcdef");
        for place in 0..SECRET_BYTES {
            for other in [b'0', b'z', b'-', b' '] {
                let mut text = secret.expose().as_bytes().to_vec();
                if text[place] == other {
                    continue;
                }
                text[place] = other;
                let refused = TokenHash::of_secret(&text).expect_err("another text");
                let is_form = place < 4 || !other.is_ascii_alphanumeric();
                let expected = if is_form { BadSecret::Form } else { BadSecret::Checksum };
                assert_eq!(refused, expected, "{place}");
            }
        }
        for other in ["", "psk_", &secret.expose()[1..], &format!("{}0", secret.expose())] {
            assert_eq!(TokenHash::of_secret(other.as_bytes()), Err(BadSecret::Form));
        }
    }

    #[test]
    fn a_text_for_people_has_no_secret_in_it() {
        let secret = TokenSecret::of_bytes([7; 32]);
        let secret = secret.expose();
        let (long, short) = (format!("{secret}0"), &secret[..40]);
        let slip = secret.replacen(&secret[20..21], "-", 1);
        for secret in [secret, &long, short, &slip] {
            assert_eq!(hide_token_secrets(secret), "psk_(hidden)");
            let text = format!("no file {secret:?}, no psk_name and no https://{secret}@host");
            let shown = "no file \"psk_(hidden)\", no psk_name and no https://psk_(hidden)@host";
            assert_eq!(hide_token_secrets(&text), shown);
            assert_eq!(hide_token_secrets(shown), shown);
        }
        for text in ["", "psk_", "psk_ci", "a psk_backup-of-the-night psk_ é", "apsk"] {
            assert_eq!(hide_token_secrets(text), text);
        }
    }

    #[test]
    fn neither_a_secret_nor_its_hash_is_in_a_debug_text() {
        let secret = TokenSecret::of_bytes([7; 32]);
        let text = format!("{secret:?} {:?}", secret.hash());
        assert_eq!(text, "TokenSecret(hidden) TokenHash(hidden)");
    }
}
