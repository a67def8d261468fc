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

/// The length of a load, on which it depends how often each fault is met: a busy machine of two
/// slow cores does 450 requests a second, of which a handful move a handle.
const SECONDS: &str = "--seconds=4";

/// Verifies a scratch server with this fault and returns the report.
fn verify(fault: &str, seed: u64) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_persona"));
    command
        .args(["verify", SECONDS, "--clients=12", "--hot-keys=2", "--json", "--quiet"])
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

#[track_caller]
fn assert_caught(fault: InjectedFault, check: &str, runs: u64) {
    for seed in 0..runs {
        let report = verify(fault.name(), seed);
        assert!(broken(&report).contains(check), "{}, seed {seed}: {report}", fault.name());
    }
}

/// One test for each fault, named like the fault, and its long form: the check with this letter
/// must be among the broken ones.
macro_rules! caught {
    ($($(#[doc = $why:literal])* $name:ident: $fault:ident is $check:literal;)*) => {
        mod caught {
            use super::{InjectedFault, RUNS, assert_caught};
            $(
                $(#[doc = $why])*
                #[test]
                fn $name() {
                    assert_caught(InjectedFault::$fault, $check, RUNS);
                }
            )*
        }
        mod caught_in_many_runs {
            use super::{InjectedFault, RUNS_LONG, assert_caught};
            $(
                #[test]
                #[ignore = "long: run by ./test --long"]
                fn $name() {
                    assert_caught(InjectedFault::$fault, $check, RUNS_LONG);
                }
            )*
        }
        /// Compiles only if each fault has a place where it is proved.
        const fn _proof_of(fault: InjectedFault) -> &'static str {
            match fault {
                $(InjectedFault::$fault => $check,)*
                InjectedFault::OverlookForeignCommit => "`http/read_cache.rs`: another program",
                InjectedFault::BelieveOldTokens
                | InjectedFault::OverlookTokens
                | InjectedFault::OverlookScopes
                | InjectedFault::OverlookOwners
                | InjectedFault::OverlookOwnersOfWrites
                | InjectedFault::UnsealPlaces
                | InjectedFault::ShareKeys => "`http/tokens.rs`, `access.rs`, `owners/`",
                InjectedFault::OwnRateCells => "`http/rate_limits.rs`",
            }
        }
    };
}

caught! {
    /// Another worker is asked before the commit and does not see the acknowledged change.
    acknowledge_before_commit: AcknowledgeBeforeCommit is "V";
    old_snapshot: OldSnapshot is "V";
    /// A worker answers from its cache what it read before the commit.
    skip_synchronisation: SkipSynchronisation is "V";
    /// The changes before the load (`verify/overtaken.rs`) meet this one by their order.
    header_after_changes: HeaderAfterChanges is "V";
    leave_out_one_id: LeaveOutOneId is "V";
    /// A revision is not the result of its write applied to the revision before.
    read_outside_transaction: ReadOutsideTransaction is "D";
    drop_key: DropKey is "D";
    forget_repetitions: ForgetRepetitions is "X";
    /// A change that is left out of one list comes in no later list.
    skip_change: SkipChange is "F";
    drop_event: DropEvent is "G";
    /// The persona is stored and its words are not in the index.
    leave_out_words: LeaveOutWords is "S";
    /// Only the end of every process right after the refusal brings the change back.
    hide_commit: HideCommit is "R";
    tag_of_revision: TagOfRevision is "T";
    trust_positions: TrustPositions is "T";
    /// A list or an export has only a part of the batch.
    split_batch: SplitBatch is "A";
    old_labels: OldLabels is "P";
    old_handles: OldHandles is "N";
    /// A worker answers from its cache what it read by a label or a handle before a move.
    keep_cached_labels: KeepCachedLabels is "P";
    keep_cached_handles: KeepCachedHandles is "N";
    /// The same of a persona before it was purged.
    keep_cached_purged: KeepCachedPurged is "U";
    drop_labelled: DropLabelled is "H";
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
fn a_server_without_faults_is_found_clean() {
    let clean = verify("none", 0);
    assert_eq!(broken(&clean), "", "{clean}");
}
