//! Lists through the API over a million personas.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::client::Client;
use crate::rivals::ours::Ours;
use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::{Result, direct, personas};

const PERSONAS: u64 = 1_000_000;
/// How many pages one measurement reads one after the other.
const PAGES: u64 = 200;
/// Longest 99th percentile of a page, in milliseconds.
const PAGE_MS_MAX: f64 = 2.0;

/// Each list: its query, its name in the table, its target.
const LISTS: [(&str, &str, Target); 6] = [
    ("pages by name", "sort=name", Target::AtMost(PAGE_MS_MAX)),
    ("pages of the latest", "sort=-updated_at", Target::AtMost(PAGE_MS_MAX)),
    ("pages of the oldest", "sort=created_at", Target::AtMost(PAGE_MS_MAX)),
    ("pages of a tag that a hundredth has", "tag=group-7", Target::AtMost(PAGE_MS_MAX)),
    ("pages of a kind that all have", "kind=agent&sort=name", Target::AtMost(PAGE_MS_MAX)),
    ("pages with names only", "sort=name&fields=name", Target::AtMost(PAGE_MS_MAX)),
];

pub fn measure(session: &Session) -> Result<Vec<Row>> {
    let options = &session.options;
    let count = if options.quick { options.personas } else { PERSONAS };
    let filled = direct::filled(&session.place, count)?;
    let database = personas::copied(&session.place, &filled, "lists")?;
    let ours = Ours::start(&database, options.workers(), "normal")?;
    let mut client = Client::connect(ours.server.address)?;
    let mut rows = Vec::new();
    for (name, query, target) in LISTS {
        let mut p99 = Vec::new();
        for _ in 0..options.pairs {
            p99.push(walk(&mut client, query)?);
        }
        let name = format!("p99 of {name}, 50 of {count} personas");
        rows.push(Row::alone(name, "ms", target, Spread::of(p99)));
    }
    let mut counts = Vec::new();
    for _ in 0..options.pairs {
        let began = Instant::now();
        let page = client.get("/api/v1/personas?limit=1&count=exact")?.json()?;
        counts.push(began.elapsed().as_secs_f64() * 1000.0);
        if page["total"] != count {
            return Err(format!("{} personas were counted", page["total"]).into());
        }
    }
    let name = format!("an exact count of {count} personas");
    rows.push(Row::alone(name, "ms", Target::None, Spread::of(counts)));
    Ok(rows)
}

/// The 99th percentile of a page in milliseconds, over pages that follow one another; after the
/// last page the walk begins again.
fn walk(client: &mut Client, query: &str) -> Result<f64> {
    let mut took = Histogram::<u64>::new(3)?;
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let began = Instant::now();
        let page = client.get(&format!("/api/v1/personas?{query}{cursor}"))?;
        took.record(u64::try_from(began.elapsed().as_micros())?)?;
        let next = page.json()?["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
        cursor = next.unwrap_or_default();
    }
    Ok(f64::from(u32::try_from(took.value_at_quantile(0.99))?) / 1000.0)
}
