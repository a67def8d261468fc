//! A server of one worker over a wire that can break, with a client and one persona: the start of
//! most of these tests.

use crate::common::{Client, Server};
use crate::faults::ledger::{Asked, Ledger, path_in};
use persona_test_support::Cluster;
use persona_test_support::wire::Wire;

/// A server, its wire, a client and a persona.
pub struct Bench {
    pub database: String,
    pub wire: Wire,
    pub server: Server,
    pub client: Client,
    pub ledger: Ledger,
    /// The path of the persona.
    pub path: String,
}

impl Bench {
    /// Starts with these further parameters of the URL and these flags; with one connection unless
    /// the URL says otherwise.
    pub fn start(parameters: &str, flags: &[&str]) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.database();
        let wire = Wire::to(cluster.port());
        let builder = Server::with_workers(1)
            .flag(format!("--database={}?pool_max=1{parameters}", wire.url(&database)));
        let server = flags.iter().fold(builder, |builder, flag| builder.flag(*flag)).start();
        let (mut client, mut ledger) = (server.connect(), Ledger::default());
        let path = path_in(&ledger.ask(&mut client, Asked::create("first")));
        Self { database, wire, server, client, ledger, path }
    }

    /// Compares the answers with the content of the database.
    #[track_caller]
    pub fn compare(&self) {
        self.ledger.compare(Cluster::shared(), &self.database);
    }
}
