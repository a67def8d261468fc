//! Query parameters about handles; `parameters.rs` says what a row is.

use persona_model::{HANDLE_CHARS_MAX, HandlePrefix};

use super::parameters::{ParameterKind, Typed, typed};

/// What the handles of personas begin with.
pub const HANDLE_PREFIX: Typed<HandlePrefix> = typed(
    "handle_prefix",
    ParameterKind::HandlePrefix,
    |_, value| {
        HandlePrefix::parse(value).ok_or_else(|| {
            format!("the beginning of a handle, such as support/, of less than {HANDLE_CHARS_MAX} characters")
        })
    },
    "Only personas with a handle that begins so: support/ for all below support.",
);
