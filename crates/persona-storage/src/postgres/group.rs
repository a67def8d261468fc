//! Transactions of light writes: writes that wait at the same time share one transaction.
//!
//! A few loops take what waits in the queue. Each reads all personas in one statement, decides, and
//! writes all new revisions in one statement. A write that shares a transaction waits for no row of
//! another transaction. What cannot be done that way goes on alone (`settle.rs`), beside the loop:
//! a persona that changed in between or is held by another transaction, a key that is known, and
//! every write of a statement that failed. Each write has its own identity in the database, so that
//! after a broken connection it finds out by itself whether it was done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persona_model::Timestamp;

use super::connection::Connection;
use super::driver_error::DriverError;
use super::error::Meaning;
use super::load_state::{Base, Seen, look_at_several};
use super::new_row::NewRow;
use super::settle::{Tries, give_back};
use super::write_attempt::Request;
use super::write_queue::Queued;
use super::write_sql::Waits;
use super::write_statement;
use super::writer::{Settled, Shared};
use crate::decide::Decision;
use crate::{Error, GLANCE_BYTES_MAX, Write};

/// Transactions of one process that are shared at a time: while the server works on one of them,
/// the other one is prepared.
pub(super) const GROUPS_AT_ONCE: usize = 2;
/// How long a loop waits for its transaction before it begins another one beside it: a commit that
/// waits for a standby, or a connection that is silent, holds up the writes on it and no others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes waiting writes again and again, until the I/O thread ends.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let first = shared.queue.first().await;
        match shared.connection(first.deadline, first.patience).await {
            Ok(connection) => {
                let taken = shared.queue.take();
                // A task of its own, so that a panic ends it and not the loop.
                let task = tokio::spawn(settle_together(Arc::clone(&shared), taken, connection));
                let _ = tokio::time::timeout(PATIENCE, task).await;
            }
            Err(error) => {
                if let Some(queued) = shared.queue.take_first(&first) {
                    queued.end(&shared, Err(error));
                }
            }
        }
    }
}

/// The result of a write that shared a transaction.
enum Member {
    Settled(Settled),
    Refused(Error),
    /// The write must go on alone.
    Alone,
}

/// Does as many writes as possible together, and lets the others go on alone.
async fn settle_together(shared: Arc<Shared>, taken: Vec<Queued>, connection: Connection) {
    let (mut queued, mut requests) = (Vec::new(), Vec::new());
    for mut one in taken {
        one.waiting = None;
        shared.observer.queued(one.began.elapsed());
        let made = if Instant::now() >= one.write.deadline {
            Err(shared.gave_up("its turn to write"))
        } else {
            Request::new(Arc::clone(&one.write), &shared.common, GLANCE_BYTES_MAX)
        };
        match made {
            Ok(request) => {
                requests.push(request);
                queued.push(one);
            }
            Err(error) => one.end(&shared, Err(error)),
        }
    }
    let (began, unreplicated) = (Instant::now(), shared.pool.unreplicated());
    let done = together(&mut requests, &connection).await;
    let meaning = done.as_ref().err().map(Meaning::of);
    give_back(connection, false, meaning);
    let members = match done {
        Ok(members) => members,
        // The error is that of this write, as if it had been alone.
        Err(error) if requests.len() == 1 => {
            let refused = shared.refuse(&requests[0], error.into(), Tries::default()).await;
            vec![refused.map_or_else(Member::Refused, |()| Member::Alone)]
        }
        Err(_) => requests.iter().map(|_| Member::Alone).collect(),
    };
    let is_unreplicated = shared.pool.unreplicated() != unreplicated;
    let written = members.iter().filter(|member| matches!(member, Member::Settled(_))).count();
    if written > 0 {
        shared.observer.committed(began.elapsed(), written);
    }
    for ((one, request), member) in queued.into_iter().zip(requests).zip(members) {
        match member {
            // The server stopped waiting for a standby meanwhile.
            Member::Settled(Settled::Written(_)) if is_unreplicated => {
                one.end(&shared, Err(Error::OutcomeUnknown));
            }
            Member::Settled(settled) => one.end(&shared, Ok(settled)),
            Member::Refused(error) => one.end(&shared, Err(error)),
            Member::Alone => {
                let (shared, mut tries) = (Arc::clone(&shared), Tries::default());
                tries.note(&request, meaning);
                tokio::spawn(async move {
                    let settled = shared.settle(request, None, tries).await;
                    one.end(&shared, settled);
                });
            }
        }
    }
}

