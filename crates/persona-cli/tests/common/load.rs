//! A load of requests, each of which must succeed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::{Client, DEADLINE, Stop, Way, wait_for};

/// Clients that send requests again and again: some on kept connections, some on a new connection
/// for each request.
pub struct Load {
    stop: Stop,
    answers: Arc<AtomicU64>,
    clients: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    /// Starts one client for each of these ways; every second client keeps its connection.
    pub fn start(ways: Vec<Way>) -> Self {
        let (stop, answers) = (Stop::default(), Arc::<AtomicU64>::default());
        let client = |(number, way): (usize, Way)| {
            let (stop, answers) = (stop.clone(), Arc::clone(&answers));
            thread::spawn(move || {
                let (mut kept, mut failures) = (None::<Client>, Vec::new());
                while !stop.comes_within(Duration::from_millis(2)) {
                    let client = match kept.take() {
                        Some(client) => Ok(client),
                        None => way.connect(),
                    };
                    let asked = client.and_then(|mut client| {
                        let status = client.get("/healthz")?.status;
                        Ok((client, status))
                    });
                    match asked {
                        Ok((client, 200)) => {
                            answers.fetch_add(1, Relaxed);
                            kept = (number % 2 == 0 && !client.closes).then_some(client);
                        }
                        Ok((_, status)) => failures.push(format!("status {status}")),
                        Err(error) => failures.push(error.to_string()),
                    }
                }
                failures
            })
        };
        let clients = ways.into_iter().enumerate().map(client).collect();
        Self { stop, answers, clients }
    }

    /// Waits until each client has had some more answers.
    pub fn wait_for_more(&self) {
        let before = self.answers.load(Relaxed);
        let wanted = before + 20 * self.clients.len() as u64;
        wait_for("more answers", DEADLINE, || (self.answers.load(Relaxed) > wanted).then_some(()));
    }

    /// Ends the load. Returns the failures.
    pub fn end(self) -> Vec<String> {
        self.stop.now();
        self.clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    }
}
