//! A handle with its owner: it is unique among the personas of one.

use persona_model::Persona;

/// See the module.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Handle {
    /// Empty where there is none.
    pub owner: String,
    pub handle: String,
}

impl Handle {
    /// What a persona takes or keeps; a deleted one gives its handle free.
    pub(crate) fn of(persona: &Persona) -> Option<Self> {
        let document = &persona.document;
        let handle = document.handle().filter(|_| persona.deleted_at.is_none())?;
        Some(Self { owner: document.owner_word().into(), handle: handle.into() })
    }
}
