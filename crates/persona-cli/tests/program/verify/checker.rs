//! The checker: it passes the histories of a correct store, and catches every single lie.

use std::time::{Duration, Instant};

use persona_cli::verify::checks::{Check, check};
use persona_cli::verify::history::{Knowledge, RECORDS_MAX, Record, RequestKind};
use persona_cli::verify::{Random, effect_of};

use crate::verify::histories::World;

/// How many histories of each kind are checked; each has other coincidences.
const SEEDS: u64 = 200;
const PERSONAS: u32 = 4;
const REQUESTS: usize = 400;

#[test]
fn as_many_records_as_are_kept_fit_into_four_gibibytes_also_while_the_list_grows() {
    assert_eq!(size_of::<Record>(), 56);
    // A list that grows has its old and its new memory for a moment: at most three times its
    // length.
    const { assert!(3 * RECORDS_MAX * size_of::<Record>() < 4 << 30) };
}

#[test]
fn whatever_a_correct_store_does_passes() {
    let (mut found, mut missing) = (0, 0);
    for seed in 0..SEEDS {
        let findings = check(&mut World::history(seed, PERSONAS, REQUESTS));
        assert_eq!(findings.total(), 0, "seed {seed}: {:?}", findings.examples);
        assert_eq!(findings.staleness_max, 0, "seed {seed}");
        found += findings.unknown_applied;
        missing += findings.unknown_missing;
    }
    assert!(
        found > SEEDS && missing > SEEDS,
        "{found} writes without an answer were found and {missing} were not: too few to prove anything"
    );
}

/// Puts one lie into each of many histories, and checks that each is found as the breach of one of
/// these promises.
#[track_caller]
fn caught_as(expected: &[Check], lie: impl Fn(&mut Vec<Record>, &mut Random) -> bool) {
    let mut told = 0;
    for seed in 0..SEEDS {
        let mut history = World::history(seed, PERSONAS, REQUESTS);
        if !lie(&mut history, &mut Random::new(seed, 1)) {
            continue;
        }
        told += 1;
        let findings = check(&mut history);
        assert!(
            expected.iter().any(|check| findings.count(*check) > 0),
            "seed {seed}: {:?}",
            findings.examples
        );
    }
    assert!(told > SEEDS / 2, "only {told} of {SEEDS} histories had a place for the lie");
}

/// A random record among those that are fit for a lie.
fn one<'a>(
    history: &'a mut [Record],
    random: &mut Random,
    fit: impl Fn(&Record) -> bool,
) -> Option<&'a mut Record> {
    let mut fits: Vec<&mut Record> = history.iter_mut().filter(|record| fit(record)).collect();
    let chosen = usize::try_from(random.below(fits.len() as u64)).expect("small");
    (!fits.is_empty()).then(|| fits.swap_remove(chosen))
}

fn is_acknowledged(record: &Record, operation: RequestKind) -> bool {
    record.operation == operation && record.outcome == Knowledge::Done && !record.replayed
}

/// Changes a record so that it misses a change that was answered before the record's request was
/// sent. Returns whether there was such a change.
fn make_stale(history: &mut [Record], random: &mut Random, operation: RequestKind) -> bool {
    let answers: Vec<Record> = history.to_vec();
    let missed = |record: &Record| {
        let before = answers.iter().filter(|other| {
            other.persona == record.persona && other.returned_at < record.invoked_at
        });
        before.filter_map(|other| other.revision).max().unwrap_or_default()
    };
    let stale = one(history, random, |record| record.operation == operation && missed(record) > 1);
    stale.is_some_and(|record| {
        (record.revision, record.state) = (Some(1), None);
        true
    })
}

#[test]
fn a_write_without_the_record_of_its_key_is_caught() {
    caught_as(&[Check::Durable], |history, random| {
        let lie = one(history, random, |record| is_acknowledged(record, RequestKind::Patch));
        lie.is_some_and(|record| {
            record.effect ^= 2;
            true
        })
    });
}

#[test]
fn two_writes_acknowledged_as_the_same_revision_are_caught() {
    caught_as(&[Check::Durable], |history, random| {
        let Some(record) =
            one(history, random, |record| is_acknowledged(record, RequestKind::Patch))
        else {
            return false;
        };
        let other = Record { request: 1_000_000, effect: record.effect ^ 2, ..*record };
        history.push(other);
        true
    });
}

