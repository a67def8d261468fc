//! Limits of a request that hold before its handler is known.

/// Longest head of a request, in bytes, with the empty line that ends it: room for long filters and
/// tokens.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Most header fields of a request. Browsers behind proxies send about 40.
pub const HEADERS_MAX: usize = 100;

/// Most bytes of a body: one persona with every field near its own limit, with room for escapes.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
