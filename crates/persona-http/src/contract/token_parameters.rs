//! The query parameters of the list of tokens.

use persona_storage::is_token_name;

use super::parameters::{ParameterKind, Typed, typed};

/// Where a page of tokens starts: behind the token with this name.
pub const TOKEN_CURSOR: Typed<String> = typed(
    "cursor",
    ParameterKind::TokenName,
    |_, value| {
        let is_name = is_token_name(value);
        is_name.then(|| value.to_owned()).ok_or_else(|| "next_cursor of the page before".into())
    },
    "Where to go on: next_cursor of the page before.",
);
