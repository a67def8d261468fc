//! Every exit code of the program. Scripts may rely on them; they follow `sysexits.h` where it has
//! a word.

use persona_storage::sqlite::DatabaseError;

/// How the program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// Done as asked.
    Ok = 0,
    /// It did not work, and no other code says why.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The persona, revision or file that was named does not exist.
    NotFound = 3,
    /// Another client changed it meanwhile, or it exists already.
    Conflict = 4,
    /// A setting cannot be used: a bad value, a file of another application, a folder without
    /// permission.
    Config = 5,
    /// The server cannot be reached, or the address is in use.
    Unavailable = 69,
    /// The disk failed: a sync, or what a start has to read or write.
    DiskFailed = 74,
    /// Something else holds the file for now; the same command can succeed later.
    TryAgain = 75,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl ExitCode {
    /// What `persona doctor` ends with when there are warnings, as monitoring systems want it (0
    /// ok, 1 warning, 2 critical).
    pub const DOCTOR_WARNS: Self = Self::Failure;

    /// What `persona doctor` ends with when something has failed.
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

    /// The code with this number; [`ExitCode::Failure`] for one that is not ours.
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
