//! The settings of a database file.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use persona_model::UnknownWord;

use crate::HistoryLimits;
use crate::write::IDEMPOTENCY_KEYS_MAX;

/// The durability class: what an acknowledged write survives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// `synchronous=NORMAL`: every crash of a process; a power cut may take back the last moments,
    /// but corrupts nothing.
    #[default]
    Normal,
    /// `synchronous=FULL`: a power cut too.
    Full,
}

impl Durability {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Full];

    /// The word for this class.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Full => "full",
        }
    }

    /// The value of SQLite's pragma `synchronous`.
    pub(super) const fn synchronous(self) -> i64 {
        match self {
            Self::Normal => 1,
            Self::Full => 2,
        }
    }

    /// What the class promises.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Normal => {
                "acknowledged writes survive every process crash; a power cut may take back the last moments"
            }
            Self::Full => "acknowledged writes survive process crashes and power cuts",
        }
    }
}

impl FromStr for Durability {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|class| class.as_str() == word).ok_or(UnknownWord)
    }
}

/// The settings of a database file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The database file. The write lock's lock file lies beside it.
    pub path: PathBuf,
    /// The turnstile: a file that all writers of one server lock before they wait for the write
    /// lock (ADR 0055). `None` outside of a server.
    pub turnstile: Option<PathBuf>,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Longest wait for SQLite's own lock, if a program without the write lock holds it.
    pub busy_timeout: Duration,
    /// How long a list, a search or another long read may take; an export has a minimum rate
    /// instead.
    pub read_timeout: Duration,
    /// Number of pages (of 4,096 bytes) in the WAL from which on the maintenance process makes a
    /// checkpoint.
    pub wal_autocheckpoint: u32,
    /// Bytes of the disk that writes leave free: below, they are refused with
    /// [`crate::Error::Full`] before they begin.
    pub disk_reserve_bytes: u64,
    /// Most idempotency keys that are kept, about.
    pub idempotency_keys_max: u64,
    /// Which old revisions are kept.
    pub history: HistoryLimits,
    /// Bytes of personas that this process keeps ready for reads; 0 for none.
    pub read_cache_bytes: usize,
}

/// The usual cache of reads, 64 MiB: some 26,000 personas of 2 KiB.
pub const READ_CACHE_BYTES: usize = 64 * 1024 * 1024;

/// The usual reserve, 64 MiB: as much as the WAL may ever be, and what all writers can add between
/// two looks at the disk.
pub const DISK_RESERVE_BYTES: u64 = 64 * 1024 * 1024;

impl Settings {
    /// The usual settings for a file: durability `normal`, 30 s for writes, 5 s for reads, 1,000
    /// pages, a reserve of 64 MiB, a cache of 64 MiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            turnstile: None,
            durability: Durability::Normal,
            busy_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(5),
            wal_autocheckpoint: 1000,
            disk_reserve_bytes: DISK_RESERVE_BYTES,
            idempotency_keys_max: IDEMPOTENCY_KEYS_MAX,
            history: HistoryLimits::default(),
            read_cache_bytes: READ_CACHE_BYTES,
        }
    }
}
