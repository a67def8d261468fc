//! Identity of a persona.

use std::fmt;

use uuid::Uuid;

/// The identity of a persona: any UUID (RFC 9562), version 7 when the store makes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonaId(Uuid);

impl PersonaId {
    /// Wraps a UUID of any version.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the 36-character hyphenated form, in either case; anything else is `None`.
    ///
    /// The shorter and braced forms that RFC 9562 libraries accept are refused, so that one persona
    /// has one URL.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 36 {
            return None;
        }
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The 16 bytes in network order, as the database keeps them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The identity with these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Derives an identity from a digest: a UUID of version 8 (RFC 9562 section 5.8).
    ///
    /// Imports derive identities so that the same item of the same source always gets the same
    /// identity.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for PersonaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(out)
    }
}

impl fmt::Debug for PersonaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PersonaId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::PersonaId;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "0193b0c2-7f3e-7a10-8c1d-000000000001";
        let id = PersonaId::parse(text).expect("a UUID");
        assert_eq!(id.to_string(), text);
        assert_eq!(PersonaId::parse(&text.to_uppercase()), Some(id));
        for bad in [
            "",
            "x",
            "0193b0c27f3e7a108c1d000000000001",
            "{0193b0c2-7f3e-7a10-8c1d-000000000001}",
            "0193b0c2-7f3e-7a10-8c1d-00000000000g",
        ] {
            assert_eq!(PersonaId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_from_a_digest_is_a_version_8_uuid() {
        assert_eq!(
            PersonaId::from_digest([0xff; 32]).to_string(),
            "ffffffff-ffff-8fff-bfff-ffffffffffff"
        );
    }
}