/// One attempt at several writes of different personas. An error is that of the database, and says
/// nothing of a single one of them.
async fn together(
    requests: &mut [Request],
    connection: &Connection,
) -> Result<Vec<Member>, DriverError> {
    let mut members: Vec<Member> = requests.iter().map(|_| Member::Alone).collect();
    let joining: Vec<usize> =
        (0..requests.len()).filter(|index| shares_transactions(&requests[*index].write)).collect();
    let writes: Vec<Arc<Write>> =
        joining.iter().map(|index| Arc::clone(&requests[*index].write)).collect();
    if writes.is_empty() {
        return Ok(members);
    }
    let seen = look_at_several(connection, &writes, GLANCE_BYTES_MAX).await?;
    let (mut rows, mut newest) = (Vec::new(), None);
    for (index, seen) in joining.into_iter().zip(seen) {
        match decided(&requests[index], seen, connection, newest).await? {
            Ok(new) => {
                newest = newest.max(Some(new.persona.updated_at));
                rows.push((index, new));
            }
            Err(member) => members[index] = member,
        }
        // Reads share this thread.
        tokio::task::yield_now().await;
    }
    rows.sort_by_key(|(_, new)| new.id);
    let (indexes, rows): (Vec<usize>, Vec<NewRow>) = rows.into_iter().unzip();
    if rows.is_empty() {
        return Ok(members);
    }
    for (index, new) in indexes.iter().zip(&rows) {
        requests[*index].note_sent(new);
    }
    let positions: Vec<i64> = (1..).take(rows.len()).collect();
    let written = write_statement::apply(connection, &rows, &positions, Waits::ForNoRow).await?;
    for (index, new) in indexes.into_iter().zip(&rows) {
        if written.contains(&new.id) {
            let written = requests[index].written(new);
            members[index] = Member::Settled(Settled::Written(written));
        }
    }
    Ok(members)
}

/// Whether a write may share a transaction. A merge or a revert needs the document of another
/// revision, and a squash what was before the one that it replaces.
fn shares_transactions(write: &Write) -> bool {
    write.operation.looks_back_to().is_none() && write.squash.is_none()
}

/// The new row of a write, or the result of a write that makes no row.
async fn decided(
    request: &Request,
    seen: Seen,
    connection: &Connection,
    newest: Option<Timestamp>,
) -> Result<Result<NewRow, Member>, DriverError> {
    let persona = match seen {
        Seen::Persona(persona) => persona,
        Seen::Large(bytes) => return Ok(Err(Member::Settled(Settled::Large(bytes)))),
        Seen::Special => return Ok(Err(Member::Alone)),
    };
    if !request.has_room_for_key(connection).await? {
        return Ok(Err(Member::Refused(request.no_room_for_key())));
    }
    let now = request.now(persona.as_ref(), newest);
    Ok(match request.decide(persona.as_ref(), now, Base::default()) {
        Ok(Decision::Change(revised)) => {
            let new = request.row(*revised, None);
            // Such a write has two lines in the feed, and the places of a transaction are shared.
            if new.is_behind_dropped() { Err(Member::Alone) } else { Ok(new) }
        }
        // The write goes on alone, because its answer must be stored or must wait for standbys.
        Ok(Decision::Unchanged) => Err(Member::Alone),
        Err(error) => Err(Member::Refused(error)),
    })
}
