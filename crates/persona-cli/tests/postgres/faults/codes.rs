//! Every error code of the server that has a meaning: whether the program tries again, and what the
//! client is told, which is never in the database's words.

use crate::faults::bench::Bench;
use crate::faults::ledger::{Asked, Told};
use persona_test_support::wire::{Fault, STARTUP, Sender, Trap};

/// Codes after which the statement was undone, and can succeed when it is done again.
const UNDONE: [&str; 7] = ["40001", "40P01", "55P03", "57014", "53000", "53200", "53400"];
/// Codes after which the connection, or the server, is of no more use.
const AWAY: [&str; 12] = [
    "57P01", "57P02", "57P03", "57P05", "25P03", "25006", "53300", "08000", "08003", "08006",
    "08P01", "XX000",
];
/// Codes after which another attempt cannot help, each with the status and the code that a client
/// gets.
const FINAL: [(&str, u16, &str); 9] = [
    ("53100", 507, "storage_full"),
    ("XX001", 500, "damaged"),
    ("XX002", 500, "damaged"),
    ("58030", 500, "storage_failed"),
    ("26000", 500, "internal"),
    ("42P05", 500, "internal"),
    ("42501", 500, "internal"),
    ("0A000", 500, "internal"),
    ("XX000", 500, "internal"),
];

/// A server that waits at most a second for the turn of a write.
fn bench() -> Bench {
    Bench::start("", &["--busy-timeout-ms=1000"])
}

impl Bench {
    /// A trap with this fault for a read of the persona. The identity is sent as sixteen bytes.
    fn read(&self, fault: Fault) -> Trap {
        let id: u128 =
            u128::from_str_radix(&self.path[self.path.len() - 36..].replace('-', ""), 16)
                .expect("an identity");
        Trap { marker: id.to_be_bytes().to_vec(), ..Trap::at(Sender::Client, b'B', fault) }
    }

    /// Sends a write that meets this fault at the statement that changes something. The second
    /// value is how often the fault was met.
    fn write(&mut self, fault: Fault, lasts: bool) -> (Told, u64) {
        let (Fault::Fails(code) | Fault::Ends(code)) = fault else { panic!("not told as a code") };
        let mark = format!("{code} lasts {lasts} ends {}", fault == Fault::Ends(code));
        let trap = Trap::at(Sender::Client, b'B', fault).of(&mark);
        self.wire.arm(if lasts { trap.lasting() } else { trap });
        // Without a key the mark is only in this statement.
        let told =
            self.ledger.ask(&mut self.client, Asked::patch(&self.path, mark).with_key(false));
        (told, self.wire.disarm())
    }
}

#[test]
fn what_was_undone_is_done_again_until_the_time_is_over_and_what_is_away_on_another_connection() {
    let mut bench = bench();
    for code in UNDONE {
        let (told, met) = bench.write(Fault::Fails(code), false);
        assert!(matches!(told, Told::Kept(_)) && met == 1, "{code}: {told:?}");
    }
    for code in ["40001", "53200"] {
        let (told, met) = bench.write(Fault::Fails(code), true);
        assert!(told == Told::Refused("busy".into()) && met > 2, "{code}, {met} times: {told:?}");
    }
    for code in AWAY {
        let (told, met) = bench.write(Fault::Ends(code), false);
        assert!(matches!(told, Told::Kept(_)) && met == 1, "{code}: {told:?}");
    }
    bench.compare();
}

#[test]
fn what_cannot_be_helped_is_told_at_once_by_status_and_code_and_not_in_the_databases_words() {
    let mut bench = bench();
    for (code, status, word) in FINAL {
        let (told, met) = bench.write(Fault::Fails(code), true);
        assert!(told == Told::Refused(word.into()) && met == 1, "{code}, {met} times: {told:?}");
        bench.wire.arm(bench.read(Fault::Fails(code)));
        let reply = bench.client.get(&bench.path).expect("an answer");
        assert_eq!(
            (reply.status, Told::by(&reply)),
            (status, Told::Refused(word.into())),
            "{code}"
        );
        assert_eq!(bench.wire.disarm(), 1, "{code}");
    }
    bench.server.wait_for_log("add statement_cache=off to the URL");
    bench.compare();
}

#[test]
fn a_write_that_may_have_been_done_is_never_told_as_one_that_was_not() {
    let mut bench = bench();
    for code in ["53100", "XX000", "58030", "42501"] {
        let mark = format!("in doubt {code}");
        let of_it = |fault| Trap::at(Sender::Client, b'B', fault).of(&mark);
        bench.wire.arm_in_turn([of_it(Fault::Ends("57P01")), of_it(Fault::Fails(code))]);
        let told = bench
            .ledger
            .ask(&mut bench.client, Asked::patch(&bench.path, mark.as_str()).with_key(false));
        assert_eq!((told, bench.wire.disarm()), (Told::Unknown, 2), "{code}");
    }
    bench.compare();
}

#[test]
fn a_client_that_is_not_let_in_waits_and_is_told_to_come_again() {
    let mut bench = bench();
    for code in ["53300", "57P03", "28P01"] {
        bench.wire.arm(Trap::at(Sender::Client, STARTUP, Fault::Ends(code)).lasting());
        bench.wire.cut_all();
        let told = bench.ledger.ask(&mut bench.client, Asked::patch(&bench.path, code));
        assert!(
            matches!(&told, Told::Refused(word) if word == "database_unreachable" || word == "busy"),
            "{code}: {told:?}"
        );
        let reply = bench.client.get(&bench.path).expect("an answer");
        assert_eq!(
            (reply.status, Told::by(&reply)),
            (503, Told::Refused("database_unreachable".into())),
            "{code}"
        );
        assert!(bench.wire.disarm() > 1, "{code}");
    }
    bench.compare();
    bench.ledger.repeat_all(&mut bench.client);
    bench.compare();
}

#[test]
fn reads_are_done_again_where_that_can_help() {
    let mut bench = bench();
    for fault in UNDONE.map(Fault::Fails).into_iter().chain(AWAY.map(Fault::Ends)) {
        bench.wire.arm(bench.read(fault));
        let reply = bench.client.get(&bench.path).expect("an answer");
        assert_eq!((reply.status, bench.wire.disarm()), (200, 1), "{fault:?}: {reply:?}");
    }
    bench.wire.arm(bench.read(Fault::Fails("57014")).lasting());
    let reply = bench.client.get(&bench.path).expect("an answer");
    assert_eq!((reply.status, Told::by(&reply)), (503, Told::Refused("busy".into())));
}
