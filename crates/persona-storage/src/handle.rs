//! A handle with its owner. A handle is unique among the personas of one owner.

use persona_model::Persona;

/// A handle and the owner within which it is unique.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Handle {
    /// The owner; empty for personas without an owner.
    pub owner: String,
    pub handle: String,
}

impl Handle {
    /// The handle that a persona occupies; a deleted persona occupies none.
    pub(crate) fn of(persona: &Persona) -> Option<Self> {
        let document = &persona.document;
        let handle = document.handle().filter(|_| persona.deleted_at.is_none())?;
        Some(Self { owner: document.owner_word().into(), handle: handle.into() })
    }
}
