//! `persona verify`: tests whether the promises are kept on this machine and this file system.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persona_server::config::{Environment, SQLITE_WORKERS_MAX, shown};
use persona_server::exit_code::ExitCode;
use persona_storage::postgres;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{ChaosWord, Verify};
use super::target::named_server;
use crate::failure::Failure;
use crate::terminal::{Output, ProgressDisplay};
use crate::verify::{self, Chaos, Error, Plan, Progress, ScratchPlan, ServerUnderTest};

/// Workers of a scratch server.
const WORKERS_DEFAULT: u16 = 4;

/// Runs the load, checks it, and prints the report.
pub async fn run(
    arguments: &Verify,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    let plan = plan(arguments, environment, output)?;
    let mut display = Display::new(output);
    let report = verify::run(&plan, &mut |progress| display.show(progress), interrupted()).await;
    // The bar is removed before anything else is written.
    drop(display);
    let report = report.map_err(|error| failure(&error))?;
    let printed =
        if output.is_json() { output.json(&report.json()) } else { output.result(&report.text()) };
    printed?;
    if report.is_good() { Ok(()) } else { Err(Failure::silent(ExitCode::Failure)) }
}

fn plan(arguments: &Verify, environment: &Environment, output: &Output) -> Result<Plan, Failure> {
    let chaos = match arguments.chaos {
        None => Chaos::None,
        Some(ChaosWord::Workers) => Chaos::Workers,
        Some(ChaosWord::Supervisor) => Chaos::Supervisor,
    };
    let server = match &arguments.server {
        None => ServerUnderTest::Scratch(scratch_plan(arguments)?),
        Some(_) if chaos != Chaos::None => {
            let message = "--chaos kills processes, and those of a running server are not this \
                           program's to kill";
            return Err(Failure::new(ExitCode::Usage, message)
                .hint("leave --server out: then a scratch server is started and killed"));
        }
        Some(named) => ServerUnderTest::Server(named_server(
            named,
            &arguments.credentials,
            None,
            environment,
            output,
        )?),
    };
    let duration = Duration::from_secs(arguments.seconds);
    let run = getrandom::u32().map_err(|error| {
        Failure::new(ExitCode::Failure, "could not get a random number").because(error)
    })?;
    let seed = arguments.seed.unwrap_or_else(|| run.into());
    Ok(Plan {
        server,
        run,
        clients: arguments.clients,
        duration,
        hot_keys: arguments.hot_keys,
        chaos,
        seed,
    })
}

fn scratch_plan(arguments: &Verify) -> Result<ScratchPlan, Failure> {
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    if !folder.is_dir() {
        return Err(Failure::new(
            ExitCode::NotFound,
            format!("there is no folder {}", folder.display()),
        ));
    }
    let folder = std::path::absolute(&folder)
        .map_err(|error| Failure::io(format!("could not use {}", folder.display()), &error))?;
    let workers = arguments.workers.unwrap_or(WORKERS_DEFAULT);
    let database = arguments.database.as_deref().map(empty_database).transpose()?;
    if database.is_none() && workers > SQLITE_WORKERS_MAX {
        let message = format!("a SQLite file has at most {SQLITE_WORKERS_MAX} workers");
        return Err(Failure::new(ExitCode::Usage, message)
            .hint("name a PostgreSQL database with --database for more"));
    }
    Ok(ScratchPlan { folder, database, workers, serve_flags: serve_flags(arguments) })
}

/// The URL of a database without personas: the run writes to it, and removes nothing afterwards.
fn empty_database(url: &str) -> Result<String, Failure> {
    let settings = postgres::Settings::parse(url).map_err(|error| {
        Failure::new(ExitCode::Usage, format!("--database {error}"))
            .hint("write it like postgres://user@host:5432/database")
    })?;
    let report = postgres::initialise(&settings.named("persona verify"))
        .map_err(|error| Failure::start(&error.into()))?;
    if report.personas > 0 {
        let message = format!(
            "{} holds {} personas, and verifying writes many more",
            shown(url),
            report.personas
        );
        return Err(Failure::new(ExitCode::Conflict, message)
            .hint("name an empty database, such as one made with createdb"));
    }
    Ok(url.into())
}

fn serve_flags(arguments: &Verify) -> Vec<String> {
    let durability = arguments.durability.iter().map(|word| format!("--durability={word}"));
    let read_cache = arguments.read_cache_mb.iter().map(|size| format!("--read-cache-mb={size}"));
    let flags = durability.chain(read_cache);
    #[cfg(feature = "faults")]
    let flags = flags.chain(arguments.fault.iter().map(|name| format!("--fault={name}")));
    flags.collect()
}

/// Waits for Ctrl-C or TERM.
async fn interrupted() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Folder { path, source } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            let message = format!("could not write into {}", path.display());
            Failure::new(ExitCode::Config, message)
                .because(source)
                .hint("name a folder that you may write into with --dir")
        }
        Error::Folder { path, source } => Failure::new(ExitCode::Failure, error.to_string())
            .because(source)
            .hint(format!("the folder is {}", absolute(path))),
        Error::Start { code, log } => {
            let mut failure = Failure::new(
                code.map_or(ExitCode::Failure, ExitCode::from_number),
                error.to_string(),
            );
            failure.causes.extend(log.lines().map(str::to_owned));
            failure
        }
        Error::Gone { .. } => {
            let hint = "there is no verdict without the server; look into its log, or leave \
                        --server out to verify a scratch one";
            Failure::new(ExitCode::Unavailable, error.to_string()).hint(hint)
        }
        Error::NoSpace { .. } => {
            let hint = "free some space, name another folder with --dir, or take fewer --seconds; \
                        a minute of 64 clients takes a gigabyte or two";
            Failure::new(ExitCode::Failure, error.to_string()).hint(hint)
        }
        Error::HeldUp { .. } => {
            let hint = "another program has a transaction open on the PostgreSQL server, and \
                        followers are told of later changes only when it has ended; its session \
                        is one with a backend_xid in pg_stat_activity";
            Failure::new(ExitCode::Unavailable, error.to_string()).hint(hint)
        }
        Error::Refused { .. } => Failure::new(ExitCode::Failure, error.to_string()).hint(
            "name a token of the scope admin without an owner with --token-file or PERSONA_TOKEN",
        ),
        Error::Foreign { .. } => Failure::new(ExitCode::Unavailable, error.to_string())
            .hint("name the URL that `persona serve` prints"),
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

/// Shows the progress of the run.
struct Display<'a> {
    output: &'a Output,
    progress: ProgressDisplay,
    has_begun: bool,
}

impl<'a> Display<'a> {
    fn new(output: &'a Output) -> Self {
        let progress = ProgressDisplay::new(output, "{spinner} {wide_msg}", None);
        Self { output, progress, has_begun: false }
    }

    fn show(&mut self, progress: &Progress) {
        let Progress { elapsed, duration, operations, writes, unknown, checking } = progress;
        let counts =
            format!("{operations} requests, {writes} acknowledged writes, {unknown} lost answers");
        let message = if *checking {
            format!("checking {counts}")
        } else {
            format!("{} of {} s: {counts}", elapsed.as_secs(), duration.as_secs())
        };
        if let Some(bar) = self.progress.bar() {
            bar.set_message(message);
            bar.tick();
        } else if !self.has_begun || *checking || self.progress.is_line_due() {
            // The first line is printed at once, so that a short run shows a line too.
            self.has_begun = true;
            self.output.note(&message);
        }
    }
}
