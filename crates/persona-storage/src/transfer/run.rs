//! The order of a transfer: copy, compare, and only then let the target be used.
//!
//! Without `live` the source is fenced from the beginning to the end. With it, writers go on while
//! nearly everything is copied and compared, and `live.rs` ends the transfer.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use persona_model::PersonaId;

use super::TransferError;
use super::chase::Chase;
use super::copied_keys::CopiedKeys;
use super::endpoint::Endpoint;
use super::side::{Counts, Source, Start, Target};
use super::verify;
use crate::progress::{Progress, Step, Watcher};
use crate::{postgres, sqlite};

/// A live transfer has caught up when no more lines than this are left: they take a few
/// milliseconds.
const CAUGHT_UP: usize = 100;
/// The plan of a transfer.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command, and they are independent of each other"
)]
pub struct Plan {
    /// The source.
    pub from: Endpoint,
    /// The target.
    pub to: Endpoint,
    /// Whether to read everything and check the target without changing anything.
    pub dry_run: bool,
    /// Whether the source is being written to meanwhile.
    pub live: bool,
    /// Whether the target may have personas already.
    pub into_existing: bool,
    /// Whether to remove what an earlier attempt left in the target.
    pub start_over: bool,
}

/// A finished transfer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TransferReport {
    /// What was transferred, by all attempts together.
    pub transferred: Counts,
    /// Records of repeated requests.
    pub keys: u64,
    /// Lines that were transferred before this attempt.
    pub resumed_at: u64,
    /// How long it took.
    pub took: Duration,
    /// How long copying took.
    pub copying: Duration,
    /// How long writers were held up by a live transfer.
    pub fence: Option<Duration>,
}

/// Transfers everything, and compares it on both sides.
///
/// A transfer that ends early, however it ends, is continued by the next one from the same source.
/// Until everything was compared, no server and no command uses the target. Must be called before
/// anything else in this process opens the file, and not from within an asynchronous task.
///
/// # Errors
///
/// [`TransferError`] says which side cannot be used, or what differs. The source is as it was.
pub fn transfer(plan: &Plan, watcher: &mut Watcher<'_>) -> Result<TransferReport, TransferError> {
    let began = Instant::now();
    let (source, target) = open(plan)?;
    let mut work = Work {
        plan,
        source,
        target,
        watcher,
        start: Start::default(),
        position: 0,
        total: 0,
        touched: BTreeSet::new(),
    };
    let mut report = if plan.dry_run { work.rehearse()? } else { work.run()? };
    report.took = began.elapsed();
    Ok(report)
}

fn open(plan: &Plan) -> Result<Sides, TransferError> {
    if plan.from.is(&plan.to) {
        return Err(TransferError::SamePlace { place: plan.from.to_string() });
    }
    match (&plan.from, &plan.to) {
        (Endpoint::File(from), Endpoint::Server(to)) => {
            let source = sqlite::transfer::FileSource::open(from, plan.live)?;
            Ok((
                Box::new(source),
                Box::new(postgres::transfer::ServerTarget::open(
                    to,
                    plan.into_existing,
                    plan.start_over,
                )?),
            ))
        }
        (Endpoint::Server(from), Endpoint::File(to)) => {
            let target = sqlite::transfer::FileTarget::new(to, plan.start_over)?;
            Ok((
                Box::new(postgres::transfer::ServerSource::open(from, plan.live)?),
                Box::new(target),
            ))
        }
        (Endpoint::File(_), Endpoint::File(_)) => {
            Err(TransferError::SameKind { kind: "SQLite file" })
        }
        (Endpoint::Server(_), Endpoint::Server(_)) => {
            Err(TransferError::SameKind { kind: "PostgreSQL database" })
        }
    }
}

/// Both sides, opened.
type Sides = (Box<dyn Source>, Box<dyn Target>);

pub(super) struct Work<'a, 'w> {
    pub(super) plan: &'a Plan,
    pub(super) source: Box<dyn Source>,
    pub(super) target: Box<dyn Target>,
    watcher: &'a mut Watcher<'w>,
    pub(super) start: Start,
    /// The last line that is in the target, as the source numbers it.
    pub(super) position: i64,
    /// Lines of the source, as far as is known.
    total: u64,
    /// Personas that were written since they were compared.
    pub(super) touched: BTreeSet<PersonaId>,
}

