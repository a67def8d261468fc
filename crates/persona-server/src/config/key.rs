//! The one table of settings; `key_listen.rs` has its first part and `key_limits.rs` its second.
//!
//! Flags, environment, files, `config show`, the check for unknown names and the reference all walk
//! this table. A setting that is added here is accepted and documented everywhere; only `build.rs`
//! also names it, to give it a type.

use persona_model::DOCUMENT_BYTES_MAX_CEILING;
use persona_storage::HISTORY_KEPT_MIN;

use super::LogFormat;
use super::key_limits::LIMITS;
use super::key_listen::LISTEN;
use super::value_kind::PLAIN;
pub use super::value_kind::{Default, Key, ValueKind};

/// Longest wait that can be chosen, in milliseconds: one hour. A longer one is a typing error.
pub const WAIT_MS_MAX: u64 = 3_600_000;
/// Shortest and longest time that a read may be given, in milliseconds. A shorter one would end
/// reads of a busy machine; a longer one would keep the WAL from being reset for too long.
pub const READ_MS_MIN: u64 = 100;
pub const READ_MS_MAX: u64 = 600_000;
/// Most memory for answers, in MiB: 1 TiB. More is a typing error.
pub const ANSWER_MEMORY_MB_MAX: u64 = 1_048_576;
/// Largest checkpoint threshold, in pages of 4,096 bytes: 4 GiB of WAL.
pub const CHECKPOINT_PAGES_MAX: u64 = 1_048_576;

/// Largest cache of reads, in MiB: 1 TiB. More is a typing error.
pub const READ_CACHE_MB_MAX: u64 = 1024 * 1024;
/// Largest reserve on the disk, in MiB: 1 TiB.
pub const DISK_RESERVE_MB_MAX: u64 = 1024 * 1024;
/// Fewest idempotency keys that can be chosen, and most: 300 GB of records. More is a typing error.
pub const IDEMPOTENCY_KEYS_MIN: u64 = 1_000;
pub const IDEMPOTENCY_KEYS_CEILING: u64 = 1_000_000_000;

/// Longest time that old revisions can be kept, in seconds: a hundred years. For longer nothing is
/// set.
pub const HISTORY_SECONDS_MAX: u64 = 36_525 * 86_400;
/// Most newest revisions that can be chosen. More is a typing error.
pub const HISTORY_NEWEST_MAX: u64 = 1_000_000_000;

/// Most connections of a worker that can be chosen: with what else it has open they stay below the
/// limit of open files, 4,096.
pub const CONNECTIONS_MAX: u64 = 3_072;
/// Longest time between two backups, in seconds: a leap year.
pub const BACKUP_SECONDS_MAX: u64 = 366 * 86_400;
/// Most backups that are kept: every minute of a week.
pub const BACKUPS_MAX: u64 = 10_080;

/// Smallest limit of a document that can be chosen, in bytes: a persona with a prompt of some
/// pages.
pub const DOCUMENT_BYTES_MIN: u64 = 64 * 1024;

/// A list of addresses without any: needed because an empty variable counts as not set.
pub const NO_NETWORKS: &str = "none";
/// A list of addresses that has all of them, as other servers write it.
pub const ALL_NETWORKS: &str = "*";
/// A list of hosts that has all of them.
pub const ANY_HOST: &str = "any";
/// The variable that names the settings file.
pub const CONFIG_VARIABLE: &str = "PERSONA_CONFIG";
/// The variable that holds the access token for servers. It is no setting, because settings are
/// shown and can be flags, and a token must be neither.
pub const TOKEN_VARIABLE: &str = "PERSONA_TOKEN";

/// The words of the setting `fault`: every fault, and `none`.
#[cfg(feature = "faults")]
const FAULTS: [&str; persona_storage::fault_injection::InjectedFault::ALL.len() + 1] = {
    let faults = persona_storage::fault_injection::InjectedFault::ALL;
    let mut names = ["none"; persona_storage::fault_injection::InjectedFault::ALL.len() + 1];
    let mut at = 0;
    while at < faults.len() {
        names[at + 1] = faults[at].name();
        at += 1;
    }
    names
};

/// Every setting, in the order in which people read them.
pub const KEYS: &[Key] = &{
    let mut keys = [PLAIN; LISTEN.len() + LIMITS.len() + OTHERS.len()];
    let parts = [LISTEN, LIMITS, OTHERS];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut inside = 0;
        while inside < parts[part].len() {
            keys[at] = parts[part][inside];
            (at, inside) = (at + 1, inside + 1);
        }
        part += 1;
    }
    keys
};

