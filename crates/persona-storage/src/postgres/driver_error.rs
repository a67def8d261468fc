//! What fails between this program and the database, before its meaning is known (`error.rs`).
//!
//! The driver keeps the kinds of its errors to itself and has no public way to make one. So this
//! type notes where an error comes from: the same kind means another thing while a connection is
//! made than under a statement.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// A failure of a connection or of a statement on it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriverError {
    /// No connection could be made.
    #[error(transparent)]
    Connect(Error),
    /// A statement failed, or its connection broke, or a value of its answer cannot be read.
    #[error(transparent)]
    Statement(#[from] Error),
    /// No answer came in time.
    #[error("timeout waiting for server")]
    Silent,
}

impl DriverError {
    const fn cause(&self) -> Option<&Error> {
        match self {
            Self::Connect(error) | Self::Statement(error) => Some(error),
            Self::Silent => None,
        }
    }

    /// The code of the server; `None` where the error is not an answer of the server.
    pub(super) fn code(&self) -> Option<&SqlState> {
        self.cause()?.code()
    }

    /// The answer of the server, where the error is one.
    pub(super) fn as_db_error(&self) -> Option<&DbError> {
        self.cause()?.as_db_error()
    }

    /// Whether a value could not be written for the server or read from its answer. Such an error
    /// is a fault of this program; the connection is sound.
    pub(super) fn is_of_a_value(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        // What remains without a cause, or with one of the system, is a broken connection.
        let is_of_the_system =
            error.source().is_none_or(<dyn std::error::Error>::is::<std::io::Error>);
        error.code().is_none() && !error.is_closed() && !is_of_the_system
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::{Config, Error};

    use super::DriverError;
    use crate::postgres::error::Meaning;

    /// An error of the driver without a code, and with a cause that is not of the system.
    fn refused_value() -> Error {
        "port=none".parse::<Config>().expect_err("no number")
    }

    #[test]
    fn an_error_without_a_code_means_what_its_place_means() {
        let of = |error| Meaning::of(&error);
        assert_eq!(of(DriverError::Statement(refused_value())), Meaning::Other);
        assert_eq!(of(DriverError::Connect(refused_value())), Meaning::Away);
        assert_eq!(of(DriverError::Silent), Meaning::Away);
    }
}
