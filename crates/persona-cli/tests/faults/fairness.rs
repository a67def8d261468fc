//! 30: many writers at once through four workers: every writer gets a share, and none waits for
//! long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::personas::{connect_to_each_worker, create, patch, worker_of};
use crate::common::report::{Form, milliseconds, report};
use crate::common::{DEADLINE, Server, wait_for};

const WORKERS: usize = 4;

/// Jain's index of fairness: 1 when all have the same, 1/n when one has everything.
#[expect(clippy::cast_precision_loss, reason = "counts of a short test")]
fn jain(shares: &[u64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), &share| {
        (sum + share as f64, squares + (share as f64).powi(2))
    });
    sum * sum / (shares.len() as f64 * squares)
}

/// Clients write in a closed loop; shares by client and by worker, and waits.
fn many_writers(form: Form) {
    let clients_of_each = form.pick(16, 256);
    let server = Server::with_workers(4).flag("--expose-worker").start();
    let path = create(&mut server.connect(), "shared");
    let mut clients = connect_to_each_worker(&server, WORKERS);
    while clients.len() < WORKERS * clients_of_each {
        clients.push(server.connect());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let (path, stop) = (path.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let worker = worker_of(&mut client) - 1;
                let (mut count, mut waited, mut longest) = (0_u64, Duration::ZERO, Duration::ZERO);
                while !stop.load(Relaxed) {
                    let began = Instant::now();
                    assert_eq!(
                        patch(&mut client, &path, &json!({ "extensions": { "n": count } }))
                            .expect("an answer")
                            .status,
                        200
                    );
                    let took = began.elapsed();
                    (count, waited, longest) = (count + 1, waited + took, longest.max(took));
                }
                (worker, count, waited, longest)
            })
        })
        .collect();
    let (began, length) =
        (Instant::now(), form.pick(Duration::from_secs(3), Duration::from_mins(1)));
    wait_for("the end of the load", length + DEADLINE, || {
        (began.elapsed() >= length).then_some(())
    });
    stop.store(true, Relaxed);
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
    // Generous, because other programs share this machine; without a write lock one process starves
    // and this fails too.
    assert!(clients_index > 0.5 && workers_index > 0.5, "{figures}");
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