/// The settings of everything but sockets and limits of requests.
const OTHERS: &[Key] = &[
    Key {
        name: "workers",
        section: "workers",
        member: "count",
        aliases: &["WEB_CONCURRENCY"],
        shape: ValueKind::Workers,
        default: Default::Cores,
        unit: Some("processes"),
        help: "Worker processes, 1 to 4 on a SQLite file and 1 to 64 on PostgreSQL; by default \
               one for each core, at most 4.",
        ..PLAIN
    },
    Key {
        name: "drain_timeout_ms",
        section: "workers",
        member: "drain_timeout_ms",
        shape: ValueKind::Number { min: 0, max: WAIT_MS_MAX },
        default: Default::Text("10000"),
        unit: Some("milliseconds"),
        help: "How long a worker that stops may take to finish its requests.",
        ..PLAIN
    },
    Key {
        name: "answer_memory_mb",
        section: "workers",
        member: "answer_memory_mb",
        shape: ValueKind::Number { min: 1, max: ANSWER_MEMORY_MB_MAX },
        default: Default::Text("256"),
        unit: Some("MiB"),
        help: "Memory of one worker for large answers that are not sent yet; one client may have \
               a quarter of it. Further large answers are refused (503).",
        ..PLAIN
    },
    Key {
        name: "answer_patience_ms",
        section: "workers",
        member: "answer_patience_ms",
        shape: ValueKind::Number { min: 100, max: WAIT_MS_MAX },
        default: Default::Text("30000"),
        unit: Some("milliseconds"),
        help: "How long a client may leave its answer unread before its connection is closed; it \
               must also read 16 KiB a second on average.",
        ..PLAIN
    },
    Key {
        name: "read_cache_mb",
        section: "workers",
        member: "read_cache_mb",
        shape: ValueKind::Number { min: 0, max: READ_CACHE_MB_MAX },
        default: Default::Text("64"),
        unit: Some("MiB"),
        help: "Memory in which each worker keeps personas that it has read; 0 for none. An answer \
               from it is as new as one from the database. Not on PostgreSQL.",
        ..PLAIN
    },
    Key {
        name: "database",
        section: "store",
        member: "database",
        aliases: &["DATABASE_URL"],
        shape: ValueKind::Database,
        default: Default::Text("persona.db"),
        help: "The database: a path, sqlite:PATH or postgres://USER@HOST/DATABASE.",
        ..PLAIN
    },
    Key {
        name: "durability",
        section: "store",
        member: "durability",
        shape: ValueKind::Word(&["normal", "full"]),
        default: Default::Text("normal"),
        help: "What an acknowledged write survives: every crash of a process (normal), or also a \
               power cut (full).",
        ..PLAIN
    },
    Key {
        name: "busy_timeout_ms",
        section: "store",
        member: "busy_timeout_ms",
        shape: ValueKind::Number { min: 0, max: WAIT_MS_MAX },
        default: Default::Text("30000"),
        unit: Some("milliseconds"),
        help: "How long a write waits for its turn, and for a lock that another program holds.",
        ..PLAIN
    },
    Key {
        name: "read_timeout_ms",
        section: "store",
        member: "read_timeout_ms",
        shape: ValueKind::Number { min: READ_MS_MIN, max: READ_MS_MAX },
        default: Default::Text("5000"),
        unit: Some("milliseconds"),
        help: "How long a list, or a search with its highlights, may take; then it is ended.",
        ..PLAIN
    },
    Key {
        name: "wal_autocheckpoint",
        section: "store",
        member: "wal_autocheckpoint",
        shape: ValueKind::Number { min: 1, max: CHECKPOINT_PAGES_MAX },
        default: Default::Text("1000"),
        unit: Some("pages of 4,096 bytes"),
        help: "Length of the write-ahead log (WAL) at which a checkpoint begins.",
        ..PLAIN
    },
    Key {
        name: "disk_reserve_mb",
        section: "store",
        member: "disk_reserve_mb",
        shape: ValueKind::Number { min: 0, max: DISK_RESERVE_MB_MAX },
        default: Default::Text("64"),
        unit: Some("MiB"),
        help: "Free space that writes leave on the disk of a database file; with less, writes are \
               answered 507 and reads go on.",
        ..PLAIN
    },
    Key {
        name: "idempotency_keys_max",
        section: "store",
        member: "idempotency_keys_max",
        shape: ValueKind::Number { min: IDEMPOTENCY_KEYS_MIN, max: IDEMPOTENCY_KEYS_CEILING },
        default: Default::Text("10000000"),
        unit: Some("keys"),
        help: "Most idempotency keys that are kept, each for a day and some 300 bytes; set it to \
               the number of writes with a key in a day.",
        ..PLAIN
    },
    Key {
        name: "document_bytes_max",
        section: "store",
        member: "document_bytes_max",
        shape: ValueKind::Number {
            min: DOCUMENT_BYTES_MIN,
            max: DOCUMENT_BYTES_MAX_CEILING as u64,
        },
        default: Default::Text("4194304"),
        unit: Some("bytes"),
        help: "Most bytes of a persona's editable members as JSON; a larger persona that exists \
               can be read and made smaller.",
        ..PLAIN
    },
    Key {
        name: "write_lock_warn_ms",
        section: "store",
        member: "write_lock_warn_ms",
        shape: ValueKind::Number { min: 1, max: WAIT_MS_MAX },
        default: Default::Text("1000"),
        unit: Some("milliseconds"),
        help: "Length of a wait for the write lock from which on the log names the process that \
               holds it.",
        ..PLAIN
    },
    Key {
        name: "history_keep",
        section: "history",
        member: "keep",
        shape: ValueKind::Time {
            min_seconds: HISTORY_KEPT_MIN.as_secs(),
            max_seconds: HISTORY_SECONDS_MAX,
        },
        help: "How long a revision is kept after another one replaced it, such as 365d; for ever \
               when not set. With history_keep_newest it goes only where neither keeps it.",
        ..PLAIN
    },
    Key {
        name: "history_keep_newest",
        section: "history",
        member: "keep_newest",
        shape: ValueKind::Number { min: 0, max: HISTORY_NEWEST_MAX },
        default: Default::Text("0"),
        unit: Some("revisions"),
        help: "How many of the newest revisions of each persona are kept; older ones go two days \
               after they were replaced. 0 for all. The first one, and what a label ever named, \
               always stays.",
        ..PLAIN
    },
    Key {
        name: "server",
        section: "client",
        member: "server",
        shape: ValueKind::Server,
        help: "Server that commands use when the command line names neither a server nor a \
               database.",
        ..PLAIN
    },
    Key {
        name: "backup_every",
        section: "backup",
        member: "every",
        shape: ValueKind::Time { min_seconds: 1, max_seconds: BACKUP_SECONDS_MAX },
        help: "How often the running server makes a backup of its database, such as 1h; never \
               when not set.",
        ..PLAIN
    },
    Key {
        name: "backup_keep",
        section: "backup",
        member: "keep",
        shape: ValueKind::Number { min: 1, max: BACKUPS_MAX },
        default: Default::Text("24"),
        unit: Some("files"),
        help: "How many of these backups are kept; older ones are removed.",
        ..PLAIN
    },
    Key {
        name: "backup_dir",
        section: "backup",
        member: "dir",
        shape: ValueKind::Path,
        help: "Folder for these backups; when not set, the name of the database with -backups \
               added.",
        ..PLAIN
    },
    Key {
        name: "log_level",
        section: "log",
        member: "level",
        aliases: &["RUST_LOG"],
        shape: ValueKind::LogFilter,
        default: Default::Text("info"),
        help: "Lowest level that is logged: error, warn, info, debug, trace or off; or a filter \
               such as info,persona_storage=debug.",
        ..PLAIN
    },
    Key {
        name: "log_format",
        section: "log",
        member: "format",
        shape: ValueKind::Word(&LogFormat::WORDS),
        default: Default::Text("auto"),
        help: "Format of the log: text, json, or auto (text on a terminal, JSON otherwise).",
        ..PLAIN
    },
    Key {
        name: "log_file",
        section: "log",
        member: "file",
        shape: ValueKind::Path,
        help: "File for the log, opened again on USR1; standard error when not set.",
        ..PLAIN
    },
    Key {
        name: "access_log",
        section: "log",
        member: "access",
        shape: ValueKind::Switch,
        default: Default::Text("false"),
        help: "Writes a line to the log for each request.",
        ..PLAIN
    },
    #[cfg(feature = "faults")]
    Key {
        name: "fault",
        section: "test",
        member: "fault",
        shape: ValueKind::Word(&FAULTS),
        default: Default::Text("none"),
        help: "What the store does wrong on purpose, for tests of `persona verify`.",
        ..PLAIN
    },
];
