//! `persona diff`: what changed between two revisions, for people or as the API has it.

use persona_http::contract::OperationId;
use persona_http::contract::history::RevisionDiff;
use persona_server::config::Environment;

use super::arguments::Diff;
use super::diff_view;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::Query;
use crate::failure::Failure;
use crate::terminal::Output;

/// How wide a difference is that does not go to a terminal: each line below the other.
const COLUMNS_ELSEWHERE: usize = 80;

/// Compares two revisions of a persona.
pub async fn run(
    arguments: &Diff,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let query = Query::new(&OperationId::DiffRevisions.path_of(&[&id.to_string()]))
        .with_some("from", number(arguments.from).as_deref())
        .with_some("to", number(arguments.to).as_deref());
    let reply = api.get(&query.into_path()).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let diff: RevisionDiff = reply.read_as()?;
    if diff.changed.is_empty() {
        output.note("the two revisions have the same content");
        return Ok(());
    }
    let paint = |tone, text: &str| output.paint(tone, text);
    let columns = output.columns().unwrap_or(COLUMNS_ELSEWHERE);
    output.bytes(diff_view::text(&diff, columns, &paint).as_bytes())
}
