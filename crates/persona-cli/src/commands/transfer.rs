//! `persona move`: everything from a SQLite file to a PostgreSQL database, or back.

use persona_server::backend;
use persona_server::exit_code::ExitCode;
use persona_storage::database_url::DatabaseUrl;
use persona_storage::sqlite;
use persona_storage::transfer::{self, Endpoint, Plan, TransferError, TransferReport};
use serde_json::json;

use super::arguments::Move;
use super::work;
use crate::failure::Failure;
use crate::terminal::{Output, shell_word};

/// Moves everything.
pub fn run(arguments: &Move, output: &Output) -> Result<(), Failure> {
    let plan = Plan {
        from: endpoint("--from", &arguments.from, output)?,
        to: endpoint("--to", &arguments.to, output)?,
        dry_run: arguments.dry_run,
        live: arguments.live,
        into_existing: arguments.into_existing,
        start_over: arguments.start_over,
    };
    let report = work::run_as(
        output,
        |watcher| transfer::transfer(&plan, watcher),
        |error| failure(&error),
    )?;
    print(&plan, &report, arguments, output)
}

fn endpoint(flag: &str, name: &str, output: &Output) -> Result<Endpoint, Failure> {
    if DatabaseUrl::parse(name).is_ok_and(|database| database.has_password()) {
        output.warn(&format!(
            "the password in {flag} can be read by every user of this machine while the command \
             runs: change it afterwards, or use a role that needs none from here"
        ));
    }
    Endpoint::parse(name).map_err(|error| {
        let example = "for example --from sqlite:persona.db --to postgres://ada@localhost/personas";
        // The message has only the error, because the name may contain a password.
        Failure::new(ExitCode::Usage, format!("{flag}: {error}"))
            .hint(error.hint().unwrap_or_else(|| example.into()))
    })
}

fn failure(error: &TransferError) -> Failure {
    let code = match error {
        TransferError::File(sqlite::DatabaseError::Interrupted { .. })
        | TransferError::Interrupted { .. } => ExitCode::Interrupted,
        TransferError::File(error) => ExitCode::of_start(error),
        TransferError::Server(error) => backend::exit_code_of_server(error),
        TransferError::SamePlace { .. } | TransferError::SameKind { .. } => ExitCode::Usage,
        TransferError::NotEmpty { .. }
        | TransferError::FileExists { .. }
        | TransferError::OtherSource { .. }
        | TransferError::Clash { .. }
        | TransferError::Taken { .. }
        | TransferError::OtherToken { .. } => ExitCode::Conflict,
        TransferError::SourceInUse { .. }
        | TransferError::Concurrent { .. }
        | TransferError::Outrun { .. }
        | TransferError::FenceTooLong { .. } => ExitCode::TryAgain,
        TransferError::DamagedSource { .. } | TransferError::Differs { .. } => ExitCode::Failure,
    };
    let mut failure = Failure::new(code, error.to_string());
    failure.hints.extend(error.hint());
    failure
}

fn print(
    plan: &Plan,
    report: &TransferReport,
    arguments: &Move,
    output: &Output,
) -> Result<(), Failure> {
    let transferred = report.transferred;
    if output.is_json() {
        return output.json(&json!({
            "from": plan.from.to_string(),
            "to": plan.to.to_string(),
            "dry_run": plan.dry_run,
            "personas": transferred.personas,
            "revisions": transferred.revisions,
            "changes": transferred.changes,
            "idempotency_records": report.keys,
            "resumed_at": report.resumed_at,
            "verified": !plan.dry_run,
            "fence_ms": report.fence.map(|fence| fence.as_secs_f64() * 1000.0),
            "copy_seconds": report.copying.as_secs_f64(),
            "seconds": report.took.as_secs_f64(),
        }));
    }
    let counts = format!(
        "{} personas, {} revisions, {} changes",
        transferred.personas, transferred.revisions, transferred.changes
    );
    if plan.dry_run {
        return output.result(&format!(
            "{} can be moved to {}: {counts}; nothing was changed",
            plan.from, plan.to
        ));
    }
    if report.resumed_at > 0 {
        output.note(&format!("went on after change {}", report.resumed_at));
    }
    let keys = report.keys;
    output.result(&format!(
        "{}: {counts}, {keys} records of repeated requests, compared one by one",
        plan.to
    ))?;
    if let Some(fence) = report.fence {
        output.note(&format!(
            "writers waited for {} ms; {} takes no more writes",
            fence.as_millis(),
            plan.from
        ));
    }
    let database = match &plan.to {
        Endpoint::File(path) => shell_word(path),
        // The address is not repeated, because it may contain a password.
        Endpoint::Server(_) if arguments.to.contains('@') && arguments.to.contains("://") => {
            "'postgres://…' (the address of --to)".into()
        }
        Endpoint::Server(_) => format!("'{}'", arguments.to),
    };
    output.note(&format!("start the server with: persona serve --database {database}"));
    Ok(())
}
