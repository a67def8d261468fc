//! The space on the disk of a database.

use crate::Error;

/// Space on the disk of a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes that this user may still write there; `None` where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that writes leave free.
    pub reserve_bytes: u64,
}

impl Space {
    /// Whether writes are refused.
    pub fn is_short(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < self.reserve_bytes)
    }

    /// The error with which writes are refused.
    pub(crate) fn shortage(self) -> Error {
        let Self { free_bytes, reserve_bytes } = self;
        Error::Full(
            format!(
                "{} bytes are free, and {reserve_bytes} are to stay free",
                free_bytes.unwrap_or_default()
            )
            .into(),
        )
    }
}
