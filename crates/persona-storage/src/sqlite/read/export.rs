//! Every persona of one snapshot, as a stream.

use std::thread;
use std::time::{Duration, Instant};

use persona_model::{HistoryFacts, has_labels, history_line};
use rusqlite::{Connection, Row, params_from_iter};
use tokio::sync::oneshot;

use super::{ExportPermit, Held, LOOK_EVERY, Readers, Reason};
use crate::export::{Outlet, Unsent};
use crate::history_count::HistoryCount;
use crate::sqlite::error::from_driver;
use crate::sqlite::system_error::told;
use crate::sqlite::tables::{labels, revisions, row};
use crate::{Error, Export, ExportRequest, Exported, Representation};

/// A client that reads nothing for this long loses the export.
const CLIENT_WAIT_MAX: Duration = Duration::from_secs(30);
/// Least rate, in bytes a second, of a client that is waited for; what comes from the server's own
/// pace does not count. A slower one would keep its permit from others for hours.
const CLIENT_RATE_MIN: u64 = 64 * 1024;
/// How long in sum the export waits for a client, whatever its rate.
const CLIENT_GRACE: Duration = Duration::from_secs(10);

/// Starts an export on a thread of its own, with a connection of its own.
///
/// # Errors
///
/// [`Error::Busy`] when as many exports as may run are under way, or the WAL has to be reset first.
pub(crate) async fn start(readers: &Readers, request: ExportRequest) -> Result<Export, Error> {
    let permit = readers.permit_for_export()?;
    let (outlet, export) = Export::channel();
    let (opened, is_open) = oneshot::channel();
    let work = move || run(permit, outlet, opened, &request);
    thread::Builder::new()
        .name("export".into())
        .spawn(work)
        .map_err(|error| Error::Backend(Box::new(error)))?;
    is_open.await.map_err(|_| Error::Closed("the export ended by a fault of the program"))??;
    Ok(export)
}

/// Why an export ended before its end.
enum Ended {
    /// The client has gone.
    Left,
    /// The export failed, and the client must get the error.
    Failed(Error),
}

fn run(
    permit: ExportPermit,
    outlet: Outlet,
    opened: oneshot::Sender<Result<(), Error>>,
    request: &ExportRequest,
) {
    let (connection, held) = match permit.begin(|| !opened.is_closed()) {
        Ok(begun) => begun,
        Err(error) => return drop(opened.send(Err(error))),
    };
    let (leases, lease) = (held.leases().clone(), held.lease().clone());
    outlet.on_left(move || leases.end(&lease, Reason::Left));
    // If the request was dropped meanwhile, the other end of the queue was dropped too.
    let _ = opened.send(Ok(()));
    let mut client = Pace { outlet, waited: Duration::ZERO };
    let end = match send_all(&connection, request, &mut client, &held) {
        Err(Ended::Failed(error)) => {
            permit.damage.note(&error);
            Some(held.judge(Err(error)))
        }
        Ok(()) => Some(Ok(())),
        Err(Ended::Left) => None,
    };
    // Everything is released before the end is reported, because the caller may then begin another
    // export or close the file.
    drop(held);
    drop(connection);
    permit.leave();
    if let Some(end) = end {
        client.outlet.end(end);
    }
}

/// A statement, with the owners as its parameters.
struct Query {
    sql: String,
    owners: Vec<String>,
}

impl Query {
    fn of(request: &ExportRequest) -> Self {
        let sql = sql_of(request);
        let Some(asked) = request.owners() else {
            return Self { sql, owners: Vec::new() };
        };
        if request.exported == Exported::History {
            let sql = sql.replace("p.id = c.persona", OF_OWNERS);
            let owners = serde_json::to_string(&asked).expect("a list of texts is JSON");
            return Self { sql, owners: vec![owners] };
        }
        let living = if request.exported == Exported::Living { "deleted_at IS NULL" } else { "1" };
        let of_handle = request.of_handle("handle");
        // An index has those of each owner in this order, so that lists are merged and nothing is
        // sorted.
        let of_owner = |place: usize| {
            format!(
                "SELECT id, revision, deleted_at IS NOT NULL, head, document, checksum, created_at
                 FROM personas
                 WHERE owner = ?{place} AND {living} AND {of_handle}"
            )
        };
        let lists: Vec<String> = match asked.len() {
            0 => vec![of_owner(1) + " AND 0"],
            count => (1..=count).map(of_owner).collect(),
        };
        let owners = if asked.is_empty() { vec![""] } else { asked };
        let sql = format!("{} ORDER BY created_at, id", lists.join(" UNION ALL "));
        Self { sql, owners: owners.into_iter().map(str::to_owned).collect() }
    }
}

/// Of the lines of a history, those of the personas of some owners.
const OF_OWNERS: &str = "p.id = c.persona AND p.owner IN (SELECT value FROM json_each(?1))";

