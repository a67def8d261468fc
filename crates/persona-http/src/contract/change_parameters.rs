//! Query parameters of changes, one row each; `parameters.rs` says what a row is.

use persona_model::Revision;
use persona_storage::{SQUASH_SECONDS_MAX, SquashWindow};

use super::idempotency_key::{self, read_key};
use super::parameters::{
    Parameter, ParameterKind, Typed, flag, read_number, revision, text, typed,
};

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
/// Within how long autosaves are squashed.
pub const SQUASH: Typed<SquashWindow> = typed(
    "squash",
    ParameterKind::Number(SQUASH_SECONDS_MAX as u64),
    |row, value| {
        let window = read_number(row, value).map(SquashWindow::of_seconds)?;
        window.ok_or_else(|| "a number of seconds".into())
    },
    "Marks an autosave, and drops from the history the revision that it replaces, if that is an \
     autosave without a note of the same author, no label ever named it, and the first autosave that \
     it stands for was made within so many seconds.",
);
/// The key of the autosave that a squash replaces.
pub const SQUASH_KEY: Typed<String> = typed(
    "squash_key",
    ParameterKind::IdempotencyKey,
    |_, value| read_key(value).ok_or_else(idempotency_key::wanted),
    "With squash, where neither autosave has an author: the Idempotency-Key that the one was sent \
     with that is replaced. It is dropped where it was made under this key by the same client.",
);
/// Whether a persona is deleted for ever.
pub const PURGE: Typed<bool> = flag(
    "purge",
    "Removes the persona for ever, alive or deleted, with its whole history; needs the scope \
     admin. False by default.",
);
