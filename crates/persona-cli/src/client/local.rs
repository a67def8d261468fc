//! The router in this process, over a database that is opened in the same way as every worker's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use persona_http::Body;
use persona_http::Router;
use persona_http::{
    AccessRules, Alone, AnswerMemoryLimit, BatchTurns, BodyMemoryLimit, Context, EventFeed,
    EventLimits, HeavyTurns, KnownSecrets, Origins, ProtectedLabels, RateLimits, ReadTurns,
    TokenUses, router,
};
use persona_server::backend::{self, Maintenance};
use persona_server::clock::SystemClock;
use persona_server::config::Config;
use persona_storage::sqlite::{AtRest, is_at_rest};
use persona_storage::{GuardedStore, NoObserver, Store};

use super::maintenance::MaintenanceThread;
use crate::failure::Failure;

/// The API over a file.
#[derive(Clone)]
pub struct Local {
    router: Router,
    store: Arc<dyn Store>,
    /// Dropped after the store is closed, because maintenance must be the last to close the file.
    _maintenance: Option<Arc<MaintenanceThread>>,
    /// Also dropped after the store; set if the command only reads a file that no process has open.
    _at_rest: Option<Arc<AtRest>>,
}

impl Local {
    /// Makes the database ready and opens it; with maintenance if the command writes.
    pub fn open(config: &Config, writes: bool) -> Result<Self, Failure> {
        let failed = |error| Failure::start(&error);
        let was_at_rest = config.database.file().is_some_and(is_at_rest);
        backend::initialise(config, writes).map_err(failed)?;
        let clock = Arc::new(SystemClock);
        let maintenance = if writes && config.database.file().is_some() {
            let maintenance = Maintenance::open(config, clock.clone(), Arc::new(NoObserver), None)
                .map_err(failed)?;
            Some(Arc::new(MaintenanceThread::start(maintenance)))
        } else {
            None
        };
        let at_rest = match config.database.file().filter(|_| was_at_rest && !writes) {
            Some(file) => Some(Arc::new(
                AtRest::open(&config.file_settings(file))
                    .map_err(|error| Failure::start(&error.into()))?,
            )),
            None => None,
        };
        let store =
            backend::open(config, "persona command", clock.clone(), Arc::new(NoObserver), None)
                .map_err(failed)?;
        let context = Context {
            store: GuardedStore::new(Arc::clone(&store)),
            clock,
            metrics: Arc::new(Alone),
            server: Arc::new(Alone),
            origins: Origins::default(),
            root_path: "".into(),
            expose_worker: false,
            access_log: false,
            write_wait_max: Duration::from_millis(config.busy_timeout_ms),
            read_time_max: Duration::from_millis(config.read_timeout_ms),
            bodies: BodyMemoryLimit::default(),
            heavy: HeavyTurns::default(),
            batch: BatchTurns::default(),
            document_bytes_max: config.document_bytes_max,
            answers: AnswerMemoryLimit::new(config.answer_memory_bytes()),
            turns: ReadTurns::of(&*store),
            events: EventFeed::new(Arc::clone(&store), EventLimits::ALONE),
            access: AccessRules::Trusted,
            protected_labels: ProtectedLabels::default(),
            token_uses: TokenUses::default(),
            known_secrets: KnownSecrets::default(),
            rates: RateLimits::default(),
        };
        Ok(Self { router: router(context), store, _maintenance: maintenance, _at_rest: at_rest })
    }

    /// The store, for work that is no request of the API.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Answers a request.
    pub async fn send(&self, request: Request<Bytes>) -> Response<Body> {
        self.router.answer(request.map(Body::from)).await
    }

    /// Finishes accepted writes, and leaves the database as one complete file.
    pub async fn close(self) {
        self.store.close().await;
    }
}
