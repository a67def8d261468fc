//! The entity tag, which names one state of a persona.

use std::fmt;

use crate::Revision;

/// What names one state of a persona: its revision and the checksum of its content, `2-9f3c21aa` as
/// text.
///
/// A revision alone is not enough: after a restore of a backup, after a power cut with the
/// durability `normal`, and after an asynchronous failover, the same number can be given to other
/// content. The strong entity tag of an answer is this text in double quotes (RFC 9110 section
/// 8.8.3). The text is opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EntityTag {
    /// The revision.
    pub revision: Revision,
    /// The CRC-32 of identity, revision, deletion, metadata and document, the same in every store.
    pub checksum: u32,
}

impl EntityTag {
    /// Hexadecimal digits of the checksum.
    const DIGITS: usize = 8;

    /// The tag with exactly this text; `None` for a text that no tag has, such as `02-9f3c21aa` or
    /// `2-9F3C21AA`.
    pub fn parse(text: &str) -> Option<Self> {
        let (revision, checksum) = text.split_once('-')?;
        let is_number =
            revision.bytes().all(|byte| byte.is_ascii_digit()) && !revision.starts_with('0');
        let is_checksum = checksum.len() == Self::DIGITS
            && checksum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !(is_number && is_checksum) {
            return None;
        }
        Some(Self {
            revision: revision.parse().ok().and_then(Revision::new)?,
            checksum: u32::from_str_radix(checksum, 16).ok()?,
        })
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{:08x}", self.revision, self.checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::EntityTag;
    use crate::Revision;

    #[test]
    fn a_tag_reads_back_from_its_text_and_from_no_other() {
        for (number, checksum, text) in [
            (2, 0x9f3c_21aa, "2-9f3c21aa"),
            (1, 0, "1-00000000"),
            (u64::MAX, u32::MAX, "18446744073709551615-ffffffff"),
        ] {
            let tag = EntityTag { revision: Revision::new(number).expect("not 0"), checksum };
            assert_eq!(tag.to_string(), text);
            assert_eq!(EntityTag::parse(text), Some(tag));
        }
        for other in [
            "",
            "2",
            "-",
            "2-",
            "-9f3c21aa",
            "02-9f3c21aa",
            "0-9f3c21aa",
            "+2-9f3c21aa",
            "2-9F3C21AA",
            "2-+f3c21aa",
            "2-9f3c21a",
            "2-9f3c21aa0",
            "2--9f3c21aa",
            "2-9f3c21aa-",
            "18446744073709551616-00000000",
            "99999999999999999999999-00000000",
            " 2-9f3c21aa",
        ] {
            assert_eq!(EntityTag::parse(other), None, "{other:?}");
        }
    }
}
