//! `persona label`: where the labels of personas point, and where they are moved to.

use http::{HeaderName, Method};
use persona_http::contract::OperationId;
use persona_http::contract::labels::{LabelList, LabelMoves, ReleaseAnswer, ReleaseItem};
use persona_model::{LABEL_LATEST, LabelName};
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Value, json};

use super::arguments::{
    LabelAction, LabelDelete, LabelList as ListArguments, LabelMoves as MovesArguments, LabelSet,
    Target,
};
use super::author;
use super::paging::Paging;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Api, Query};
use crate::failure::Failure;
use crate::terminal::{Output, Table, harmless, whole_seconds};

/// Largest page of moves.
const PAGE_MAX: u64 = 500;

/// Does what was asked with labels.
pub async fn run(
    action: &LabelAction,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    match action {
        LabelAction::List(arguments) => list(arguments, environment, output).await,
        LabelAction::Set(arguments) => set(arguments, environment, output).await,
        LabelAction::Delete(arguments) => delete(arguments, environment, output).await,
        LabelAction::Moves(arguments) => moves(arguments, environment, output).await,
    }
}

async fn list(
    arguments: &ListArguments,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let path = OperationId::ListLabels.path_of(&[&id.to_string()]);
    let reply = api.get(&path).await?.success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let labels = reply.read_as::<LabelList>()?;
    let mut table = Table::new(["LABEL", "REVISION", "AT", "BY"]);
    for label in &labels.items {
        let by = harmless(label.by.as_deref().unwrap_or_default());
        table.row([
            label.label.clone(),
            label.revision.to_string(),
            whole_seconds(&label.at.0.to_string()),
            by,
        ]);
    }
    let nothing = String::new;
    table.row([LABEL_LATEST.into(), labels.latest.to_string(), nothing(), nothing()]);
    output.bytes(table.text().as_bytes())
}

async fn set(
    arguments: &LabelSet,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let name = label(&arguments.label)?;
    let target = match (arguments.revision, &arguments.from) {
        (Some(revision), _) => json!({ "revision": revision }),
        (None, Some(from)) if from == LABEL_LATEST => json!({ "from": from }),
        (None, Some(from)) => json!({ "from": label(from)?.as_str() }),
        (None, None) => json!({ "from": LABEL_LATEST }),
    };
    let release = Release { name, personas: &arguments.personas, target };
    release.make(&arguments.target, arguments.author.as_deref(), environment, output).await
}

async fn delete(
    arguments: &LabelDelete,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let name = label(&arguments.label)?;
    let release =
        Release { name, personas: &arguments.personas, target: json!({ "remove": true }) };
    release.make(&arguments.target, arguments.author.as_deref(), environment, output).await
}

/// Reads a label of the command line.
fn label(text: &str) -> Result<LabelName, Failure> {
    LabelName::parse(text).map_err(|bad| {
        Failure::new(ExitCode::Usage, format!("{:?} is no label", harmless(text)))
            .because(bad)
            .hint("a label is a word such as production")
    })
}

/// The same move of a label of some personas.
struct Release<'a> {
    name: LabelName,
    personas: &'a [String],
    target: Value,
}

impl Release<'_> {
    /// Makes all of the moves, or none.
    async fn make(
        &self,
        target: &Target,
        author: Option<&str>,
        environment: &Environment,
        output: &Output,
    ) -> Result<(), Failure> {
        let api = target::open(target, Access::Change, environment, output)?;
        let headers = author::headers(author, None, &api, environment)?;
        let done = self.send(&api, &headers, output).await;
        api.close().await;
        let (body, answer) = done?;
        if output.is_json() {
            return output.json_text(&body);
        }
        for (item, wanted) in answer.items.iter().zip(self.personas) {
            output.note(&told(item, wanted));
        }
        Ok(())
    }

    async fn send(
        &self,
        api: &Api,
        headers: &[(HeaderName, String)],
        output: &Output,
    ) -> Result<(Vec<u8>, ReleaseAnswer), Failure> {
        let mut moves = Vec::with_capacity(self.personas.len());
        for persona in self.personas {
            let mut one = self.target.clone();
            one["id"] = resolve(api, persona, output).await?.to_string().into();
            one["label"] = self.name.as_str().into();
            moves.push(one);
        }
        let (path, body) = (OperationId::ReleaseLabels.path(), json!({ "moves": moves }));
        let reply = api.write(Method::POST, path, headers, Some(&body)).await?;
        let refused = reply
            .problem()
            .item
            .and_then(|place| Some((self.personas.get(place)?, moves.get(place)?["id"].as_str()?)));
        let reply = reply.success().map_err(|failure| match refused {
            // The server knows the persona by the identity that it was sent.
            Some((persona, id)) => {
                let name = format!("{:?}", harmless(persona));
                Failure { message: failure.message.replace(id, &name), ..failure }
            }
            None => failure,
        })?;
        Ok((reply.body().to_vec(), reply.read_as()?))
    }
}

fn told(item: &ReleaseItem, wanted: &str) -> String {
    let (label, wanted) = (&item.label, harmless(wanted));
    match (item.before, item.revision) {
        (_, Some(revision)) if !item.moved => {
            format!("{label} of {wanted:?} points to revision {revision} already")
        }
        (Some(before), Some(revision)) => {
            format!(
                "{label} of {wanted:?} points to revision {revision}, and no longer to {before}"
            )
        }
        (None, Some(revision)) => format!("{label} of {wanted:?} points to revision {revision}"),
        (before, None) => {
            let before = before.unwrap_or_default();
            format!("{label} of {wanted:?} is removed; it pointed to revision {before}")
        }
    }
}

async fn moves(
    arguments: &MovesArguments,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let name = label(&arguments.label)?;
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let path = OperationId::ListLabelMoves.path_of(&[&id.to_string(), name.as_str()]);
    let mut table = Table::new(["MOVE", "REVISION", "AT", "BY"]);
    let mut paging = Paging::new(arguments.limit);
    loop {
        let query = paging.query(Query::new(&path), PAGE_MAX);
        let page = api.get(&query.into_path()).await?.success()?.read_as::<LabelMoves>()?;
        for one in &page.items {
            if output.is_json() {
                output.json(&json!(one))?;
                continue;
            }
            let revision =
                one.revision.map_or_else(|| "removed".into(), |revision| revision.to_string());
            let by = harmless(one.by.as_deref().unwrap_or_default());
            table.row([
                one.version.to_string(),
                revision,
                whole_seconds(&one.at.0.to_string()),
                by,
            ]);
        }
        if !paging.goes_on(page.items.len(), page.next_cursor) {
            break;
        }
    }
    api.close().await;
    if !output.is_json() {
        output.bytes(table.text().as_bytes())?;
    }
    paging.note_rest(output);
    Ok(())
}