fn sql_of(request: &ExportRequest) -> String {
    let of_handle = request.of_handle("p.handle");
    match request.exported {
        Exported::Living => format!(
            "SELECT p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document, p.checksum
             FROM personas AS p
             WHERE p.deleted_at IS NULL AND {of_handle}
             ORDER BY p.row_id"
        ),
        Exported::All => format!(
            "SELECT p.id, p.revision, p.deleted_at IS NOT NULL, p.head, p.document, p.checksum
             FROM personas AS p
             WHERE {of_handle}
             ORDER BY p.row_id"
        ),
        // By the feed, so that a handle was free when the revision that took it comes. A cross join
        // keeps its order, so that nothing is sorted.
        Exported::History => format!(
            "SELECT p.id, r.revision, r.deleted, r.head, r.document, r.checksum, p.revision, r.base, r.note,
                    p.deleted_at IS NOT NULL, r.parent
             FROM changes AS c
             CROSS JOIN personas AS p ON p.id = c.persona
             CROSS JOIN revisions AS r ON r.sequence = c.sequence AND r.revision = c.revision
             WHERE {of_handle} AND octet_length(r.head) > 0
             ORDER BY c.sequence"
        ),
    }
}

/// The same answer as a line of a history.
fn in_history(
    connection: &Connection,
    found: &Row<'_>,
    answer: &Representation,
    count: &mut HistoryCount,
) -> rusqlite::Result<Representation> {
    let last = row::revision(found, 6)?;
    let (base, before) = (revisions::base(found, 7)?, revisions::base(found, 10)?);
    count.count(answer.revision, before, last);
    let previous = before.filter(|before| before.next() != answer.revision);
    let note = found.get_ref(8)?.as_str_or_null()?;
    let labels = if has_labels(answer.revision, last, found.get(9)?) {
        labels::past(connection, answer.id)?
    } else {
        Vec::new()
    };
    let line = history_line(&answer.body, &HistoryFacts { last, previous, base, note, labels });
    Ok(Representation { body: line.into(), ..answer.clone() })
}

/// The queue, and the pace of the client.
struct Pace {
    outlet: Outlet,
    /// How long the client was waited for, in sum.
    waited: Duration,
}

impl Pace {
    fn send(&mut self, mut answer: Representation, held: &Held) -> Result<(), Ended> {
        let (began, waited_before) = (Instant::now(), self.waited);
        loop {
            let sent = self.outlet.send_within(answer, LOOK_EVERY);
            self.waited = waited_before + began.elapsed();
            held.has_waited(self.waited);
            if held.reason().is_some() {
                return Err(too_slow());
            }
            match sent {
                Ok(()) => return Ok(()),
                Err(Unsent::Left) => return Err(Ended::Left),
                Err(Unsent::NoRoom(_))
                    if began.elapsed() >= CLIENT_WAIT_MAX || self.is_below_least_rate() =>
                {
                    return Err(too_slow());
                }
                Err(Unsent::NoRoom(unsent)) => answer = unsent,
            }
        }
    }

    fn is_below_least_rate(&self) -> bool {
        let beyond = self.waited.saturating_sub(CLIENT_GRACE);
        u128::from(self.outlet.taken()) * 1000 < beyond.as_millis() * u128::from(CLIENT_RATE_MIN)
    }
}

fn too_slow() -> Ended {
    Ended::Failed(Error::Busy { what: "the reader of the export" })
}

fn send_all(
    connection: &Connection,
    request: &ExportRequest,
    client: &mut Pace,
    held: &Held,
) -> Result<(), Ended> {
    let failed = |error| Ended::Failed(from_driver(told(connection, error)));
    // One snapshot for both statements. Row numbers grow in the order in which this file got its
    // personas.
    let snapshot = connection.unchecked_transaction().map_err(failed)?;
    let Query { sql, owners } = Query::of(request);
    let exported = request.exported;
    let mut statement = connection.prepare(&sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(&owners)).map_err(failed)?;
    let mut count = HistoryCount::default();
    while let Some(found) = rows.next().map_err(failed)? {
        let answer =
            row::id(found, 0).and_then(|id| row::representation(found, 1, id)).map_err(failed)?;
        let answer = if exported == Exported::History {
            in_history(connection, found, &answer, &mut count).map_err(failed)?
        } else {
            answer
        };
        client.send(answer, held)?;
    }
    if exported == Exported::History {
        let of_owners =
            if owners.is_empty() { "1" } else { "owner IN (SELECT value FROM json_each(?1))" };
        let of_handle = request.of_handle("handle");
        let counted = format!("SELECT count(*) FROM personas WHERE {of_owners} AND {of_handle}");
        let personas = snapshot
            .query_row(&counted, params_from_iter(&owners), |found| row::number(found, 0))
            .map_err(failed)?;
        count.end(personas).map_err(Ended::Failed)?;
    }
    Ok(())
}
