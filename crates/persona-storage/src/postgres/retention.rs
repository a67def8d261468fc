//! Old revisions go, where a setting says that not all are kept (`retention.rs` of the crate):
//! found by the feed, from a place up to which it was looked through.
//!
//! Each persona has a transaction of its own, which locks its row first: what is then read stays
//! true until it ends, so no label is moved to a revision that goes.

use std::collections::{BTreeMap, BTreeSet};

use persona_model::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, Statement};
use super::dropped::changed;
use super::error::{from_driver, from_pool};
use super::pool::{Pool, READ_WAIT_MAX};
use super::{migrate, row, write_statement};
use crate::retention::{LetGo, LookScope, Old};
use crate::time::newest_of;
use crate::{Error, HistoryLimits, HistoryPruned};

/// Lines of the feed that are looked at in one step.
const LINES_AT_ONCE: usize = 500;

const PLACE: &str = "SELECT value FROM persona_store.meta WHERE key = 'history_pruned'";
const KEEP_PLACE: &str = "
    INSERT INTO persona_store.meta (key, value) VALUES ('history_pruned', $1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
/// Some lines of the feed, each with the revisions that it is about.
const LINES: &str = "
    SELECT c.sequence, c.persona, c.revision, c.at, c.label IS NULL,
           coalesce(CASE WHEN r.head = '' THEN r.base END, c.revision)
    FROM (
        SELECT * FROM persona_store.changes
        WHERE sequence > $1
        ORDER BY sequence
        LIMIT $2
    ) AS c
    LEFT JOIN persona_store.revisions AS r
        ON c.label IS NULL AND r.persona = c.persona AND r.revision = c.revision
    ORDER BY c.sequence";

/// The revisions of some ranges, as far as they are there.
const BETWEEN: &str = "
    SELECT r.persona, r.revision
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS wanted (persona, first, last)
    JOIN persona_store.revisions AS r
        ON r.persona = wanted.persona AND r.revision BETWEEN wanted.first AND wanted.last
    WHERE r.head <> ''";

/// What the rules need of some revisions, as far as they are there.
const FACTS: &str = "
    SELECT old.persona, old.revision, p.revision, after.at, n.deleted OR before.deleted, n.changed,
           EXISTS (SELECT 1 FROM persona_store.label_moves WHERE persona = old.persona AND revision = old.revision),
           (octet_length(n.head) + octet_length(n.document))::bigint
    FROM unnest($1::uuid[], $2::bigint[]) AS old (persona, revision)
    JOIN persona_store.personas AS p ON p.id = old.persona
    JOIN persona_store.revisions AS n ON n.persona = old.persona AND n.revision = old.revision AND n.head <> ''
    CROSS JOIN LATERAL (
        SELECT deleted FROM persona_store.revisions
        WHERE persona = old.persona AND revision < old.revision
        ORDER BY revision DESC
        LIMIT 1
    ) AS before
    CROSS JOIN LATERAL (
        SELECT at FROM persona_store.revisions
        WHERE persona = old.persona AND revision > old.revision
        ORDER BY revision
        LIMIT 1
    ) AS after
    CROSS JOIN (SELECT * FROM persona_store.about LIMIT 1) AS about
    WHERE about.schema_version = $3";

/// Drops a revision, and has the next one that is kept name the one before it.
const DROP: &str = "
    WITH gone AS (
        UPDATE persona_store.revisions
        SET base = NULL, note = NULL, changed = '[]', head = '', document = ''
        WHERE persona = $1 AND revision = $2 AND head <> ''
        RETURNING parent
    )
    UPDATE persona_store.revisions AS kept
    SET parent = gone.parent
    FROM gone
    WHERE kept.persona = $1
          AND kept.revision = (
              SELECT revision FROM persona_store.revisions
              WHERE persona = $1 AND revision > $2 AND head <> ''
              ORDER BY revision
              LIMIT 1
          )";

/// Where the feed was looked through up to, with these limits; 0 with others.
pub(super) async fn place(pool: &Pool, limits: &HistoryLimits) -> Result<i64, Error> {
    let rows = pool.read(Statement::Once(PLACE), &[]).await?;
    let text = rows.first().map(|found| row::value::<&str>(found, 0)).transpose()?;
    let place = text.and_then(|text| {
        let (known, place) = text.rsplit_once(' ')?;
        (known == limits.text()).then(|| place.parse().ok())?
    });
    Ok(place.unwrap_or_default())
}

async fn keep_place(pool: &Pool, limits: &HistoryLimits, place: i64) -> Result<(), Error> {
    let text = format!("{} {place}", limits.text());
    // Repeating it does no harm, so it may be done like a read.
    pool.read(Statement::Once(KEEP_PLACE), &[(&text, Type::TEXT)]).await.map(drop)
}

/// A revision that goes, and the bytes of its texts.
type Found = (i64, u64);

/// What a step is a part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Maintenance, which goes on where it was.
    Due,
    /// A command, which looks through the whole feed.
    Now,
    /// The same, and nothing is dropped.
    Dry,
}

