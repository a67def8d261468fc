//! Positive controls: a store that is broken on purpose, in each way that the promise forbids, is
//! caught every time.
//!
//! The program under test has the cargo feature `faults`, which no other build has: this crate
//! depends on itself with that feature for its tests.

use std::process::{Command, Stdio};

use persona_storage::fault_injection::InjectedFault;
use serde_json::Value;

/// How many runs with other random choices there are; each must catch the fault. One run is enough
/// as long as each is certain to meet its fault, which the many runs of the long form show.
const RUNS: u64 = 1;
const RUNS_LONG: u64 = 25;

/// Verifies a scratch server with this fault and returns the report.
fn verify(fault: &str, seed: u64) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command
        .args(["verify", "--seconds=1", "--clients=12", "--hot-keys=2", "--json", "--quiet"])
        .env_clear();
    command
        .arg(format!("--fault={fault}"))
        .arg(format!("--seed={seed}"))
        .current_dir(folder.path());
    let output = command.stdin(Stdio::null()).output().expect("the built program");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let code = i32::from(report["verdict"] != "ok");
    assert_eq!(output.status.code(), Some(code), "{report}");
    report
}

/// The checks that a report names as broken.
fn broken(report: &Value) -> String {
    let checks = report["checks"].as_object().expect("an object").iter();
    checks
        .filter(|(_, check)| check["violations"] != 0)
        .map(|(letter, _)| letter.as_str())
        .collect()
}

/// The check that must be among the broken ones.
fn expected(fault: InjectedFault) -> &'static str {
    match fault {
        // Another worker is asked before the commit and does not see the acknowledged change, or
        // answers from its cache what it read before the commit.
        InjectedFault::AcknowledgeBeforeCommit
        | InjectedFault::OldSnapshot
        | InjectedFault::SkipSynchronisation
        | InjectedFault::HeaderAfterChanges
        | InjectedFault::LeaveOutOneId => "V",
        InjectedFault::OverlookForeignCommit => unreachable!("it needs another program"),
        InjectedFault::BelieveOldTokens
        | InjectedFault::OverlookTokens
        | InjectedFault::OverlookOwners
        | InjectedFault::OverlookOwnersOfWrites
        | InjectedFault::ShareKeys => {
            unreachable!("tests of access prove these (`http/tokens.rs`, `access.rs`, `owners/`)")
        }
        InjectedFault::OwnRateCells => unreachable!("`http/rate_limits.rs` proves it"),
        // A revision is not the result of its write applied to the revision before.
        InjectedFault::ReadOutsideTransaction | InjectedFault::DropKey => "D",
        InjectedFault::ForgetRepetitions => "X",
        // A change that is left out of one list comes in no later list.
        InjectedFault::SkipChange => "F",
        InjectedFault::DropEvent => "G",
        // The persona is stored and its words are not in the index.
        InjectedFault::LeaveOutWords => "S",
        // Only the end of every process right after the refusal brings the change back.
        InjectedFault::HideCommit => "R",
        InjectedFault::TagOfRevision | InjectedFault::TrustPositions => "T",
        // A list or an export has only a part of the batch.
        InjectedFault::SplitBatch => "A",
        // A label or a handle is followed as it was before a move that was answered.
        InjectedFault::OldLabels | InjectedFault::KeepCachedLabels => "P",
        InjectedFault::OldHandles | InjectedFault::KeepCachedHandles => "N",
    }
}

fn assert_each_is_caught(runs: u64) {
    let is_proved_elsewhere = |fault: &InjectedFault| {
        matches!(
            fault,
            InjectedFault::OverlookForeignCommit
                | InjectedFault::BelieveOldTokens
                | InjectedFault::OverlookTokens
                | InjectedFault::OverlookOwners
                | InjectedFault::OverlookOwnersOfWrites
                | InjectedFault::ShareKeys
                | InjectedFault::OwnRateCells
        )
    };
    for fault in InjectedFault::ALL.into_iter().filter(|fault| !is_proved_elsewhere(fault)) {
        for seed in 0..runs {
            let report = verify(fault.name(), seed);
            assert!(
                broken(&report).contains(expected(fault)),
                "{}, seed {seed}: {report}",
                fault.name()
            );
        }
        println!("{}: caught in {runs} of {runs} runs", fault.name());
    }
}

#[test]
fn a_server_without_a_cache_of_reads_keeps_the_promise_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    let load = ["verify", "--seconds=1", "--clients=12", "--hot-keys=2", "--json", "--quiet"];
    command
        .args(load)
        .args(["--read-cache-mb=0", "--chaos"])
        .env_clear()
        .current_dir(folder.path());
    let output = command.stdin(Stdio::null()).output().expect("the built program");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((broken(&report).as_str(), output.status.code()), ("", Some(0)), "{report}");
}

#[test]
fn each_fault_is_caught_every_time_and_the_same_run_without_it_is_clean() {
    let clean = verify("none", 0);
    assert_eq!(broken(&clean), "", "{clean}");
    assert_each_is_caught(RUNS);
}

#[test]
#[ignore = "long: run by ./test --long"]
fn each_fault_is_caught_in_many_runs() {
    assert_each_is_caught(RUNS_LONG);
}
