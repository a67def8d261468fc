//! Query parameters of changes, one row each; `parameters.rs` says what a row is.

use persona_model::Revision;

use super::parameters::{Parameter, ParameterKind, Typed, flag, revision, text};

/// Whether a batch is one transaction.
pub const ATOMIC: Typed<bool> = flag(
    "atomic",
    "All changes or none, in one transaction; false by default, where each is one of its own.",
);
/// What a patch was made to.
pub const BASE_REVISION: Typed<Revision> = revision(
    "base_revision",
    "The revision that the change was made to; it is merged with what happened since.",
);
/// What the author of a change says of it.
pub const NOTE: Parameter = text(
    "note",
    ParameterKind::Note,
    false,
    "Why the change is made, in a sentence or two; kept with the revision.",
);
/// Whether a persona is deleted for ever.
pub const PURGE: Typed<bool> = flag(
    "purge",
    "Removes the persona for ever, alive or deleted, with its whole history; needs the scope \
     admin. False by default.",
);
