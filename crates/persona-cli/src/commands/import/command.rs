//! The command: file after file, with a bounded number of items in progress, and reports in the
//! order of the file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_formats::{Bad, Item};
use persona_http::contract::OperationId;
use persona_model::PersonaId;
use persona_server::config::Environment;
use persona_server::exit_code::ExitCode;
use tokio::task::{JoinError, JoinSet};

use super::order::{Dependence, Order, Ticket};
use super::progress::Progress;
use super::reader::{Source, open};
use super::report::{Report, Status, Summary};
use super::send::{Sender, send};
use crate::commands::arguments::Import;
use crate::commands::new_database;
use crate::commands::target::{self, Access};
use crate::failure::Failure;
use crate::terminal::Output;

/// Most items in progress: as many as two batches have, and as many again that wait for the next
/// batches.
const IN_FLIGHT_MAX: usize = 1_000;

/// After this time without an answer the user is told that the command waits.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The tasks that send items; each returns the result with the ticket of its item.
type Sending = JoinSet<(Ticket, Result<Sent, Failure>)>;

/// Imports files.
pub async fn run(
    arguments: &Import,
    environment: &Environment,
    output: &Output,
) -> Result<(), Failure> {
    // All files are opened first, so that a mistyped name is reported at once and not after an
    // hour.
    let sources = arguments
        .files
        .iter()
        .map(|path| Ok((path.as_path(), open(path)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    if !arguments.dry_run {
        new_database::allow(&arguments.target, arguments.new_database, environment, output).await?;
    }
    let sender = if arguments.dry_run {
        None
    } else {
        let api = target::open(&arguments.target, Access::Create, environment, output)?;
        // A server that cannot be reached at the start is reported at once; one that goes away
        // later is waited for.
        api.get(OperationId::GetHealth.path()).await?;
        Some(Sender::start(api, arguments.on_duplicate, IN_FLIGHT_MAX))
    };
    let mut run = Run { sender, output, summary: Summary::default() };
    let started_at = Instant::now();
    let ended = tokio::select! {
        ended = run.files(sources) => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(ExitCode::Interrupted)),
    };
    let mut is_bound = false;
    if let Some(Sender { api, bound, .. }) = run.sender.take() {
        // Items that were sent are committed before the program ends, so that a second run
        // continues where this one stopped.
        api.close().await;
        is_bound = bound.is_noted();
    }
    let took = started_at.elapsed();
    if is_bound {
        output.note(
            "the token is bound to an owner: the server gave new personas their \
             identities, and they have the times and the author of this import",
        );
    }
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
    /// What sends the items; `None` if they are only checked.
    sender: Option<Sender>,
    output: &'a Output,
    summary: Summary,
}

/// An item that was sent, and its result.
struct Sent {
    item: Item,
    report: Report,
    /// The persona that has the handle of the item, if it was refused for that.
    holder: Option<PersonaId>,
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
        let mut order: Order<Item, Result<Report, Failure>> = Order::default();
        let mut sending = Sending::new();
        let (mut is_read, mut is_told) = (false, false);
        loop {
            for (ticket, item) in order.take_ready() {
                self.start(&mut sending, ticket, Arc::clone(&file), item);
            }
            while let Some(report) = order.pop() {
                self.finish(&report?, &mut progress)?;
            }
            if is_read && order.len() == 0 {
                return Ok(());
            }
            let has_room = !is_read && order.len() < IN_FLIGHT_MAX;
            if sending.is_empty() && !has_room {
                order.give_up();
                continue;
            }
            tokio::select! {
                item = source.items.recv(), if has_room => match item {
                    Some(item) => self.accept(&mut order, &file, item),
                    None => is_read = true,
                },
                Some(ended) = sending.join_next() => settle(&mut order, ended)?,
                () = tokio::time::sleep(SILENCE_MAX), if !sending.is_empty() && !is_told => {
                    is_told = true;
                    let note = format!(
                        "no answer for {} s; each item is tried for a minute before this gives up",
                        SILENCE_MAX.as_secs()
                    );
                    progress.write(|| self.output.note(&note));
                }
            }
        }
    }

    /// Takes an item of the file; an item that is not sent gets its report at once.
    fn accept(
        &self,
        order: &mut Order<Item, Result<Report, Failure>>,
        file: &str,
        item: Result<Item, Bad>,
    ) {
        match item {
            Err(bad) => order.push_ended(Ok(report_of_bad(file, bad))),
            Ok(item) if item.is_deleted && item.origin.revision.is_none() => {
                order.push_ended(Ok(report_of(file, &item, Status::Deleted, Vec::new())));
            }
            Ok(item) if self.sender.is_none() => {
                order.push_ended(Ok(report_of(file, &item, Status::Valid, Vec::new())));
            }
            Ok(item) => order.push(dependence_of(&item), item),
        }
    }

    /// Sends one item.
    fn start(&self, sending: &mut Sending, ticket: Ticket, file: Arc<str>, item: Item) {
        let Some(sender) = self.sender.clone() else { return };
        sending.spawn(async move {
            let sent = send(&sender, &item).await.map(|answer| {
                let mut report = report_of(&file, &item, answer.status, answer.errors);
                report.id = answer.id.or(report.id);
                Sent { item, report, holder: answer.holder }
            });
            (ticket, sent)
        });
    }

    /// Reports the result of an item.
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

/// The dependence of a revision of a history; other items depend on nothing.
fn dependence_of(item: &Item) -> Option<Dependence> {
    item.origin.revision?;
    let owner = item.document.owner_word();
    let handle = item.document.handle().filter(|_| !item.is_deleted);
    // A blank separates handle and owner, because neither contains one.
    let handle = handle.map(|handle| format!("{handle} {owner}"));
    Some(Dependence { persona: item.id, handle })
}

/// Records the result of an item that was sent.
fn settle(
    order: &mut Order<Item, Result<Report, Failure>>,
    ended: Result<(Ticket, Result<Sent, Failure>), JoinError>,
) -> Result<(), Failure> {
    let (ticket, sent) = ended.map_err(|error| {
        Failure::new(ExitCode::Failure, "an item could not be sent").because(error)
    })?;
    match sent {
        Ok(Sent { item, report, holder: Some(holder) }) => {
            order.refuse(ticket, holder, item, Ok(report));
        }
        Ok(Sent { report, .. }) => order.end(ticket, Ok(report)),
        Err(failure) => order.end(ticket, Err(failure)),
    }
    Ok(())
}

fn report_of(file: &str, item: &Item, status: Status, errors: Vec<String>) -> Report {
    Report {
        file: file.to_owned(),
        location: item.location,
        id: Some(item.id),
        name: Some(item.document.name().to_string()),
        status,
        warnings: item.warnings.clone(),
        errors,
    }
}

fn report_of_bad(file: &str, bad: Bad) -> Report {
    Report {
        file: file.to_owned(),
        location: bad.location,
        id: None,
        name: bad.name,
        status: Status::Failed,
        warnings: Vec::new(),
        errors: bad.reasons,
    }
}

#[cfg(test)]
mod tests {
    use persona_formats::{Format, Item, Location, Origin};
    use persona_model::{Document, PersonaId, Revision};
    use serde_json::json;

    use super::dependence_of;

    #[test]
    fn a_handle_is_waited_for_within_its_owner_only() {
        let handle_of = |owner: &str, is_deleted: bool| {
            let document = json!({ "name": "Eve", "handle": "eve", "owner": owner });
            let mut item = Item {
                location: Location::line(1),
                format: Format::Native,
                id: PersonaId::parse("0193b0c2-7f3e-7a10-8c1d-000000000001").expect("an id"),
                document: Document::from_json(document).expect("a document"),
                is_deleted,
                origin: Origin::default(),
                warnings: Vec::new(),
            };
            item.origin.revision = Some(Revision::FIRST);
            dependence_of(&item).expect("a revision of a history").handle
        };
        assert!(handle_of("a", false).is_some());
        assert_eq!(handle_of("a", false), handle_of("a", false));
        assert_ne!(handle_of("a", false), handle_of("b", false));
        assert_eq!(handle_of("a", true), None);
    }
}