#[test]
fn a_revision_that_no_request_made_is_caught() {
    caught_as(&[Check::Durable], |history, random| {
        // A read that was seen, after one that was seen too: an unseen revision could be that of a
        // write without an answer.
        let reads: Vec<Record> = history
            .iter()
            .filter(|record| record.operation == RequestKind::Read && record.state.is_some())
            .copied()
            .collect();
        let is_seen = |record: &Record, behind: u32| {
            reads.iter().any(|other| {
                other.persona == record.persona
                    && other.revision.map(|revision| revision + behind) == record.revision
            })
        };
        let fits = |record: &Record| {
            is_acknowledged(record, RequestKind::Patch) && is_seen(record, 0) && is_seen(record, 1)
        };
        let lie = one(history, random, fits);
        let Some(request) = lie.map(|record| record.request) else { return false };
        history.retain(|record| record.request != request);
        true
    });
}

#[test]
fn a_refused_write_that_comes_back_is_caught() {
    caught_as(&[Check::Refused], |history, random| {
        // A revision that was seen together with both of its neighbours, so that no write without
        // an answer is beside it.
        let answers = history.clone();
        let is_made = |record: &Record, behind: u32| {
            let made = |other: &Record| {
                other.outcome == Knowledge::Done
                    && other.operation.is_write()
                    && other.revision.map(|revision| revision + behind) == record.revision
            };
            answers.iter().any(|other| other.persona == record.persona && made(other))
        };
        let is_read = |record: &Record| {
            let reads = |other: &Record| {
                other.operation == RequestKind::Read
                    && other.state.is_some()
                    && other.revision == record.revision
            };
            answers.iter().any(|other| other.persona == record.persona && reads(other))
        };
        let next = |record: &Record| Record {
            revision: record.revision.map(|number| number + 1),
            ..*record
        };
        let is_last = |record: &Record| {
            answers
                .iter()
                .all(|other| other.persona != record.persona || other.revision <= record.revision)
        };
        let fits = |record: &Record| {
            let is_between = is_made(record, 1) && (is_last(record) || is_made(&next(record), 0));
            is_acknowledged(record, RequestKind::Patch) && is_read(record) && is_between
        };
        let Some(request) = one(history, random, fits).map(|record| record.request) else {
            return false;
        };
        history.iter_mut().filter(|record| record.request == request).for_each(|record| {
            (record.outcome, record.revision, record.state) = (Knowledge::Refused, None, None);
        });
        true
    });
}

#[test]
fn a_hidden_transaction_of_several_refused_writes_is_told_as_that() {
    let write = |request: u32, operation, outcome, revision: Option<u32>| Record {
        invoked_at: u64::from(request) * 10,
        returned_at: u64::from(request) * 10 + 5,
        state: None,
        effect: effect_of(request),
        persona: 0,
        revision,
        request,
        expected: 0,
        worker: 1,
        operation,
        outcome,
        replayed: false,
    };
    let state = [1, 2, 3].map(effect_of).into_iter().fold(0, |state, effect| state ^ effect);
    let read = write(10, RequestKind::Read, Knowledge::Done, Some(3));
    let mut history = vec![
        write(1, RequestKind::Create, Knowledge::Done, Some(1)),
        write(2, RequestKind::Patch, Knowledge::Refused, None),
        write(3, RequestKind::Patch, Knowledge::Refused, None),
        Record { request: 0, effect: 0, state: std::num::NonZeroU64::new(state), ..read },
    ];
    let findings = check(&mut history);
    assert_eq!((findings.count(Check::Refused), findings.total()), (1, 1), "{findings:?}");
}

#[test]
fn a_persona_that_is_not_in_the_export_or_is_there_as_it_was_is_caught() {
    for lost in [1, u32::MAX] {
        caught_as(&[Check::Durable], |history, random| {
            // The last revision may be one that was never answered; an answer without that one is
            // no lie.
            let answers: Vec<Record> = history
                .iter()
                .filter(|record| record.operation != RequestKind::Export)
                .copied()
                .collect();
            let is_answered = |record: &Record| {
                answers.iter().any(|other| {
                    other.persona == record.persona && other.revision == record.revision
                })
            };
            let lie = one(history, random, |record| {
                record.operation == RequestKind::Export && is_answered(record)
            });
            lie.is_some_and(|record| {
                (record.revision, record.state) =
                    (record.revision.map(|revision| revision.saturating_sub(lost)), None);
                true
            })
        });
    }
}