/// What a step came to.
pub(super) struct Step {
    pub pruned: HistoryPruned,
    /// The last line that was looked at.
    pub place: i64,
    /// Whether the lines behind it are too new, or there are none.
    pub is_end: bool,
}

/// Looks at some lines behind a place, and drops what they let go. Without the whole feed the first
/// line that is too new is the end.
pub(super) async fn step(
    pool: &Pool,
    limits: &HistoryLimits,
    now: Timestamp,
    place: i64,
    mode: Mode,
) -> Result<Step, Error> {
    let count = row::stored(LINES_AT_ONCE as u64);
    let parameters: [Parameter<'_>; 2] = [(&place, Type::INT8), (&count, Type::INT8)];
    let lines = pool.read(Statement::Once(LINES), &parameters).await?;
    let (until, newest) = (limits.replaced_until(now), newest_of(now));
    let scope = if mode == Mode::Due { LookScope::Due } else { LookScope::Whole };
    let mut step =
        Step { pruned: HistoryPruned::default(), place, is_end: lines.len() < LINES_AT_ONCE };
    // Two lines can let go the same one.
    let (mut wanted, mut ranges) = (BTreeSet::new(), Vec::new());
    for line in &lines {
        let at = row::time(line, 3)?;
        // One that a wrong clock made holds up no others.
        if scope == LookScope::Due && at > until && at <= newest {
            step.is_end = true;
            break;
        }
        step.place = row::value(line, 0)?;
        if row::value(line, 4)? {
            let (persona, span) =
                (row::value::<Uuid>(line, 1)?, (row::number(line, 5)?, row::number(line, 2)?));
            let LetGo { replaced, pushed_out } = limits.let_go_by(span, scope);
            wanted.extend(replaced.map(|revision| (persona, row::stored(revision))));
            match (row::stored(*pushed_out.start()), row::stored(*pushed_out.end())) {
                (first, last) if first == last => drop(wanted.insert((persona, first))),
                (first, last) if first < last => ranges.push((persona, first, last)),
                _ => {}
            }
        }
    }
    add_between(pool, &ranges, &mut wanted).await?;
    let (by_persona, damaged) = going(pool, limits, now, wanted).await?;
    step.pruned.damaged = damaged;
    for (persona, found) in by_persona {
        let dropped = if mode == Mode::Dry {
            sum(&found)
        } else {
            drop_of(pool, limits, now, persona, &found).await?
        };
        step.pruned.add(dropped);
    }
    if mode == Mode::Due && step.place > place {
        keep_place(pool, limits, step.place).await?;
    }
    Ok(step)
}

/// Those of some revisions that go, by persona, and how many personas have damaged histories.
async fn going(
    pool: &Pool,
    limits: &HistoryLimits,
    now: Timestamp,
    wanted: BTreeSet<(Uuid, i64)>,
) -> Result<(BTreeMap<Uuid, Vec<Found>>, u64), Error> {
    let (personas, revisions): (Vec<Uuid>, Vec<i64>) = wanted.into_iter().unzip();
    let version = version();
    let facts = facts_of(&personas, &revisions, &version);
    let found = pool.read(Statement::Once(FACTS), &facts);
    let mut by_persona: BTreeMap<Uuid, Vec<Found>> = BTreeMap::new();
    let mut damaged = BTreeSet::new();
    for found in &found.await? {
        let persona: Uuid = row::value(found, 0)?;
        match let_go(found, limits, now) {
            Ok(one) => by_persona.entry(persona).or_default().extend(one),
            // The damage of one history keeps no other one from being looked at.
            Err(Error::Damaged(what)) => {
                if damaged.insert(persona) {
                    tracing::error!(%persona, what, "the history of a persona is damaged, and its old revisions cannot be dropped");
                }
            }
            Err(error) => return Err(error),
        }
    }
    by_persona.retain(|_, found| !found.is_empty());
    Ok((by_persona, damaged.len() as u64))
}

/// Adds the revisions of some ranges.
async fn add_between(
    pool: &Pool,
    ranges: &[(Uuid, i64, i64)],
    wanted: &mut BTreeSet<(Uuid, i64)>,
) -> Result<(), Error> {
    if ranges.is_empty() {
        return Ok(());
    }
    let personas: Vec<Uuid> = ranges.iter().map(|(persona, ..)| *persona).collect();
    let (first, last): (Vec<i64>, Vec<i64>) =
        ranges.iter().map(|(_, first, last)| (*first, *last)).unzip();
    let parameters: [Parameter<'_>; 3] =
        [(&personas, Type::UUID_ARRAY), (&first, Type::INT8_ARRAY), (&last, Type::INT8_ARRAY)];
    for found in &pool.read(Statement::Once(BETWEEN), &parameters).await? {
        wanted.insert((row::value(found, 0)?, row::value(found, 1)?));
    }
    Ok(())
}

fn sum(found: &[Found]) -> HistoryPruned {
    let bytes = found.iter().map(|(_, bytes)| bytes).sum();
    HistoryPruned { revisions: found.len() as u64, bytes, damaged: 0 }
}

fn version() -> i32 {
    migrate::stored_version()
}

fn facts_of<'a>(
    personas: &'a Vec<Uuid>,
    revisions: &'a Vec<i64>,
    version: &'a i32,
) -> [Parameter<'a>; 3] {
    [(personas, Type::UUID_ARRAY), (revisions, Type::INT8_ARRAY), (version, Type::INT4)]
}

/// The revision of a row of [`FACTS`], where it goes.
fn let_go(
    found: &tokio_postgres::Row,
    limits: &HistoryLimits,
    now: Timestamp,
) -> Result<Option<Found>, Error> {
    let changed = changed(found, 5)?;
    let old = Old {
        revision: row::number(found, 1)?,
        current: row::number(found, 2)?,
        replaced_at: row::time(found, 3)?,
        is_deletion: row::value(found, 4)?,
        changed: &changed,
        was_labelled: row::value(found, 6)?,
    };
    let bytes = row::number(found, 7)?;
    Ok(limits.lets_go(&old, now).then(|| (row::stored(old.revision), bytes)))
}

/// Drops those of some revisions of a persona that still go.
async fn drop_of(
    pool: &Pool,
    limits: &HistoryLimits,
    now: Timestamp,
    persona: Uuid,
    found: &[Found],
) -> Result<HistoryPruned, Error> {
    let connection =
        pool.connection_within(READ_WAIT_MAX, READ_WAIT_MAX).await.map_err(from_pool)?;
    let dropped = within_transaction(&connection, limits, now, persona, found).await;
    if dropped.is_err() {
        // It is in the middle of a transaction, or broken.
        connection.discard();
    }
    dropped
}

async fn within_transaction(
    connection: &Connection,
    limits: &HistoryLimits,
    now: Timestamp,
    persona: Uuid,
    found: &[Found],
) -> Result<HistoryPruned, Error> {
    connection.execute("BEGIN").await.map_err(from_driver)?;
    write_statement::lock(connection, &[persona]).await.map_err(from_driver)?;
    let personas = vec![persona; found.len()];
    let revisions: Vec<i64> = found.iter().map(|(revision, _)| *revision).collect();
    let version = version();
    let facts = facts_of(&personas, &revisions, &version);
    let rows = connection.rows(Statement::Kept(FACTS), &facts).await.map_err(from_driver)?;
    let mut gone = Vec::new();
    for row in &rows {
        let one = match let_go(row, limits, now) {
            // It was told of when it was looked at.
            Err(Error::Damaged(_)) => None,
            one => one?,
        };
        if let Some(one) = one {
            let parameters: [Parameter<'_>; 2] = [(&persona, Type::UUID), (&one.0, Type::INT8)];
            connection.rows(Statement::Kept(DROP), &parameters).await.map_err(from_driver)?;
            gone.push(one);
        }
    }
    connection.execute("COMMIT").await.map_err(from_driver)?;
    Ok(sum(&gone))
}
