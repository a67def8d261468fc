//! The report of a run: figures and verdict, for people and as JSON.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::chaos::Kills;
use super::checks::{Check, Findings};
use super::history::{Knowledge, Record, RequestKind};
use super::plan::Plan;

/// Times of one kind of request, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Times {
    p50: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

impl Times {
    fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |thousandth: usize| {
            micros
                .get(micros.len().saturating_sub(1) * thousandth / 1000)
                .copied()
                .unwrap_or_default()
        };
        Self { p50: at(500), p99: at(990), p999: at(999), max: at(1000) }
    }

    fn json(self) -> Value {
        json!({ "p50": self.p50, "p99": self.p99, "p999": self.p999, "max": self.max })
    }

    fn text(self) -> String {
        let Self { p50, p99, p999, max } = self;
        format!(
            "p50 {}, p99 {}, p99.9 {}, longest {}",
            millis(p50),
            millis(p99),
            millis(p999),
            millis(max)
        )
    }
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Report {
    findings: Findings,
    kills: Kills,
    server: String,
    workers: Vec<(u8, u64)>,
    clients: u32,
    seed: u64,
    lasted: Duration,
    counts: [[u64; 3]; RequestKind::ALL.len()],
    writes: Times,
    reads: Times,
    kept: Option<PathBuf>,
    /// Whether the database was restored for check T; if not, the reason, if it must be reported.
    restored: Result<(), Option<String>>,
}

impl Report {
    /// Computes the figures.
    pub(super) fn new(
        plan: &Plan,
        workers: &[u8],
        records: &[Record],
        findings: Findings,
        kills: Kills,
        lasted: Duration,
        kept: Option<PathBuf>,
    ) -> Self {
        let done = |record: &&Record| {
            record.outcome == Knowledge::Done && record.operation != RequestKind::Export
        };
        let micros = |write: bool| {
            let wanted =
                records.iter().filter(done).filter(|record| record.operation.is_write() == write);
            Times::of(
                wanted.map(|record| (record.returned_at - record.invoked_at) / 1000).collect(),
            )
        };
        let writes_of = |worker: u8| {
            let acknowledged = records.iter().filter(|record| {
                record.operation.is_write() && record.outcome == Knowledge::Done && !record.replayed
            });
            acknowledged.filter(|record| record.worker == worker).count() as u64
        };
        let mut counts = [[0; 3]; RequestKind::ALL.len()];
        for record in records {
            let outcome = match record.outcome {
                Knowledge::Done => 0,
                Knowledge::Refused | Knowledge::Deleted => 1,
                Knowledge::Unknown => 2,
            };
            counts[record.operation as usize][outcome] += 1;
        }
        let server = plan.server.to_string();
        let workers = workers.iter().map(|worker| (*worker, writes_of(*worker))).collect();
        let (clients, seed, writes, reads) = (plan.clients, plan.seed, micros(true), micros(false));
        Self {
            findings,
            kills,
            server,
            workers,
            clients,
            seed,
            lasted,
            counts,
            writes,
            reads,
            kept,
            restored: Err(None),
        }
    }

    /// Adds the result of the restore.
    pub(super) fn after_restore(self, restored: Result<(), Option<String>>) -> Self {
        Self { restored, ..self }
    }

    /// Whether every promise was kept.
    pub fn is_good(&self) -> bool {
        self.findings.total() == 0
    }

    /// How often a promise was broken.
    pub fn violations(&self, check: Check) -> u64 {
        self.findings.count(check)
    }

