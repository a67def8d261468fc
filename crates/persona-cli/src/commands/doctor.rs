//! `persona doctor`: examines a file, a server or both, and advises on each fault.

use std::sync::Arc;
use std::time::Duration;

use persona_http::contract::OperationId;
use persona_model::{Clock, Timestamp};
use persona_server::backend;
use persona_server::clock::SystemClock;
use persona_server::config::{Config, Environment, TlsFiles};
use persona_server::exit_code::ExitCode;
use persona_server::tls::Pair;
use persona_storage::NoObserver;
use serde_json::{Value, json};

use super::arguments::Doctor;
use super::config::loaded;
use super::target::{flags_of, named_server, own_server, server_of};
use crate::client::{Api, ServerAddress};
use crate::doctor::{
    CertificateFacts, CheckResult, DatabaseFacts, Facts, FileFacts, Level, ServerFacts, address_of,
    examine,
};
use crate::failure::Failure;
use crate::terminal::{Output, Tone, harmless};

/// How long a server that has the file open may take to answer; after that the file is examined
/// without the server.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Width of the column of names: the longest name and a gap.
const NAME_WIDTH: usize = 17;

/// Examines what the user named, or what the settings say.
pub async fn run(
    arguments: &Doctor,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let (credentials, settings_file) =
        (&arguments.target.credentials, arguments.target.config.as_ref());
    let facts = if let Some(url) = &arguments.target.server {
        let server = named_server(url, credentials, settings_file, environment, output)?;
        Facts::new(now, None, Some(ask_named(server).await?))
    } else {
        let loaded = loaded(&flags_of(&arguments.target), environment, output)?;
        let config = &loaded.config;
        if let Some(url) = config.server.as_ref().filter(|_| arguments.target.database.is_none()) {
            let server = server_of(url, credentials, &loaded.profiles, environment)?;
            let server = Some(ask_named(server).await?);
            return judge(&Facts::new(now, None, server), environment, output);
        }
        let Some(path) = config.database.file() else {
            let database = Some(look_at_server(config).await);
            return judge(&Facts { database, ..Facts::new(now, None, None) }, environment, output);
        };
        let mut file = FileFacts::look(
            config.file_settings(path),
            rustix::process::geteuid().as_raw(),
            &config.backups_of(path),
        );
        // A server that has the file open but does not answer is a finding, and no reason to stop.
        let server = match address_of(&file.users) {
            Some(address) => {
                let server = own_server(address, config, credentials, environment)?;
                let asked = tokio::time::timeout(ANSWER_WAIT_MAX, ask(server.clone())).await;
                Some(match asked {
                    Ok(Ok(facts)) => facts,
                    Ok(Err(failure)) => silent(&server, failure),
                    Err(_) => silent(&server, Failure::new(ExitCode::Unavailable, no_answer())),
                })
            }
            None => None,
        };
        file.look_inside(arguments.full);
        Facts { certificate: certificate_of(config, now), ..Facts::new(now, Some(file), server) }
    };
    judge(&facts, environment, output)
}

fn judge(facts: &Facts, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let outcomes = examine(facts);
    print(&outcomes, environment.get("HOME"), output)?;
    match outcomes.iter().map(|outcome| outcome.finding.level).max().unwrap_or(Level::Ok) {
        Level::Ok => Ok(()),
        Level::Warn => Err(Failure::silent(ExitCode::DOCTOR_WARNS)),
        Level::Fail => Err(Failure::silent(ExitCode::DOCTOR_FAILS)),
    }
}

/// When the certificate that the settings name ends, or why it cannot be used.
fn certificate_of(config: &Config, now: Timestamp) -> Option<CertificateFacts> {
    let TlsFiles { cert, key } = config.tls.as_ref()?;
    let ends_at = Pair::load(cert, key, now)
        .map(|pair| pair.validity.to)
        .map_err(|problem| (problem.to_string(), problem.hint()));
    Some(CertificateFacts { ends_at })
}

/// Looks at a database on a server without changing it.
async fn look_at_server(config: &Config) -> DatabaseFacts {
    let opened =
        backend::open(config, "persona doctor", Arc::new(SystemClock), Arc::new(NoObserver), None);
    let looked = match opened {
        Err(error) => Err((error.to_string(), error.hint())),
        Ok(store) => {
            let status = store.status().await;
            store.close().await;
            status.map_err(|error| {
                (
                    format!("{}: {error}", config.database),
                    Some("check that the server runs and takes connections".into()),
                )
            })
        }
    };
    DatabaseFacts { looked }
}

