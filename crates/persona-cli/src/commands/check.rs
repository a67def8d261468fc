//! `persona check`: whether a database file is complete and undamaged.

use persona_server::config::Environment;
use persona_server::units::personas;
use persona_storage::sqlite::check;
use serde_json::json;

use super::arguments::Check;
use super::work;
use crate::failure::Failure;
use crate::terminal::{Output, harmless};

/// Checks a file and prints what is wrong with it.
pub fn run(arguments: &Check, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => arguments.database.path(environment, output)?,
    };
    let report = work::run(output, |watcher| check(&file, watcher))?;
    if output.is_json() {
        let problem = |found: &persona_storage::sqlite::CheckProblem| json!({ "persona": found.persona.map(|id| id.to_string()), "what": found.what });
        output.json(&json!({
            "file": file,
            "sound": report.is_sound(),
            "schema_version": report.schema_version,
            "personas": report.personas,
            "deleted": report.deleted,
            "revisions": report.revisions,
            "dropped_revisions": report.dropped_revisions,
            "changes": report.changes,
            "problems_total": report.problems_total,
            "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        }))?;
    } else {
        for problem in &report.problems {
            output.result(&harmless(&problem.to_string()))?;
        }
    }
    if !report.is_sound() {
        let count = if report.problems_total == 1 {
            "1 problem".into()
        } else {
            format!("{} problems", report.problems_total)
        };
        return Err(work::unsound(format!("{} is damaged: {count}", file.display()), output));
    }
    if !output.is_json() {
        let personas = personas(report.personas, report.deleted);
        let dropped = match report.dropped_revisions {
            0 => String::new(),
            dropped => format!(" ({dropped} of them dropped)"),
        };
        let (revisions, changes) = (report.revisions, report.changes);
        let counts = format!("{personas}, {revisions} revisions{dropped}, {changes} changes");
        output.result(&format!("{} is sound: {counts}", file.display()))?;
    }
    Ok(())
}