impl Work<'_, '_> {
    /// Reads everything and changes nothing.
    fn rehearse(&mut self) -> Result<TransferReport, TransferError> {
        let origin = self.source.origin()?;
        self.start = self.target.look(&origin)?;
        self.look_for_clashes()?;
        let counts = self.source.side().counts()?;
        self.total = counts.changes;
        let (mut done, mut position) = (0, 0);
        loop {
            let batch = self.source.batch(position)?;
            for entry in &batch.entries {
                entry.persona_row().map_err(|what| TransferError::DamagedSource {
                    place: self.source.side().place(),
                    what,
                })?;
                position = entry.sequence;
            }
            done += batch.entries.len() as u64;
            self.tell(Step::Changes, done)?;
            if batch.is_last {
                break;
            }
        }
        Ok(TransferReport {
            transferred: counts,
            resumed_at: self.start.position.unsigned_abs(),
            ..TransferReport::default()
        })
    }

    fn run(mut self) -> Result<TransferReport, TransferError> {
        let origin = self.source.origin()?;
        if !self.plan.live {
            self.source.fence()?;
        }
        if self.plan.start_over {
            self.target.clear()?;
        }
        self.start = self.target.look(&origin)?;
        self.look_for_clashes()?;
        self.start = self.target.begin(&origin, &mut *self.source)?;
        self.refuse_other_tokens()?;
        self.position = self.start.position;
        self.total = self.source.side().counts()?.changes;
        let began = Instant::now();
        self.copy(None)?;
        let copying = began.elapsed();
        self.target.tidy()?;
        if !self.plan.live {
            self.target.complete()?;
        }
        let mut keys = CopiedKeys::default();
        self.copy_keys(&mut keys, None)?;
        self.touched.clear();
        let compared_to = self.compare_lines(0)?;
        self.compare_personas()?;
        let mut fence = None;
        if self.plan.live {
            fence = Some(self.catch_up(compared_to, &mut keys)?);
        } else {
            self.move_tokens()?;
            self.move_former_handles()?;
            verify::counts(self.source.side(), self.target.side(), self.start.before)?;
            self.compare_labels()?;
        }
        let transferred = self.target.side().counts()?.since(self.start.before);
        let Self { mut source, target, start, .. } = self;
        target.finish()?;
        source.unfence()?;
        Ok(TransferReport {
            transferred,
            keys: keys.count,
            resumed_at: start.position.unsigned_abs(),
            copying,
            fence,
            took: Duration::ZERO,
        })
    }