/// Asks the server that the user named. One that answers and tells nothing is a finding; one that
/// cannot be reached is none.
async fn ask_named(server: ServerAddress) -> Result<ServerFacts, Failure> {
    match ask(server.clone()).await {
        Err(failure) if failure.code != ExitCode::Unavailable => Ok(silent(&server, failure)),
        asked => asked,
    }
}

async fn ask(server: ServerAddress) -> Result<ServerFacts, Failure> {
    let url = server.to_string();
    let api = Api::remote(server);
    let status = api.get(OperationId::GetStatus.path()).await?.success()?.read_as()?;
    let ready = api.get(OperationId::GetReadiness.path()).await?;
    let reason = || match &*ready.problem().detail {
        "" => "it says that it is not ready".to_owned(),
        detail => detail.to_owned(),
    };
    let not_ready = (!ready.status.is_success()).then(reason);
    Ok(ServerFacts { url, not_ready, cure: String::new(), status: Some(status) })
}

fn no_answer() -> String {
    format!("no usable answer within {} s", ANSWER_WAIT_MAX.as_secs())
}

fn silent(server: &ServerAddress, failure: Failure) -> ServerFacts {
    let cure = failure.hints.join("; ");
    ServerFacts { url: server.to_string(), not_ready: Some(failure.message), cure, status: None }
}

fn print(outcomes: &[CheckResult], home: Option<&str>, output: &Output) -> Result<(), Failure> {
    let count = |level| outcomes.iter().filter(|outcome| outcome.finding.level == level).count();
    let (warnings, failures) = (count(Level::Warn), count(Level::Fail));
    if output.is_json() {
        let verdict = if failures > 0 {
            Level::Fail
        } else if warnings > 0 {
            Level::Warn
        } else {
            Level::Ok
        };
        return output.json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "verdict": verdict.as_str(),
            "counts": { "ok": count(Level::Ok), "warn": warnings, "fail": failures },
            "checks": outcomes.iter().map(|outcome| to_json(outcome, home)).collect::<Vec<_>>(),
        }));
    }
    let mut group = "";
    for outcome in
        outcomes.iter().filter(|outcome| !output.is_quiet() || outcome.finding.level > Level::Ok)
    {
        if outcome.group != group {
            group = outcome.group;
            output.result(&output.paint(Tone::Strong, group))?;
        }
        let tone = match outcome.finding.level {
            Level::Ok => Tone::Dim,
            Level::Warn => Tone::Warning,
            Level::Fail => Tone::Error,
        };
        let level = output.paint(tone, &format!("{:<4}", outcome.finding.level.as_str()));
        output.result(&format!(
            "  {level}  {:<NAME_WIDTH$}{}",
            outcome.name,
            shared(&outcome.finding.text, home)
        ))?;
        if let Some(fix) = outcome.fix.as_deref().filter(|fix| !fix.is_empty()) {
            output.result(&format!(
                "        {} {}",
                output.paint(Tone::Hint, "fix:"),
                shared(fix, home)
            ))?;
        }
    }
    let plural = |count: usize, word: &str| {
        if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
    };
    let checks = plural(outcomes.len(), "check");
    output.result(&format!(
        "{checks}: {}, {}",
        plural(warnings, "warning"),
        plural(failures, "failure")
    ))
}

fn to_json(outcome: &CheckResult, home: Option<&str>) -> Value {
    json!({
        "group": outcome.group,
        "name": outcome.name,
        "level": outcome.finding.level.as_str(),
        "message": shared(&outcome.finding.text, home),
        "fix": outcome.fix.as_deref().map(|fix| shared(fix, home)),
    })
}

/// Makes a text safe to paste into a report: without the path of the user's home, and without
/// control characters.
fn shared(text: &str, home: Option<&str>) -> String {
    let text = harmless(text);
    match home.map(|home| home.trim_end_matches('/')).filter(|home| home.len() > 1) {
        Some(home) => text.replace(&format!("{home}/"), "~/"),
        None => text,
    }
}
