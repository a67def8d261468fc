//! `persona create`: one persona from flags, a file, or both.

use std::io::Read;
use std::path::Path;

use http::Method;
use persona_formats::{ITEM_BYTES_MAX, refusal_of_card, typed};
use persona_model::{FIELDS, FieldKind, read_strictly};
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use serde_json::{Map, Value};

use super::arguments::Create;
use super::author;
use super::new_database;
use super::target::{self, Access};
use crate::client::PERSONAS;
use crate::failure::Failure;
use crate::terminal::Output;

/// Creates a persona.
pub async fn run(
    arguments: &Create,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let document = document(arguments)?;
    new_database::allow(&arguments.target, arguments.new_database, environment, output).await?;
    let api = target::open(&arguments.target, Access::Create, environment, output)?;
    let author =
        author::headers(arguments.author.as_deref(), arguments.note.as_deref(), &api, environment)?;
    let reply = api
        .write(Method::POST, PERSONAS, &author, Some(&Value::Object(document)))
        .await?
        .success()?;
    api.close().await;
    if output.is_json() {
        return output.json_text(reply.body());
    }
    let persona = reply.json();
    let text =
        |member: &str| persona.get(member).and_then(Value::as_str).unwrap_or_default().to_string();
    output.note(&format!("created {:?}", text("name")));
    output.result(&text("id"))
}

/// The document from the file, with the values of the flags on top.
fn document(arguments: &Create) -> Result<Map<String, Value>, Failure> {
    let mut document = match &arguments.file {
        Some(path) => read(path)?,
        None => Map::new(),
    };
    document.extend(assigned(&arguments.set)?);
    if let Some(name) = &arguments.name {
        document.insert("name".into(), name.as_str().into());
    }
    if document.is_empty() {
        return Err(Failure::new(ExitCode::Usage, "there is nothing to create")
            .hint("give a --name, a --file, or both"));
    }
    Ok(document)
}

/// The values of `--set FIELD=VALUE` with the types of their fields. The value `null` of a field
/// that is no text means the field's default, as in the API; in a text it is a word.
pub fn assigned(assignments: &[String]) -> Result<Map<String, Value>, Failure> {
    let (mut cells, mut cleared) = (Map::new(), Map::new());
    for assignment in assignments {
        let Some((field, value)) = assignment.split_once('=') else {
            return Err(Failure::new(
                ExitCode::Usage,
                format!("--set {assignment:?} must be FIELD=VALUE"),
            ));
        };
        if field.is_empty() {
            return Err(Failure::new(
                ExitCode::Usage,
                format!("--set {assignment:?} names no field: FIELD=VALUE is wanted"),
            ));
        }
        // The last assignment of a field counts.
        cells.remove(field);
        cleared.remove(field);
        if value.trim() == "null" && !is_text(field) {
            cleared.insert(field.into(), Value::Null);
        } else {
            cells.insert(field.into(), value.into());
        }
    }
    let mut values =
        typed(cells).map_err(|reason| Failure::new(ExitCode::Usage, format!("--set {reason}")))?;
    values.extend(cleared);
    Ok(values)
}

/// Whether the field is a text, so that any word such as `null` can be its value. An unknown name
/// is left to the API, which reports it.
fn is_text(field: &str) -> bool {
    let field = FIELDS.iter().find(|known| known.name == field);
    field.is_none_or(|field| {
        matches!(field.shape, FieldKind::Name | FieldKind::Line | FieldKind::Text)
    })
}

/// A JSON object from a file; `-` is standard input.
pub fn read(path: &Path) -> Result<Map<String, Value>, Failure> {
    let name = path.display();
    let failed = |error: std::io::Error| Failure::io(format!("could not read {name}"), &error);
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    let bound = u64::try_from(ITEM_BYTES_MAX).expect("the bound is a small number");
    let mut bytes = Vec::new();
    input.take(bound + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > ITEM_BYTES_MAX {
        return Err(Failure::new(
            ExitCode::Failure,
            format!("{name} has more than {ITEM_BYTES_MAX} bytes"),
        ));
    }
    match read_strictly(&bytes) {
        Ok(Value::Object(document)) => match refusal_of_card(&document) {
            Some(reason) => Err(Failure::new(ExitCode::Failure, format!("{name}: {reason}"))),
            None => Ok(document),
        },
        Ok(_) => Err(Failure::new(ExitCode::Failure, format!("{name} must hold a JSON object"))
            .hint("`persona import` takes lists")),
        Err(malformed) => {
            let place = format!(
                "line {}, column {}: {}",
                malformed.line,
                malformed.column,
                malformed.words()
            );
            Err(Failure::new(ExitCode::Failure, format!("{name} is no JSON that can be taken"))
                .because(place))
        }
    }
}