#[test]
fn a_read_that_misses_an_answered_write_is_caught_and_measured() {
    caught_as(&[Check::Linear], |history, random| make_stale(history, random, RequestKind::Read));
    caught_as(&[Check::Visible], |history, random| make_stale(history, random, RequestKind::Visit));
    let mut history = World::history(1, 1, REQUESTS);
    assert!(make_stale(&mut history, &mut Random::new(1, 1), RequestKind::Visit));
    assert!(check(&mut history).staleness_max > 0);
}

#[test]
fn a_revision_with_two_contents_is_caught() {
    caught_as(&[Check::Linear, Check::Durable], |history, random| {
        let lie = one(history, random, |record| {
            record.operation == RequestKind::Read && record.state.is_some()
        });
        lie.is_some_and(|record| {
            record.state =
                record.state.and_then(|state| std::num::NonZeroU64::new(state.get() ^ 2));
            true
        })
    });
}

#[test]
fn a_read_of_a_write_that_was_not_sent_yet_is_caught() {
    caught_as(&[Check::Linear], |history, random| {
        let lie = one(history, random, |record| is_acknowledged(record, RequestKind::Patch));
        let Some(Record { persona, revision, state, invoked_at, .. }) = lie.map(|record| *record)
        else {
            return false;
        };
        let read = Record {
            invoked_at: invoked_at - 3,
            returned_at: invoked_at - 2,
            effect: 0,
            request: 0,
            expected: 0,
            ..history[0]
        };
        history.push(Record { persona, revision, state, operation: RequestKind::Read, ..read });
        true
    });
}

#[test]
fn a_refusal_although_the_expected_revision_is_current_is_caught() {
    caught_as(&[Check::Linear], |history, random| {
        let lie = one(history, random, |record| {
            record.operation == RequestKind::Replace && record.outcome == Knowledge::Refused
        });
        lie.is_some_and(|record| {
            record.expected = record.revision.unwrap_or_default();
            true
        })
    });
}

#[test]
fn a_repetition_that_is_executed_again_or_answered_differently_is_caught() {
    let again = |record: &Record| Record {
        invoked_at: record.returned_at + 1,
        returned_at: record.returned_at + 2,
        state: None,
        ..*record
    };
    caught_as(&[Check::Once], |history, random| {
        let lie = one(history, random, |record| is_acknowledged(record, RequestKind::Patch))
            .map(|record| again(record));
        lie.is_some_and(|record| {
            history.push(record);
            true
        })
    });
    caught_as(&[Check::Once], |history, random| {
        let lie = one(history, random, |record| is_acknowledged(record, RequestKind::Patch))
            .map(|record| again(record));
        lie.is_some_and(|record| {
            history.push(Record {
                revision: record.revision.map(|revision| revision + 1),
                replayed: true,
                ..record
            });
            true
        })
    });
}

/// Checks a large history and returns how long that took.
fn large(records: usize) -> Duration {
    let began = Instant::now();
    let mut history = World::history(7, 1_000, records);
    println!("made up in {:.1} s", began.elapsed().as_secs_f64());
    assert!(history.len() >= records);
    let began = Instant::now();
    let findings = check(&mut history);
    assert_eq!(findings.total(), 0, "{:?}", findings.examples);
    began.elapsed()
}

#[test]
fn a_million_records_are_checked() {
    println!("checked 1,000,000 records in {:.1} s", large(1_000_000).as_secs_f64());
}

#[test]
#[ignore = "long: run by ./test --long"]
fn as_many_records_as_are_kept_are_checked_within_four_gibibytes() {
    let took = large(RECORDS_MAX);
    let status = std::fs::read_to_string("/proc/self/status").expect("a mounted /proc");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = peak.trim().trim_end_matches("kB").trim().parse().expect("a number");
    println!(
        "checked {RECORDS_MAX} records in {:.1} s, peak of the process {kib} KiB",
        took.as_secs_f64()
    );
    assert!(kib < 4 << 20, "{kib} KiB");
}