    /// Jain's index of the workers' acknowledged writes: 1 when all are equal, 1/n when one does
    /// everything.
    fn fairness(&self) -> f64 {
        let shares: Vec<f64> = self.workers.iter().map(|(_, writes)| float(*writes)).collect();
        let (sum, squares) =
            (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
        if squares > 0.0 { sum * sum / (float(shares.len() as u64) * squares) } else { 1.0 }
    }

    fn requests(&self) -> u64 {
        let asked = RequestKind::ALL.iter().filter(|operation| **operation != RequestKind::Export);
        asked.flat_map(|operation| self.counts[*operation as usize]).sum()
    }

    fn lost_answers(&self) -> u64 {
        self.counts.iter().map(|[_, _, unknown]| unknown).sum()
    }

    /// The report as one JSON object.
    pub fn json(&self) -> Value {
        let checks = Check::ALL.iter().map(|check| {
            (
                check.letter().to_string(),
                json!({ "promise": check.promise(), "violations": self.findings.count(*check) }),
            )
        });
        let operations = RequestKind::ALL.iter().map(|operation| {
            let [done, refused, unknown] = self.counts[*operation as usize];
            (
                operation.as_str().to_string(),
                json!({ "done": done, "refused": refused, "unknown": unknown }),
            )
        });
        let workers = self
            .workers
            .iter()
            .map(|(worker, writes)| json!({ "worker": worker, "writes": writes }))
            .collect::<Vec<_>>();
        json!({
            "verdict": if self.is_good() { "ok" } else { "violated" },
            "server": self.server,
            "seconds": self.lasted.as_secs_f64(),
            "clients": self.clients,
            "seed": self.seed,
            "requests": self.requests(),
            "operations": operations.collect::<Map<_, _>>(),
            "checks": checks.collect::<Map<_, _>>(),
            "violations": self.findings.examples.iter().map(|example| format!("{}: {}", example.check.letter(), example.what)).collect::<Vec<_>>(),
            "staleness_max_micros": self.findings.staleness_max.div_ceil(1000),
            "visits": self.findings.visits,
            "write_micros": self.writes.json(),
            "read_micros": self.reads.json(),
            "workers": workers,
            "workers_named": self.names_workers(),
            "fairness": self.fairness(),
            "kills": { "workers": self.kills.workers, "maintenance": self.kills.maintenance, "supervisors": self.kills.supervisors },
            "refused_before_a_kill": self.kills.refusals,
            "purged": self.findings.purged,
            "dropped_by_autosaves": self.findings.squashed,
            "restored": self.restored.is_ok(),
            "not_restored_because": self.restored.as_ref().err().cloned().flatten(),
            "writes_without_answer": {
                "happened": self.findings.unknown_applied,
                "not_found": self.findings.unknown_missing,
                "revisions_not_attributed": self.findings.unattributed,
            },
            "kept": self.kept,
        })
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = self.head();
        for check in Check::ALL {
            let found = match self.findings.count(check) {
                0 if check == Check::Visible && !self.names_workers() => "not looked at".to_owned(),
                0 if check == Check::Restored && self.restored.is_err() => {
                    let why = self.restored.as_ref().err().and_then(Option::as_ref);
                    why.map_or_else(
                        || "not looked at".to_owned(),
                        |why| format!("not looked at: {why}"),
                    )
                }
                0 => "yes".to_owned(),
                count => format!("NO, broken {} times", grouped(count)),
            };
            line(&mut text, &format!("{}  {:<38}{found}", check.letter(), check.promise()));
        }
        text.push('\n');
        for (name, value) in self.facts() {
            line(&mut text, &format!("{name:<14}{value}"));
        }
        if !self.findings.examples.is_empty() {
            text.push('\n');
            line(&mut text, "The first violations:");
            for example in &self.findings.examples {
                line(&mut text, &format!("{}  {}", example.check.letter(), example.what));
            }
        }
        text.push('\n');
        text.push_str(&self.verdict());
        text
    }

    /// Whether the server named the worker of each answer; otherwise visibility between workers
    /// cannot be checked.
    fn names_workers(&self) -> bool {
        self.workers.iter().all(|(worker, _)| *worker != 0)
    }

    fn head(&self) -> String {
        let Self { server, clients, .. } = self;
        let workers = self.workers.len();
        let workers = if self.names_workers() {
            format!("{workers} workers")
        } else {
            "workers that are not named".to_owned()
        };
        format!(
            "{clients} clients through {workers} for {:.1} s on {server}, seed {}\n\n",
            self.lasted.as_secs_f64(),
            self.seed
        )
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let rate = float(self.requests()) / self.lasted.as_secs_f64().max(0.001);
        let by_operation = RequestKind::ALL
            .iter()
            .filter(|operation| **operation != RequestKind::Export)
            .map(|operation| {
                let [done, refused, _] = self.counts[*operation as usize];
                let refused = if refused > 0 {
                    format!(" (+{} refused)", grouped(refused))
                } else {
                    String::new()
                };
                format!("{} {}{refused}", operation.as_str(), grouped(done))
            });
        let shares =
            self.workers.iter().map(|(_, writes)| grouped(*writes)).collect::<Vec<_>>().join(", ");
        let Findings {
            visits, staleness_max, unknown_applied, unknown_missing, unattributed, ..
        } = &self.findings;
        let mut facts = vec![
            ("Requests", format!("{}, {rate:.0} a second", grouped(self.requests()))),
            ("", by_operation.collect::<Vec<_>>().join(", ")),
            ("Writes took", self.writes.text()),
            ("Reads took", self.reads.text()),
        ];
        if self.names_workers() {
            let worst = staleness_max.div_ceil(1000);
            facts.push((
                "Staleness",
                format!(
                    "worst {worst} us, over {} reads on other workers right after a write",
                    grouped(*visits)
                ),
            ));
            facts.push((
                "Fairness",
                format!("{:.3} (writes of each worker: {shares})", self.fairness()),
            ));
        } else {
            facts.push(("Workers", "not named by the server, so V and fairness were not looked at: start it with --expose-worker".into()));
        }
        facts.push(("Lost answers", grouped(self.lost_answers())));
        if unknown_applied + unknown_missing + unattributed > 0 {
            let told = format!(
                "of their writes {unknown_applied} were found and {unknown_missing} were not"
            );
            facts.push((
                "",
                format!("{told}; {unattributed} revisions could be one's or another's"),
            ));
        }
        facts.push(("Purged", self.gone()));
        let Kills { workers, maintenance, supervisors, refusals } = self.kills;
        if workers + maintenance + supervisors > 0 {
            facts.push((
                "Killed",
                format!(
                    "{workers} workers, {maintenance} maintenance processes, {supervisors} \
                     supervisors"
                ),
            ));
        }
        if refusals > 0 {
            facts.push((
                "Refused",
                format!("{refusals} writes with the sudden end of everything behind them"),
            ));
        }
        facts
    }

    /// What was purged and dropped, and looked for.
    fn gone(&self) -> String {
        let Findings { purged, squashed, .. } = &self.findings;
        let (purged, squashed) = (grouped(*purged), grouped(*squashed));
        format!("{purged} personas, and {squashed} revisions by autosaves")
    }

    fn verdict(&self) -> String {
        match &self.kept {
            _ if self.is_good() && !self.names_workers() => {
                "Nothing lost and nothing locked, as far as it was looked at.".into()
            }
            _ if self.is_good() => "Nothing lost, nothing stale, nothing locked.".into(),
            Some(folder) => format!(
                "The promise was broken. The database and the log are kept in {}",
                folder.display()
            ),
            None => "The promise was broken.".into(),
        }
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "  {}", content.trim_end()).expect("a string takes everything");
}

/// A number with separated thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|part| std::str::from_utf8(part).unwrap_or_default())
        .collect();
    parts.join(",")
}

fn millis(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people; counts stay far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}