    fn tell(&mut self, step: Step, done: u64) -> Result<(), TransferError> {
        match (self.watcher)(Progress { step, done, total: self.total.max(done) }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                Err(TransferError::Interrupted { place: self.plan.to.to_string() })
            }
        }
    }

    /// Refuses to add personas to others where both sides have a persona, a handle or a key of a
    /// request.
    fn look_for_clashes(&mut self) -> Result<(), TransferError> {
        if self.start.before == Counts::default() || self.start.resumed {
            return Ok(());
        }
        let (mut persona, mut key) = (None, (i64::MIN, String::new()));
        let what = loop {
            let sent = self.source.side().personas_after(
                persona,
                i64::try_from(verify::PERSONAS_AT_ONCE).unwrap_or(i64::MAX),
            )?;
            let Some(last) = sent.last() else { break None };
            persona = Some(last.id);
            if let Some(what) = verify::clash(&mut *self.target, &sent)? {
                break Some(what);
            }
            let ids: Vec<_> = sent.iter().map(|persona| persona.id).collect();
            if let Some(what) = verify::purge_clash(&mut *self.target, &ids, false)? {
                break Some(what);
            }
            self.tell(Step::Comparing, 0)?;
        };
        let what = if what.is_some() { what } else { self.clash_of_purged()? };
        let what = loop {
            let records = self.source.keys(&key)?;
            let Some(last) = records.last().filter(|_| what.is_none()) else { break what };
            key = (last.at, last.key.clone());
            if let Some(what) = verify::key_clash(&mut *self.target, &records)? {
                break Some(what);
            }
        };
        let (place, source_place) = (self.plan.to.to_string(), self.plan.from.to_string());
        what.map_or(Ok(()), |what| Err(TransferError::Clash { place, source_place, what }))
    }

    /// The first persona that was purged in the source and is in the target.
    fn clash_of_purged(&mut self) -> Result<Option<String>, TransferError> {
        let mut after = None;
        loop {
            let ids = self.source.side().purged_after(after, verify::PURGED_AT_ONCE)?;
            let Some(last) = ids.last() else { return Ok(None) };
            after = Some(*last);
            if let Some(what) = verify::purge_clash(&mut *self.target, &ids, true)? {
                return Ok(Some(what));
            }
        }
    }

    /// Copies up to the end of the feed, or until the copy has caught up with the writers. Without
    /// a limit it goes on as long as it makes progress.
    pub(super) fn copy(&mut self, limit: Option<Instant>) -> Result<bool, TransferError> {
        let mut done = self.target.side().counts()?.since(self.start.before).changes;
        let mut chase = Chase::begin(Instant::now());
        loop {
            self.tell(Step::Transferring, done)?;
            let batch = self.source.batch(self.position)?;
            if let Some(last) = batch.entries.last() {
                self.target.put(self.position, &batch.entries)?;
                self.position = last.sequence;
                self.touched.extend(batch.entries.iter().map(|entry| entry.persona));
            }
            done += batch.entries.len() as u64;
            if batch.is_last
                && (limit.is_some() || !self.plan.live || batch.entries.len() <= CAUGHT_UP)
            {
                return Ok(true);
            }
            let now = Instant::now();
            if limit.is_some_and(|limit| now >= limit) {
                return Ok(false);
            }
            if self.plan.live && limit.is_none() && chase.is_due(now) {
                self.total = self.source.side().counts()?.changes;
                let left = self.total.saturating_sub(done);
                if chase.is_in_vain(now, left) {
                    return Err(TransferError::Outrun { place: self.plan.from.to_string(), left });
                }
            }
        }
    }

    /// Copies the records of keys that came since, and compares them. Tells whether it was in time.
    pub(super) fn copy_keys(
        &mut self,
        keys: &mut CopiedKeys,
        limit: Option<Instant>,
    ) -> Result<bool, TransferError> {
        let mut after = keys.begin();
        loop {
            if limit.is_some_and(|limit| Instant::now() >= limit) {
                return Ok(false);
            }
            let mut records = self.source.keys(&after)?;
            let Some(last) = records.last() else { return Ok(true) };
            after = (last.at, last.key.clone());
            // Reading again what is there already costs little, and writing it again would cost
            // much.
            records.retain(|record| !keys.recent.contains(&(record.at, record.key.clone())));
            self.tell(Step::Transferring, self.total)?;
            if records.is_empty() {
                continue;
            }
            if self.start.before != Counts::default() {
                // A request that came since the transfer began.
                let clash = verify::key_clash(&mut *self.target, &records)?;
                clash.map_or(Ok(()), |reason| {
                    Err(TransferError::Taken { place: self.plan.to.to_string(), reason })
                })?;
            }
            self.target.put_keys(&records)?;
            verify::keys(self.target.side(), &records)?;
            keys.add(&records);
        }
    }

    /// Compares the lines after one, up to the last that was transferred, and tells which that is.
    pub(super) fn compare_lines(&mut self, after: i64) -> Result<i64, TransferError> {
        let until = self.position;
        let (mut after, mut done) = (after, 0);
        while after < until {
            self.tell(Step::Comparing, done)?;
            let (last, count) = verify::lines(
                self.source.side(),
                self.target.side(),
                self.start.base,
                (after, until),
                self.plan.live,
                self.start.resumed,
            )?;
            after = last;
            done += count;
        }
        Ok(until)
    }

    /// Compares every persona; those that writers have changed since are left for later.
    fn compare_personas(&mut self) -> Result<(), TransferError> {
        let mut after = None;
        while let Some((last, later)) =
            verify::personas(self.source.side(), self.target.side(), after, self.plan.live)?
        {
            after = Some(last);
            self.touched.extend(later);
            self.tell(Step::Comparing, self.total)?;
        }
        Ok(())
    }
}
