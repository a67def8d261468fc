//! Pages and searches in the store itself, without HTTP.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use persona_model::{Cursor, Filter, ListRequest, Search, Sort, SortKey, Timestamp};
use persona_server::clock::SystemClock;
use persona_storage::sqlite::{Settings, SqliteStore};
use persona_storage::{NoObserver, Representation, Store};
use serde_json::{Value, json};

use crate::row::{Row, Target};
use crate::spread::Spread;
use crate::table::Session;
use crate::{Result, personas};

/// Items of a page.
const PAGE: usize = 50;
/// How many pages and searches one measurement reads: enough for a 99th percentile.
const SAMPLES: u64 = 1_000;
/// A file of real personas, one JSON object a line, which a machine may have beside the repository.
const REAL_TEXTS: &str = "../shared/data/lobe-agents.ndjson";

pub fn pages(session: &Session) -> Result<Vec<Row>> {
    let count = session.options.personas;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = opened(&session.store("pages")?)?;
    let mut p99 = Vec::new();
    for pair in 0..u64::from(session.options.pairs) {
        p99.push(quantile(SAMPLES, |sample| {
            let number = dice(pair * SAMPLES + sample);
            let answer = runtime
                .block_on(store.get(personas::id(number % count)))?
                .ok_or("a persona is missing")?;
            let sorts: Vec<Sort> = Sort::ALL
                .into_iter()
                .map(|(_, sort)| sort)
                .filter(|sort| sort.key != SortKey::Relevance)
                .collect();
            let sort = sorts[usize::try_from(number / count)? % sorts.len()];
            let request = ListRequest {
                filter: Filter::default(),
                sort,
                after: Some(cursor(&answer, sort)?),
                limit: PAGE,
                count: false,
            };
            let began = Instant::now();
            runtime.block_on(store.list(request))?;
            Ok(began.elapsed())
        })?);
    }
    let name = format!("p99 of any page of {PAGE} of {count} personas, any order, in the store");
    Ok(vec![Row::alone(name, "ms", Target::AtMost(2.0), Spread::of(p99))])
}

/// The cursor at a persona of a list.
fn cursor(answer: &Representation, sort: Sort) -> Result<Cursor> {
    let persona: Value = serde_json::from_slice(&answer.body)?;
    let text = |member: &str| persona[member].as_str().unwrap_or_default();
    let time = |member| {
        Timestamp::parse(text(member)).map(|time| time.as_micros().to_string()).ok_or("no time")
    };
    let key = match sort.key {
        SortKey::CreatedAt => time("created_at")?,
        SortKey::UpdatedAt => time("updated_at")?,
        SortKey::Name | SortKey::Relevance => text("name").to_string(),
    };
    Ok(Cursor { key, id: answer.id })
}

pub fn searches(session: &Session) -> Result<Vec<Row>> {
    let (count, texts) = (session.options.personas, texts(session));
    let source = if texts.is_empty() { "made" } else { "real" };
    let make = |number: u64| match texts
        .get(usize::try_from(number).unwrap_or_default() % texts.len().max(1))
    {
        Some(agent) => mixed(agent, number),
        None => personas::document(number, personas::USUAL_BYTES),
    };
    let filled =
        personas::filled_with(&session.place, &format!("search-{source}-{count}.db"), count, make)?;
    let store = opened(&personas::copied(&session.place, &filled, "search")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let words: Vec<String> =
        (0..SAMPLES).flat_map(|sample| words_of(&make(dice(sample) % count))).collect();
    let word = |number: u64| {
        words[usize::try_from(dice(number)).unwrap_or_default() % words.len()].as_str()
    };
    let mut p99 = Vec::new();
    for pair in 0..u64::from(session.options.pairs) {
        p99.push(quantile(SAMPLES, |sample| {
            let number = 2 * (pair * SAMPLES + sample);
            let (first, second) = (word(number), word(number + 1));
            let text = match sample % 4 {
                0 => first.to_string(),
                1 => format!("{first} {second}"),
                2 => format!("{first} -{second}"),
                _ => format!("{}*", first.chars().take(4).collect::<String>()),
            };
            let filter = Filter { search: Some(Search::parse(&text)?), ..Filter::default() };
            let request = ListRequest {
                filter,
                sort: Sort::RELEVANCE,
                after: None,
                limit: PAGE,
                count: false,
            };
            let began = Instant::now();
            runtime.block_on(store.list(request))?;
            Ok(began.elapsed())
        })?);
    }
    let name = format!("p99 of a search over {count} personas with {source} texts, in the store");
    Ok(vec![Row::alone(name, "ms", Target::AtMost(20.0), Spread::of(p99))])
}

/// The real personas; empty where the file does not exist.
fn texts(session: &Session) -> Vec<Value> {
    let text = std::fs::read_to_string(session.place.path(REAL_TEXTS)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A persona made of a real one, with words of its own, so that no two personas are the same.
fn mixed(agent: &Value, number: u64) -> Value {
    let agent = &agent["agent"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    // Names in the file contain line ends, which a name must not.
    let title = text(&agent["meta"]["title"]).split_whitespace().collect::<Vec<_>>().join(" ");
    json!({
        "name": format!("{number} {title}").chars().take(100).collect::<String>(),
        "kind": "agent",
        "description": text(&agent["meta"]["description"]),
        "system_prompt": format!("{} word{}", text(&agent["config"]["systemRole"]), dice(number) % 50_000),
    })
}

/// Some words of a document, for a search.
fn words_of(document: &Value) -> Vec<String> {
    let text = document["system_prompt"].as_str().unwrap_or_default();
    let words =
        text.split(|char: char| !char.is_alphanumeric()).filter(|word| word.chars().count() > 3);
    words.step_by(17).take(5).map(ToString::to_string).chain(["assistant".into()]).collect()
}

fn opened(path: &std::path::Path) -> Result<SqliteStore> {
    Ok(SqliteStore::open(Settings::new(path), Arc::new(SystemClock), Arc::new(NoObserver))?)
}

/// The 99th percentile of so many samples, in milliseconds.
fn quantile(
    samples: u64,
    mut sample: impl FnMut(u64) -> Result<std::time::Duration>,
) -> Result<f64> {
    let mut took = Histogram::<u64>::new(3)?;
    for number in 0..samples {
        took.record(u64::try_from(sample(number)?.as_micros())?)?;
    }
    Ok(f64::from(u32::try_from(took.value_at_quantile(0.99))?) / 1000.0)
}

/// A number that looks random and is the same in every run (the multiplier of Knuth's MMIX
/// generator).
fn dice(number: u64) -> u64 {
    (number + 1).wrapping_mul(6_364_136_223_846_793_005).rotate_right(29) >> 1
}
