//! The command: file after file, a bounded number of items at a time, reports in the order of the
//! file.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_formats::{Bad, Item};
use persona_http::contract::OperationId;
use persona_model::PersonaId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::progress::Progress;
use super::reader::{Source, open};
use super::report::{Report, Status, Summary};
use super::send::send;
use crate::client::Api;
use crate::commands::arguments::{Import, OnDuplicate};
use crate::commands::new_database;
use crate::commands::target::{self, Access};
use crate::failure::Failure;
use crate::terminal::Output;

/// Items under way at a time: enough for each of four workers to commit in groups of 64, few enough
/// for their queues.
const IN_FLIGHT_MAX: usize = 256;

/// After so long without an answer the user is told that it is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(5);

type Pending = JoinHandle<Result<Report, Failure>>;

/// Imports files.
pub async fn run(
    arguments: &Import,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    // All are opened first: a mistyped name should not surface after an hour.
    let sources = arguments
        .files
        .iter()
        .map(|path| Ok((path.as_path(), open(path)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if !arguments.dry_run {
        new_database::allow(&arguments.target, arguments.new_database, environment, output).await?;
    }
    let api = if arguments.dry_run {
        None
    } else {
        Some(target::open(&arguments.target, Access::Create, environment, output)?)
    };
    if let Some(api) = &api {
        // A server that is away later is waited for; one that never was there is told at once.
        api.get(OperationId::GetHealth.path()).await?;
    }
    let mut run = Run {
        api,
        on_duplicate: arguments.on_duplicate,
        output,
        summary: Summary::default(),
        last_past: None,
    };
    let started_at = Instant::now();
    let ended = tokio::select! {
        ended = run.files(sources) => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(ExitCode::Interrupted)),
    };
    if let Some(api) = run.api.take() {
        // What was sent is committed before the program ends; a second run goes on where this one
        // stopped.
        api.close().await;
    }
    let took = started_at.elapsed();
    if output.is_json() {
        output.json(&run.summary.to_json(took))?;
    } else {
        output.result(&run.summary.text(took))?;
    }
    ended?;
    if run.summary.of(Status::Failed) > 0 {
        Err(Failure::silent(ExitCode::Failure))
    } else {
        Ok(())
    }
}

struct Run<'a> {
    /// Where the items go; `None` when they are only checked.
    api: Option<Api>,
    on_duplicate: OnDuplicate,
    output: &'a Output,
    summary: Summary,
    /// The revision of a history that was started last, and when it has ended.
    last_past: Option<(PersonaId, oneshot::Receiver<()>)>,
}

impl Run<'_> {
    async fn files(&mut self, sources: Vec<(&Path, Source)>) -> Result<(), Failure> {
        for (path, source) in sources {
            self.file(path, source).await?;
        }
        Ok(())
    }

    async fn file(&mut self, path: &Path, mut source: Source) -> Result<(), Failure> {
        let file: Arc<str> = if path == Path::new("-") {
            "standard input".into()
        } else {
            path.display().to_string().into()
        };
        let mut progress = Progress::new(&file, &source, self.output);
        let mut pending: VecDeque<Pending> = VecDeque::new();
        let (mut is_read, mut is_told) = (false, false);
        while !(is_read && pending.is_empty()) {
            let has_room = !is_read && pending.len() < IN_FLIGHT_MAX;
            tokio::select! {
                item = source.items.recv(), if has_room => match item {
                    Some(item) => pending.push_back(self.start(Arc::clone(&file), item)),
                    None => is_read = true,
                },
                Some(ended) = end_of_first(&mut pending) => {
                    pending.pop_front();
                    let report = ended.inspect_err(|_| pending.iter().for_each(JoinHandle::abort))?;
                    self.finish(&report, &mut progress)?;
                }
                () = tokio::time::sleep(SILENCE_MAX), if !pending.is_empty() && !is_told => {
                    is_told = true;
                    let note = format!("no answer for {} s; each item is tried for a minute before this gives up", SILENCE_MAX.as_secs());
                    progress.write(|| self.output.note(&note));
                }
            }
        }
        Ok(())
    }

    /// Sends one item; its report is waited for later, in its turn.
    fn start(&mut self, file: Arc<str>, item: Result<Item, Bad>) -> Pending {
        let (api, on_duplicate) = (self.api.clone(), self.on_duplicate);
        let turn = self.turn_of(item.as_ref().ok());
        tokio::spawn(async move {
            // Given up when this ends, however it ends.
            let _turn = turn.wait().await;
            let item = match item {
                Ok(item) => item,
                Err(Bad { place, name, reasons }) => {
                    let status = Status::Failed;
                    return Ok(Report {
                        file: file.to_string(),
                        place,
                        id: None,
                        name,
                        status,
                        warnings: Vec::new(),
                        errors: reasons,
                    });
                }
            };
            let (status, errors) = match api {
                _ if item.is_deleted && item.origin.revision.is_none() => {
                    (Status::Deleted, Vec::new())
                }
                Some(api) => send(&api, &item, on_duplicate).await?,
                None => (Status::Valid, Vec::new()),
            };
            let name = Some(item.document.name().to_string());
            Ok(Report {
                file: file.to_string(),
                place: item.place,
                id: Some(item.id),
                name,
                status,
                warnings: item.warnings,
                errors,
            })
        })
    }

    /// The revisions of one persona stand together in a file and are sent one after the other; all
    /// else is sent at once.
    fn turn_of(&mut self, item: Option<&Item>) -> OwnTurn {
        let Some(item) = item.filter(|item| item.origin.revision.is_some()) else {
            return OwnTurn { before: None, own: None };
        };
        let (own, ended) = oneshot::channel();
        let before = self
            .last_past
            .replace((item.id, ended))
            .filter(|(id, _)| *id == item.id)
            .map(|(_, ended)| ended);
        OwnTurn { before, own: Some(own) }
    }

    /// Says what came of an item.
    fn finish(&mut self, report: &Report, progress: &mut Progress<'_>) -> Result<(), Failure> {
        self.summary.count(report);
        progress.item_done();
        if self.output.is_json() {
            return self.output.json(&report.to_json());
        }
        let remarks = report.remarks(self.output);
        if !remarks.is_empty() {
            progress.write(|| remarks.iter().for_each(|remark| self.output.say(remark)));
        }
        Ok(())
    }
}

/// The turn of a revision of a history: when the one before it was sent.
struct OwnTurn {
    before: Option<oneshot::Receiver<()>>,
    own: Option<oneshot::Sender<()>>,
}

impl OwnTurn {
    async fn wait(self) -> Option<oneshot::Sender<()>> {
        if let Some(before) = self.before {
            // Nothing is ever sent: it ends when the one before has.
            let _ = before.await;
        }
        self.own
    }
}

/// Waits for the item that comes next in the order of the file; `None` when no item is under way.
/// Safe to be dropped.
async fn end_of_first(pending: &mut VecDeque<Pending>) -> Option<Result<Report, Failure>> {
    let ended = pending.front_mut()?.await;
    Some(ended.unwrap_or_else(|error| {
        Err(Failure::new(ExitCode::Failure, "an item could not be sent").because(error))
    }))
}
