//! Requests of API clients while the studio is opened again and again, beside the same requests
//! alone: what serving the page costs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::reads::row;
use crate::Result;
use crate::client::Client;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load, Measured};

/// Page loads a second: as many as of six hundred writers of which each opens the studio once a
/// minute.
const PAGE_LOADS: u32 = 10;

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let (options, database) = (&session.options, session.store("studio")?);
    let ours = Ours::start(&database, options.workers(), "normal")?;
    let aim = Aim::api(ours.server.url(), options.personas);
    let mut rates = Vec::new();
    let mut beside = |load| -> Result<Vec<(Measured, Measured)>> {
        // The first load warms the server up, and its figures are thrown away.
        session.load(&aim, load)?;
        session.pairs(
            || {
                let opening = PageLoads::start(ours.server.address);
                let measured = session.load(&aim, load);
                rates.push(opening.stop()?);
                measured
            },
            || session.load(&aim, load),
        )
    };
    let (reads, writes) = (beside(Load::Get)?, beside(Load::Patch)?);
    let loads = Spread::of(rates).median();
    let rates = |what: &str, pairs: &[(Measured, Measured)]| {
        let name = format!("{what} while the studio is opened {loads:.0} times/s, beside alone");
        row(&name, "requests/s", Target::RatioAtLeast(0.95), pairs, |load| load.rate)
    };
    let errors = reads.iter().chain(&writes).map(|(beside, _)| beside.errors).sum();
    Ok(vec![
        rates("GET by id", &reads),
        rates("PATCH", &writes),
        Row::alone(
            "errors beside page loads",
            "requests",
            Target::AtMost(0.0),
            Spread::of([errors]),
        ),
    ])
}

/// A client that opens the page at a fixed pace, each time as a browser that has nothing of it yet.
struct PageLoads {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<f64>>,
}

impl PageLoads {
    fn start(server: SocketAddr) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let done = Arc::clone(&done);
            move || load_pages(server, &done)
        });
        Self { done, thread }
    }

    /// Ends the client and returns how many loads it made a second.
    fn stop(self) -> Result<f64> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the client of the page panicked")?
    }
}

fn load_pages(server: SocketAddr, done: &AtomicBool) -> Result<f64> {
    let began = Instant::now();
    let mut count = 0_u32;
    while !done.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs(1) * count / PAGE_LOADS;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        load_page(server)?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

/// Reads the page, and every file that it names.
fn load_page(server: SocketAddr) -> Result<()> {
    let mut client = Client::connect(server)?;
    let page = client.send("GET", "/", "Accept: text/html\r\n", "")?.success()?;
    let page = String::from_utf8(page.body)?;
    let files: Vec<&str> =
        page.split('"').filter(|text| text.starts_with("studio/") && text.contains('.')).collect();
    if files.is_empty() {
        return Err("the page names no file".into());
    }
    for file in files {
        client.send("GET", &format!("/{file}"), "Accept-Encoding: gzip\r\n", "")?.success()?;
    }
    Ok(())
}
