//! The parent of all processes. It starts, replaces and ends them. It never opens the database and
//! answers no request.
//!
//! What lives here: the loop (`run.rs`), its decisions (`state/`, a pure function over the words
//! of `events.rs`), and the only place that touches processes (`process.rs`). What must not:
//! the store, HTTP.
//!
//! Start reading at `events.rs`, then `state/machine.rs`.

mod certificate;
mod child_state;
mod contention;
mod event_log;
mod events;
mod heartbeat;
mod ipc;
mod only_one;
mod process;
mod run;
mod slot;
mod state;

pub use contention::{ADVICE, BUSY_WAIT_P99_MICROS};
pub use events::{ChildKey, Role};
pub use ipc::{ChildInput, Message, receive, say, wait_for_the_end};
pub use run::{Started, run};

#[cfg(test)]
mod tests {
    use persona_storage::sqlite::Durability;

    use crate::config::{Config, Database, LogFormat};

    /// The default settings.
    pub fn config() -> Config {
        Config {
            server: None,
            host: [127, 0, 0, 1].into(),
            allow_open: false,
            open_monitoring: false,
            protected_labels: Vec::new(),
            port: 0,
            is_tcp_chosen: true,
            uds: None,
            fd: None,
            exposed: None,
            tls: None,
            rate_reads: 0,
            rate_reads_burst: 0,
            rate_writes: 0,
            rate_writes_burst: 0,
            database: Database::File("persona.db".into()),
            workers: 2,
            durability: Durability::Normal,
            busy_timeout_ms: 30_000,
            read_timeout_ms: 5_000,
            wal_autocheckpoint: 1_000,
            disk_reserve_mb: 64,
            idempotency_keys_max: persona_storage::IDEMPOTENCY_KEYS_MAX,
            history_keep: None,
            history_keep_newest: 0,
            document_bytes_max: persona_model::DOCUMENT_BYTES_MAX,
            write_lock_warn_ms: 1_000,
            trusted_proxies: Vec::new(),
            allowed_hosts: Some(Vec::new()),
            cors_origins: Vec::new(),
            root_path: String::new(),
            connections_max: 1_024,
            connections_share: 50,
            event_streams_max: 768,
            event_streams_per_client: 64,
            idle_timeout: std::time::Duration::from_secs(75),
            backup_every: None,
            backup_keep: 24,
            backup_dir: None,
            expose_worker: false,
            answer_memory_mb: 256,
            answer_patience_ms: 30_000,
            read_cache_mb: 64,
            drain_timeout_ms: 10_000,
            log_level: "info".into(),
            log_format: LogFormat::Auto,
            log_file: None,
            access_log: false,
            #[cfg(feature = "faults")]
            fault: "none".into(),
        }
    }
}
