//! An ordinary client that reads and changes small personas at an even pace, and notes how long
//! each answer took.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::client::Client;
use crate::{Result, personas};

/// Connections of the victim: all but the last are kept, the last connection is made anew for each
/// request.
const CONNECTIONS: u64 = 4;
/// The time from one request to the next on each connection; far less load than the server can
/// take.
const PACE: Duration = Duration::from_millis(10);

/// Longest time that the histogram tells apart from longer times, in microseconds: a minute.
const ANSWER_MICROS_MAX: u64 = 60_000_000;

/// The answers of an ordinary client, and how long the client waited for them.
#[derive(Clone, Debug)]
pub struct Suffered {
    reads: Histogram<u64>,
    writes: Histogram<u64>,
    /// Requests that were not answered with success.
    pub refused: u32,
}

impl Suffered {
    fn nothing() -> Self {
        let histogram = || {
            Histogram::new_with_max(ANSWER_MICROS_MAX, 3)
                .expect("the range and three digits are possible")
        };
        Self { reads: histogram(), writes: histogram(), refused: 0 }
    }

    /// The 99th percentile of the client's reads, in milliseconds.
    pub fn reads_p99_ms(&self) -> f64 {
        p99_ms(&self.reads)
    }

    /// The 99th percentile of the client's writes, in milliseconds.
    pub fn writes_p99_ms(&self) -> f64 {
        p99_ms(&self.writes)
    }
}

fn p99_ms(histogram: &Histogram<u64>) -> f64 {
    f64::from(u32::try_from(histogram.value_at_quantile(0.99)).unwrap_or(u32::MAX)) / 1000.0
}

/// Acts as an ordinary client for so many seconds.
pub fn suffer(server: SocketAddr, count: u64, seconds: u32) -> Suffered {
    let until = Instant::now() + Duration::from_secs(seconds.into());
    thread::scope(|scope| {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|number| scope.spawn(move || one(server, count, number, until)))
            .collect();
        connections.into_iter().fold(Suffered::nothing(), |mut all, connection| {
            let one = connection.join().expect("a victim does not panic");
            all.reads.add(&one.reads).expect("the histograms are alike");
            all.writes.add(&one.writes).expect("the histograms are alike");
            all.refused += one.refused;
            all
        })
    })
}

fn one(server: SocketAddr, count: u64, number: u64, until: Instant) -> Suffered {
    let is_kept = number + 1 < CONNECTIONS;
    let (mut suffered, mut client, mut turn) = (Suffered::nothing(), None, number);
    while Instant::now() < until {
        let began = Instant::now();
        let is_write = turn % 2 == 1;
        let answered = request(server, &mut client, turn * 7919 % count, is_write, turn);
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        if is_write { &mut suffered.writes } else { &mut suffered.reads }.saturating_record(micros);
        if answered.is_err() {
            suffered.refused += 1;
            client = None;
        }
        if !is_kept {
            client = None;
        }
        turn += CONNECTIONS + 1;
        thread::sleep(PACE.saturating_sub(began.elapsed()));
    }
    suffered
}

/// Sends one request, on the kept connection or on a new one.
fn request(
    server: SocketAddr,
    client: &mut Option<Client>,
    persona: u64,
    is_write: bool,
    turn: u64,
) -> Result<()> {
    if client.is_none() {
        *client = Some(Client::connect(server)?);
    }
    let client = client.as_mut().expect("it was just made");
    let path = format!("{}{}", personas::PATH, personas::id(persona));
    if is_write {
        let change = format!(r#"{{"nickname":"turn {turn}"}}"#);
        client.send("PATCH", &path, "If-Match: *\r\n", &change)?.success()?;
    } else {
        client.get(&path)?;
    }
    Ok(())
}
