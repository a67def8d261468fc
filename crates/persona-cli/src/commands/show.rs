//! `persona show`: one persona, as text for people or as the API has it.

use std::fmt::Write;

use persona_model::{FIELDS, Field, FieldKind};
use persona_server::config::Environment;
use serde_json::Value;

use super::arguments::Show;
use super::resolve::resolve;
use super::target::{self, Access};
use crate::client::{Query, persona_path};
use crate::failure::Failure;
use crate::terminal::{Output, Table, Tone, harmless};

/// Shows one persona.
pub async fn run(
    arguments: &Show,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let api = target::open(&arguments.target, Access::Read, environment, output)?;
    let id = resolve(&api, &arguments.persona, output).await?;
    let revision = arguments.revision.map(|revision| revision.to_string());
    let path = Query::new(&persona_path(id))
        .with_some("label", arguments.label.as_deref())
        .with_some("revision", revision.as_deref());
    let reply = api.get(&path.into_path()).await?.success()?;
    api.close().await;
    if output.is_json() {
        output.json_text(reply.body())
    } else {
        output.bytes(text(&reply.json(), output).as_bytes())
    }
}

/// The facts as a table, then each text under its name. Fields that have their default are left
/// out.
fn text(persona: &Value, output: &Output) -> String {
    let mut facts = Table::without_heading();
    let mut texts = String::new();
    for name in ["id", "revision", "created_at", "updated_at"] {
        facts.row([name.into(), persona.get(name).map(plain).unwrap_or_default()]);
    }
    for field in FIELDS {
        let Some(value) =
            persona.get(field.name).filter(|value| field.default().as_ref() != Some(value))
        else {
            continue;
        };
        if is_long(field) {
            let heading = output.paint(Tone::Strong, field.name);
            write!(texts, "\n{heading}\n{}\n", harmless(&plain(value)))
                .expect("writing into a string succeeds");
        } else {
            facts.row([field.name.into(), harmless(&plain(value))]);
        }
    }
    facts.text() + &texts
}

fn is_long(field: &Field) -> bool {
    !matches!(
        field.shape,
        FieldKind::Name
            | FieldKind::Line
            | FieldKind::OneOf(_)
            | FieldKind::Handle
            | FieldKind::Owner
            | FieldKind::Flag { .. }
            | FieldKind::Lines { .. }
            | FieldKind::Rating
    )
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(value).expect("a JSON value is JSON")
        }
        other => other.to_string(),
    }
}
