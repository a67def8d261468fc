//! `persona list`: page after page, up to a limit.

use persona_http::contract::page::Page;
use persona_server::config::Environment;
use serde_json::{Value, json};

use super::arguments::List;
use super::target::{self, Access};
use super::typed::going_on;
use crate::client::{PERSONAS, Query};
use crate::failure::Failure;
use crate::terminal::{GivesWay, Output, Table, harmless};

/// Largest page: small enough that a page of large personas stays a small answer.
const PAGE_MAX: u64 = 100;
/// How the columns shrink on a narrow terminal. Identity, twenty cells of the name and the time are
/// just 80 cells; where handles are asked for, the handle is there in place of the time.
fn ways(are_handles_wanted: bool) -> [GivesWay; 7] {
    let way = |least, leaves| GivesWay { least, leaves };
    let (handle, updated) = if are_handles_wanted { (0, 2) } else { (2, 1) };
    [
        way(usize::MAX, 0),
        way(20, 0),
        way(20, handle),
        way(usize::MAX, 3),
        way(usize::MAX, 4),
        way(usize::MAX, updated),
        way(12, 5),
    ]
}

/// The fields that the table shows; reading full documents would be a waste.
const FIELDS: &str = "id,name,handle,kind,revision,updated_at,deleted_at,tags";

/// Lists personas.
pub async fn run(
    arguments: &List,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let mut table = Table::new(["ID", "NAME", "HANDLE", "KIND", "REVISION", "UPDATED", "TAGS"]);
    let mut left = arguments.limit;
    let mut cursor: Option<String> = None;
    let mut is_empty = true;
    let mut since: Option<String>;
    loop {
        let query = query(arguments, left.min(PAGE_MAX), cursor.as_deref(), output.is_json());
        let page = api.get(&query.into_path()).await?.success()?.read_as::<Page<Value>>()?;
        for item in &page.items {
            is_empty = false;
            if output.is_json() {
                output.json(item)?;
            } else if arguments.plain {
                output.result(&harmless(
                    item.get("name").and_then(Value::as_str).unwrap_or_default(),
                ))?;
            } else {
                table.row(cells(item));
            }
        }
        left = left.saturating_sub(u64::try_from(page.items.len()).unwrap_or(u64::MAX));
        since = page.next_updated_since;
        cursor = page.next_cursor;
        if cursor.is_none() || left == 0 || page.items.is_empty() {
            break;
        }
    }
    api.close().await;
    if !output.is_json() && !arguments.plain && !is_empty {
        let ways = ways(arguments.handle_prefix.is_some());
        output.bytes(table.fitted(output.columns(), ways).as_bytes())?;
    }
    if let Some(since) = since.filter(|_| cursor.is_none()) {
        if output.is_json() {
            output.json(&json!({ "next_updated_since": since }))?;
        } else {
            output.note(&format!("what changes from now on is listed by --updated-since {since}"));
        }
    }
    if is_empty {
        output.note("no persona meets these conditions");
    } else if cursor.is_some() {
        output.note(&format!("there are more than {}; --limit NUMBER lists them", arguments.limit));
    }
    Ok(())
}

fn query(arguments: &List, limit: u64, cursor: Option<&str>, is_json: bool) -> Query {
    let query = Query::new(PERSONAS)
        .with("limit", &limit.to_string())
        .with_some("q", arguments.text.as_deref().map(going_on).as_deref())
        .with_some("owner", arguments.owner.as_deref())
        .with_some("handle_prefix", arguments.handle_prefix.as_deref())
        .with_some("kind", arguments.kind.as_deref())
        .with_some(
            "is_active",
            arguments.active.map(|active| if active { "true" } else { "false" }),
        )
        .with_some("updated_since", arguments.updated_since.as_deref())
        .with_some("include_deleted", arguments.include_deleted.then_some("true"))
        .with_some("sort", arguments.sort.as_deref())
        .with_some("fields", (!is_json).then_some(FIELDS))
        .with_some("cursor", cursor);
    arguments.tag.iter().fold(query, |query, tag| query.with("tag", tag))
}

fn cells(item: &Value) -> [String; 7] {
    let text =
        |member: &str| harmless(item.get(member).and_then(Value::as_str).unwrap_or_default());
    let tags: Vec<&str> = item
        .get("tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let revision = item.get("revision").and_then(Value::as_u64).unwrap_or_default();
    let deleted =
        if item.get("deleted_at").is_some_and(|time| !time.is_null()) { "(deleted) " } else { "" };
    [
        text("id"),
        format!("{deleted}{}", text("name")),
        text("handle"),
        text("kind"),
        revision.to_string(),
        // Whole seconds are enough for people, and the form still sorts and parses.
        text("updated_at")
            .split_once('.')
            .map_or_else(|| text("updated_at"), |(seconds, _)| format!("{seconds}Z")),
        harmless(&tags.join(",")),
    ]
}
