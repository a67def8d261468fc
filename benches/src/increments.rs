//! How many acknowledged increments of one row are kept: a question that a throughput does not
//! answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Result;
use crate::client::Client;
use crate::personas;
use crate::rivals::{pocketbase, reference};

/// Clients that all increment the same counter.
const CLIENTS: usize = 16;

/// The increments of all clients together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Counted {
    /// Increments that were answered with success.
    pub acknowledged: f64,
    /// The value of the counter in the end.
    pub kept: f64,
}

impl Counted {
    /// The kept increments in percent of the acknowledged ones.
    pub fn percent(self) -> f64 {
        100.0 * self.kept / self.acknowledged.max(1.0)
    }
}

/// Increments in Persona Store: read, add one, write back on the condition that nothing changed; a
/// client that is too late reads again.
pub fn of_ours(address: SocketAddr, seconds: u32) -> Result<Counted> {
    let path = format!("{}{}", personas::PATH, personas::id(0));
    let counter = |client: &mut Client| {
        let answer = client.get(&path)?;
        let count = answer.json()?["extensions"]["counter"].as_u64().unwrap_or_default();
        Result::Ok((count, answer.etag.ok_or("an answer without ETag")?))
    };
    let before = counter(&mut Client::connect(address)?)?.0;
    let acknowledged = by_all(address, seconds, |client| {
        let (count, etag) = counter(client)?;
        let change = json!({ "extensions": { "counter": count + 1 } }).to_string();
        let answer = client.send("PATCH", &path, &format!("If-Match: {etag}\r\n"), &change)?;
        if answer.status == 412 { Ok(false) } else { answer.success().map(|_| true) }
    })?;
    let after = counter(&mut Client::connect(address)?)?.0;
    Ok(Counted { acknowledged: whole(acknowledged), kept: whole(after - before) })
}

/// Increments in the reference stack: its server reads, adds one, and writes back.
pub fn of_reference(address: SocketAddr, seconds: u32) -> Result<Counted> {
    let path = format!("{}{}", reference::PATH, personas::id(0));
    let counter = |client: &mut Client| {
        Result::Ok(client.get(&path)?.json()?["counter"].as_u64().unwrap_or_default())
    };
    let before = counter(&mut Client::connect(address)?)?;
    let increment = format!("{path}/increment");
    let acknowledged = by_all(address, seconds, |client| {
        Ok(client.send("POST", &increment, "Content-Length: 0\r\n", "")?.status == 200)
    })?;
    let after = counter(&mut Client::connect(address)?)?;
    Ok(Counted { acknowledged: whole(acknowledged), kept: whole(after.saturating_sub(before)) })
}

/// Increments in PocketBase by its own operator: the server adds one.
pub fn of_pocketbase(address: SocketAddr, seconds: u32) -> Result<Counted> {
    of_pocketbase_with(address, seconds, |client, path| {
        Ok(client.send("PATCH", path, "", "{\"counter+\":1}")?.status == 200)
    })
}

/// Increments in PocketBase by read, add one, write back: PocketBase has no condition for a change.
pub fn of_pocketbase_rewritten(address: SocketAddr, seconds: u32) -> Result<Counted> {
    of_pocketbase_with(address, seconds, |client, path| {
        let count = pocketbase_counter(client, path)? + 1;
        let change = json!({ "counter": count }).to_string();
        Ok(client.send("PATCH", path, "", &change)?.status == 200)
    })
}

fn of_pocketbase_with(
    address: SocketAddr,
    seconds: u32,
    attempt: impl Fn(&mut Client, &str) -> Result<bool> + Sync,
) -> Result<Counted> {
    let path = pocketbase::path_of(0);
    let before = pocketbase_counter(&mut Client::connect(address)?, &path)?;
    let acknowledged = by_all(address, seconds, |client| attempt(client, &path))?;
    let after = pocketbase_counter(&mut Client::connect(address)?, &path)?;
    Ok(Counted { acknowledged: whole(acknowledged), kept: whole(after.saturating_sub(before)) })
}

fn pocketbase_counter(client: &mut Client, path: &str) -> Result<u64> {
    Ok(client.get(path)?.json()?["counter"].as_u64().unwrap_or_default())
}

/// Lets every client try again and again, and counts the acknowledged increments.
fn by_all(
    address: SocketAddr,
    seconds: u32,
    attempt: impl Fn(&mut Client) -> Result<bool> + Sync,
) -> Result<u64> {
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let one = || {
        let mut client = Client::connect(address)?;
        let mut acknowledged = 0;
        while Instant::now() < until {
            acknowledged += u64::from(attempt(&mut client)?);
        }
        Ok(acknowledged)
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        clients.into_iter().map(|client| client.join().map_err(|_| "a client panicked")?).sum()
    })
}

fn whole(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
