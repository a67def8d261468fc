//! Every exit code of the program. Scripts may rely on them; they follow `sysexits.h` where it has
//! a fitting code.

use persona_storage::sqlite::DatabaseError;

/// The exit code of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Success.
    Ok = 0,
    /// A failure for which there is no other code.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The persona, revision or file that was named does not exist.
    NotFound = 3,
    /// Another client changed the persona meanwhile, or it exists already.
    Conflict = 4,
    /// A setting cannot be used: a bad value, a file of another application, a folder without
    /// permission.
    Config = 5,
    /// The server cannot be reached, or the address is in use.
    Unavailable = 69,
    /// The disk failed: in a sync, or in a read or write at the start.
    DiskFailed = 74,
    /// Another process holds the file; the same command can succeed later.
    TryAgain = 75,
    /// The program was ended by Ctrl-C.
    Interrupted = 130,
}

impl ExitCode {
    /// The exit code of `persona doctor` when there are warnings, as monitoring systems expect it
    /// (0 ok, 1 warning, 2 critical).
    pub const DOCTOR_WARNS: Self = Self::Failure;

    /// The exit code of `persona doctor` when a check has failed.
    pub const DOCTOR_FAILS: Self = Self::Usage;

    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Failure,
        Self::Usage,
        Self::NotFound,
        Self::Conflict,
        Self::Config,
        Self::Unavailable,
        Self::DiskFailed,
        Self::TryAgain,
        Self::Interrupted,
    ];

    /// The number that the system sees.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code with this number; [`ExitCode::Failure`] for a number that this program does not
    /// use.
    pub fn from_number(number: i32) -> Self {
        Self::ALL
            .into_iter()
            .find(|code| i32::from(code.number()) == number)
            .unwrap_or(Self::Failure)
    }

    /// The code for a database that cannot be used.
    pub fn of_start(error: &DatabaseError) -> Self {
        match error {
            DatabaseError::Missing { .. } => Self::NotFound,
            DatabaseError::Exists { .. } => Self::Conflict,
            DatabaseError::Interrupted { .. } => Self::Interrupted,
            DatabaseError::Damaged { .. } | DatabaseError::NoSpace { .. } => Self::Failure,
            DatabaseError::Disk { .. } => Self::DiskFailed,
            error if error.is_temporary() => Self::TryAgain,
            _ => Self::Config,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
