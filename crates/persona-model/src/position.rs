//! How far a client has followed the changes of a database.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{Change, PersonaId, Revision, Timestamp};

/// Hexadecimal digits of the proof in the text form.
const PROOF_DIGITS: usize = 16;

/// The number of a line of the feed, with a proof of the content of the line.
///
/// The number alone does not name a line: another database has the same number, and so has this one
/// after an older state was put back and written to again. The proof tells them apart, because the
/// line with this number is then another one.
///
/// Text form: the number in decimal digits, a hyphen, and the proof in lower-case hexadecimal, as
/// in `4500-9f3c21aa01b2c3d4`. It is opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The line's place in the feed; 0 is before the first line, and has the proof 0.
    pub sequence: u64,
    /// The first 8 bytes of SHA-256 over the line.
    pub proof: u64,
}

impl Position {
    /// The position of a line.
    pub fn of(change: &Change) -> Self {
        Self::at(change.sequence, change.persona, change.revision, change.at)
    }

    /// The position of a line with these parts.
    pub fn at(sequence: u64, persona: PersonaId, revision: Revision, at: Timestamp) -> Self {
        let digest = Sha256::new()
            .chain_update(persona.as_bytes())
            .chain_update(revision.number().to_be_bytes())
            .chain_update(at.as_micros().to_be_bytes())
            .finalize();
        Self { sequence, proof: first_bytes(&digest) }
    }

    /// The same place for a client that may not know the line: its proof is made with a secret, and
    /// without that no client can compare it with a guess at the line.
    #[must_use]
    pub fn sealed(self, secret: &str) -> Self {
        if self == Self::default() {
            return self;
        }
        let digest = Sha256::new()
            .chain_update(secret)
            .chain_update(self.sequence.to_be_bytes())
            .chain_update(self.proof.to_be_bytes())
            .finalize();
        Self { proof: first_bytes(&digest), ..self }
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let (sequence, proof) = text.split_once('-')?;
        let digits = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
        let is_proof = proof.len() == PROOF_DIGITS
            && digits(proof, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !is_proof || !digits(sequence, |byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { sequence: sequence.parse().ok()?, proof: u64::from_str_radix(proof, 16).ok()? })
    }
}

/// The first 8 bytes of a digest.
fn first_bytes(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{:0PROOF_DIGITS$x}", self.sequence, self.proof)
    }
}

/// A place in the feed that a follower names: the number of the last line that the follower has,
/// with or without the proof. 0 is before the first line.
///
/// Without a proof, a line of another database with the same number is taken for this line.
///
/// Text form: that of a [`Position`], or the number alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedPlace {
    /// The line's place in the feed.
    pub sequence: u64,
    /// The proof of the line, as in [`Position::proof`].
    pub proof: Option<u64>,
}

impl FeedPlace {
    /// Before the first line.
    pub const BEGINNING: Self = Self { sequence: 0, proof: None };

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self { sequence: text.parse().ok()?, proof: None });
        }
        Position::parse(text).map(Self::from)
    }

    /// Whether the place is before the first line, where every feed begins.
    pub fn is_beginning(&self) -> bool {
        self.sequence == 0 && self.proof.is_none_or(|proof| proof == 0)
    }

    /// Whether the place is this line: the number is equal, and so is the proof if there is one.
    pub fn is_at(&self, line: &Change) -> bool {
        let is_proved = |proof| Position::of(line).proof == proof;
        self.sequence == line.sequence && self.proof.is_none_or(is_proved)
    }
}

impl fmt::Display for FeedPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proof {
            Some(proof) => Position { sequence: self.sequence, proof }.fmt(out),
            None => self.sequence.fmt(out),
        }
    }
}

impl From<Position> for FeedPlace {
    fn from(position: Position) -> Self {
        Self { sequence: position.sequence, proof: Some(position.proof) }
    }
}

/// The time or the line of the feed since which changes are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// Changed at or after this time, by the clock of the process that made the change.
    Time(Timestamp),
    /// Changed after this line of the feed.
    Position(Position),
}

impl Since {
    /// Reads an RFC 3339 time, or the text form of a position. No text has both forms.
    pub fn parse(text: &str) -> Option<Self> {
        Position::parse(text).map(Self::Position).or_else(|| Timestamp::parse(text).map(Self::Time))
    }
}

#[cfg(test)]
mod tests {
    use super::{FeedPlace, Position, Since};
    use crate::{Change, ChangeKind, PersonaId, Revision, Timestamp};

    #[test]
    fn a_position_prints_and_reads_back_and_is_never_a_time() {
        let at = |micros| {
            Position::at(
                4500,
                PersonaId::from_bytes([7; 16]),
                Revision::FIRST,
                Timestamp::from_micros(micros),
            )
        };
        let position = at(1_795_543_841_000_120);
        assert_ne!(position, at(1_795_543_841_000_121), "another line");
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        assert_eq!(Position::default().to_string(), "0-0000000000000000");
        assert_eq!(
            Since::parse("2026-9f3c21aa01b2c3d4"),
            Some(Since::Position(Position { sequence: 2026, proof: 0x9f3c_21aa_01b2_c3d4 }))
        );
        assert!(matches!(Since::parse("2026-11-24T18:10:41Z"), Some(Since::Time(_))));
        for bad in [
            "",
            "-",
            "1-",
            "1-9f3c21aa01b2c3d",
            "1-9F3C21AA01B2C3D4",
            "-1-9f3c21aa01b2c3d4",
            "+1-9f3c21aa01b2c3d4",
            "99999999999999999999-9f3c21aa01b2c3d4",
        ] {
            assert_eq!(Since::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_place_is_at_the_line_that_it_names_and_at_no_other() {
        let line = |sequence, micros| Change {
            sequence,
            persona: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            kind: ChangeKind::Created,
            at: Timestamp::from_micros(micros),
            label: None,
        };
        let proved = FeedPlace::parse(&Position::of(&line(7, 1)).to_string()).expect("a place");
        assert!(proved.is_at(&line(7, 1)) && !proved.is_at(&line(7, 2)), "{proved:?}");
        let bare = FeedPlace::parse("7").expect("a place");
        assert_eq!((bare.to_string(), proved.to_string().len()), ("7".into(), 18));
        assert!(bare.is_at(&line(7, 1)) && bare.is_at(&line(7, 2)) && !bare.is_at(&line(8, 1)));
        for beginning in ["0", "0-0000000000000000"] {
            assert!(FeedPlace::parse(beginning).expect("a place").is_beginning(), "{beginning}");
        }
        assert!(!FeedPlace::parse("0-0000000000000001").expect("a place").is_beginning());
        for bad in ["", "-1", "+1", " 1", "1-", "x", "18446744073709551616", "1-9F3C21AA01B2C3D4"] {
            assert_eq!(FeedPlace::parse(bad), None, "{bad}");
        }
    }
}
