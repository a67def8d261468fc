//! Many new personas in one request, beside one persona in each request, and files as the body of a
//! request.

use std::fmt::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::wrk::{Aim, Load};
use crate::{Result, machine, personas};

const BATCH: &str = "/api/v1/personas/batch";
const IMPORT: &str = "/api/v1/import";
/// Clients that send batches at the same time.
const CLIENTS: u64 = 4;
/// Items of a usual batch; the next constant is that of the largest batch.
const ITEMS: u64 = 250;
const ITEMS_MAX: u64 = 1_000;
/// Personas in a file that is the body of a request; the body has to fit 8 MiB.
const FILE_ITEMS: u64 = 2_000;

pub fn compare(session: &Session) -> Result<Vec<Row>> {
    let database = session.place.fresh("batches")?.join("persona.db");
    let ours = Ours::start(&database, session.options.workers(), "normal")?;
    let address = ours.server.address;
    let aim = Aim::api(ours.server.url(), 1);
    session.load(&aim, Load::Create)?;
    let seconds = session.options.seconds;
    let usual = || send_for(address, seconds, ITEMS, personas::USUAL_BYTES);
    let pairs = session.pairs(usual, || session.load(&aim, Load::Create))?;
    let (mut large, mut memory, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..session.options.pairs {
        large.push(send_for(address, seconds, ITEMS_MAX, personas::LARGE_BYTES)?);
        let workers = ours.worker_pids()?.into_iter();
        memory.push(workers.filter_map(machine::resident_mb).fold(0.0, f64::max));
        files.push(import(address)?);
    }
    let all = |of: fn(&Sent) -> f64, sent: &[&Sent]| Spread::of(sent.iter().map(|sent| of(sent)));
    let usual: Vec<&Sent> = pairs.iter().map(|(usual, _)| usual).collect();
    let large: Vec<&Sent> = large.iter().collect();
    Ok(vec![
        Row::compared(
            format!("POST in batches of {ITEMS} beside single ones"),
            "personas/s",
            Target::AtLeast(8_000.0),
            all(|sent| sent.rate, &usual),
            Spread::of(pairs.iter().map(|(_, single)| single.rate)),
        ),
        Row::alone(
            format!("longest batch of {ITEMS}"),
            "ms",
            Target::None,
            all(|sent| sent.longest_ms, &usual),
        ),
        Row::alone(
            format!("POST in batches of {ITEMS_MAX} large ones, 10 MB each"),
            "personas/s",
            Target::None,
            all(|sent| sent.rate, &large),
        ),
        Row::alone(
            "memory of the largest worker after batches of 10 MB",
            "MB",
            Target::None,
            Spread::of(memory),
        ),
        Row::alone(
            format!("import of {FILE_ITEMS} in the body of a request"),
            "personas/s",
            Target::None,
            Spread::of(files),
        ),
    ])
}

/// The figures of clients that send batches.
struct Sent {
    /// Personas a second.
    rate: f64,
    longest_ms: f64,
}

/// Lets several clients send batches, each one after the other, for some seconds.
fn send_for(address: SocketAddr, seconds: u32, items: u64, bytes: usize) -> Result<Sent> {
    let began = Instant::now();
    let over = began + Duration::from_secs(seconds.into());
    let batch = batch(items, bytes)?;
    let longest = thread::scope(|scope| {
        let client = || -> std::result::Result<(u32, Duration), String> {
            let mut client = Client::connect(address).map_err(|error| error.to_string())?;
            let (mut sent, mut longest) = (0, Duration::ZERO);
            while Instant::now() < over {
                let asked = Instant::now();
                send(&mut client, &batch, items).map_err(|error| error.to_string())?;
                longest = longest.max(asked.elapsed());
                sent += 1;
            }
            Ok((sent, longest))
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client does not panic"))
            .collect::<std::result::Result<Vec<_>, String>>()
    })?;
    let batches: u32 = longest.iter().map(|(sent, _)| sent).sum();
    let longest = longest.iter().map(|(_, longest)| *longest).max().unwrap_or_default();
    let personas = f64::from(batches) * f64::from(u32::try_from(items)?);
    Ok(Sent {
        rate: personas / began.elapsed().as_secs_f64(),
        longest_ms: longest.as_secs_f64() * 1000.0,
    })
}

fn send(client: &mut Client, batch: &str, items: u64) -> Result<()> {
    let answer = client.send("POST", BATCH, "", batch)?.success()?.json()?;
    let created = answer["items"].as_array().into_iter().flatten();
    let created = created.filter(|item| item["status"] == 201).count();
    if u64::try_from(created)? != items {
        return Err(format!("{created} of {items} items were created").into());
    }
    Ok(())
}

/// The body of a batch of new personas.
fn batch(items: u64, bytes: usize) -> Result<String> {
    let mut text = String::from("{\"items\":[");
    for number in 0..items {
        let comma = if number == 0 { "" } else { "," };
        let document = personas::document(number, bytes);
        write!(text, "{comma}{{\"op\":\"create\",\"document\":{document}}}")?;
    }
    text.push_str("]}");
    Ok(text)
}

/// Personas a second of files as the body of a request. Each file has other personas.
fn import(address: SocketAddr) -> Result<f64> {
    let mark = Instant::now();
    let mut file = String::new();
    for number in 0..FILE_ITEMS {
        let mut document = personas::document(number, personas::USUAL_BYTES);
        document["nickname"] = format!("{mark:?}").into();
        writeln!(file, "{document}")?;
    }
    let mut client = Client::connect(address)?;
    let began = Instant::now();
    let report = client.send_typed("POST", IMPORT, "", "application/x-ndjson", &file)?;
    let seconds = began.elapsed().as_secs_f64();
    let report = report.success()?.json()?;
    let created = report["items"].as_array().into_iter().flatten();
    let created = created.filter(|item| item["status"] == "created").count();
    if u64::try_from(created)? != FILE_ITEMS {
        return Err(format!("{created} of {FILE_ITEMS} personas were imported").into());
    }
    Ok(f64::from(u32::try_from(FILE_ITEMS)?) / seconds)
}
