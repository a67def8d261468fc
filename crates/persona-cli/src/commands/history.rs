//! `persona history`: the revisions of a persona, the newest first, with the labels that point to
//! them.

use persona_http::contract::OperationId;
use persona_http::contract::history::{RevisionEntry, RevisionPage};
use persona_http::contract::labels::{LabelEntry, LabelList};
use persona_http::contract::problems::Code;
use persona_model::PersonaId;
use persona_server::config::Environment;
use serde_json::json;

use super::arguments::History;
use super::paging::Paging;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Api, Query};
use crate::failure::Failure;
use crate::terminal::{GivesWay, Output, Table, harmless, whole_seconds};

/// Largest page: an entry has a few hundred bytes.
const PAGE_MAX: u64 = 500;
/// How the columns give way on a narrow terminal: number, time and author stay, and all but the
/// size fit into 80 cells.
const WAYS: [GivesWay; 7] = [
    GivesWay { least: usize::MAX, leaves: 0 },
    GivesWay { least: 10, leaves: 2 },
    GivesWay { least: usize::MAX, leaves: 0 },
    GivesWay { least: 10, leaves: 0 },
    GivesWay { least: usize::MAX, leaves: 4 },
    GivesWay { least: 10, leaves: 1 },
    GivesWay { least: 12, leaves: 3 },
];
/// If more members changed, only their number is shown.
const CHANGED_NAMED_MAX: usize = 8;

/// Lists revisions.
pub async fn run(
    arguments: &History,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let path = OperationId::ListRevisions.path_of(&[&id.to_string()]);
    let labels = labels_of(&api, id).await?;
    let mut table = Table::new(["REVISION", "LABELS", "AT", "BY", "BYTES", "CHANGED", "NOTE"]);
    let mut paging = Paging::new(arguments.limit);
    loop {
        let query = paging.query(Query::new(&path), PAGE_MAX);
        let page = api.get(&query.into_path()).await?.success()?.read_as::<RevisionPage>()?;
        for entry in &page.items {
            if output.is_json() {
                let mut entry = json!(entry);
                entry["labels"] = json!(at(&labels, entry["revision"].as_u64()));
                output.json(&entry)?;
            } else {
                table.row(cells(entry, &at(&labels, Some(entry.revision))));
            }
        }
        if !paging.goes_on(page.items.len(), page.next_cursor) {
            break;
        }
    }
    api.close().await;
    if !output.is_json() {
        output.bytes(table.fitted(output.columns(), WAYS).as_bytes())?;
    }
    paging.note_rest(output);
    Ok(())
}

/// The labels of a persona; none on a server from before there were labels.
async fn labels_of(api: &Api, id: PersonaId) -> Result<Vec<LabelEntry>, Failure> {
    let path = OperationId::ListLabels.path_of(&[&id.to_string()]);
    let reply = api.get(&path).await?;
    if reply.problem().is(Code::NoSuchRoute) {
        return Ok(Vec::new());
    }
    Ok(reply.success()?.read_as::<LabelList>()?.items)
}

/// The words of those that point to a revision.
fn at(labels: &[LabelEntry], revision: Option<u64>) -> Vec<&str> {
    let there = labels.iter().filter(|label| Some(label.revision) == revision);
    there.map(|label| label.label.as_str()).collect()
}

fn cells(entry: &RevisionEntry, labels: &[&str]) -> [String; 7] {
    [
        entry.revision.to_string(),
        labels.join(", "),
        whole_seconds(&entry.at.0.to_string()),
        harmless(entry.by.as_deref().unwrap_or_default()),
        entry.size.to_string(),
        changed(entry),
        harmless(entry.note.as_deref().unwrap_or_default()),
    ]
}

fn changed(entry: &RevisionEntry) -> String {
    let based = entry.base.map(|base| format!(" (from {base})")).unwrap_or_default();
    let what = match entry.changed.len() {
        _ if entry.revision == 1 => "created".into(),
        0 if entry.deleted => "deleted".into(),
        0 => "brought back".into(),
        count if count > CHANGED_NAMED_MAX => format!("{count} members"),
        _ => harmless(&entry.changed.join(", ")),
    };
    format!("{what}{based}")
}
