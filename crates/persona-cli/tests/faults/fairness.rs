//! 30: many writers at once through four workers: each gets its share, and no writer waits for
//! long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::personas::{connect_to_each_worker, create, patch, worker_of};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{DEADLINE, Server, Stop, wait_for};

const WORKERS: usize = 4;

/// The least index of fairness that passes.
const JAIN_MIN: f64 = 0.8;

/// Jain's index of fairness: 1 when all have the same, 1/n when one has everything.
#[expect(clippy::cast_precision_loss, reason = "counts of a short test")]
fn jain(shares: &[u64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), &share| {
        (sum + share as f64, squares + (share as f64).powi(2))
    });
    sum * sum / (shares.len() as f64 * squares)
}

/// Lets clients write in a closed loop. Reports their shares by client and by worker, and their
/// waits.
fn many_writers(form: Form) {
    let clients_of_each = form.pick(16, 256);
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let path = create(&mut server.connect(), "shared");
    let mut clients = connect_to_each_worker(&server, WORKERS);
    while clients.len() < WORKERS * clients_of_each {
        clients.push(server.connect());
    }
    let writes_min = (form.pick(20, 1_000) * clients.len()) as u64;
    let (stop, acknowledged) = (Stop::default(), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (path, stop, acknowledged) =
                (path.clone(), stop.clone(), Arc::clone(&acknowledged));
            thread::spawn(move || {
                let worker = worker_of(&mut client) - 1;
                let (mut count, mut waited, mut longest) = (0_u64, Duration::ZERO, Duration::ZERO);
                while !stop.is_now() {
                    let began = Instant::now();
                    assert_eq!(
                        patch(&mut client, &path, &json!({ "extensions": { "n": count } }))
                            .expect("an answer")
                            .status,
                        200
                    );
                    acknowledged.fetch_add(1, Relaxed);
                    let took = began.elapsed();
                    (count, waited, longest) = (count + 1, waited + took, longest.max(took));
                }
                (worker, count, waited, longest)
            })
        })
        .collect();
    wait_for("writes of all clients", form.pick(3, 60) * DEADLINE, || {
        (acknowledged.load(Relaxed) >= writes_min).then_some(())
    });
    stop.now();
    let (mut by_client, mut by_worker) = (Vec::new(), [0; WORKERS]);
    let (mut waited, mut longest) = (Duration::ZERO, Duration::ZERO);
    for writer in writers {
        let (worker, count, its_wait, its_longest) = writer.join().expect("no panic");
        by_client.push(count);
        by_worker[worker] += count;
        waited += its_wait;
        longest = longest.max(its_longest);
    }
    let acknowledged: u64 = by_client.iter().sum();
    let mean = waited / u32::try_from(acknowledged.max(1)).expect("a short test");
    let (clients_index, workers_index) = (jain(&by_client), jain(&by_worker));
    let figures = json!({
        "clients": by_client.len(), "writes": acknowledged, "jain_of_clients": clients_index, "jain_of_workers": workers_index,
        "mean_wait_ms": milliseconds(mean), "longest_wait_ms": milliseconds(longest),
    });
    report(
        30,
        "many_writers",
        form,
        "Jain index at least 0.98, longest wait at most 10 times the mean",
        &figures,
    );
    // Other programs share this machine, so shares differ a little. Where the clients of one worker
    // get nothing, both indexes are 0.75.
    assert!(clients_index > JAIN_MIN && workers_index > JAIN_MIN, "{figures}");
}

#[test]
fn writers_of_all_workers_get_their_share() {
    many_writers(Form::Short);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn writers_of_all_workers_get_their_share_long() {
    many_writers(Form::Long);
}
