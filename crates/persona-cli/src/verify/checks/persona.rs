//! Checks the history, one persona after the other.

use super::chain::Chain;
use super::findings::{Check, Findings};
use super::order::Order;
use super::request::Request;
use crate::verify::history::{Knowledge, Record};

/// Checks a history. The records are sorted; nothing else is changed.
///
/// Besides the history itself, it needs memory for one persona at a time.
pub fn check(history: &mut [Record]) -> Findings {
    // After sorting, the attempts of a write are adjacent and in order; reads have the number 0 and
    // come first.
    history.sort_unstable_by_key(|record| (record.persona, record.request, record.invoked_at));
    let mut findings = Findings::default();
    for records in history.chunk_by(|one, other| one.persona == other.persona) {
        check_persona(records, &mut findings);
    }
    findings
}

fn check_persona(records: &[Record], findings: &mut Findings) {
    let writes = &records[records.partition_point(|record| record.request == 0)..];
    let attempts = writes.chunk_by(|one, other| one.request == other.request);
    let requests: Vec<Request> = attempts.map(|attempts| Request::of(attempts, findings)).collect();
    check_conditions(records, findings);
    let order = Order::new(records);
    let last = records.iter().filter_map(|record| record.revision).max().unwrap_or_default();
    // Each revision is made by one write, so a number above the count of writes is invalid, and a
    // chain of that length would only cost memory.
    if last as usize > requests.len() {
        let persona = records[0].persona;
        findings.add(
            Check::Durable,
            format!(
                "persona {persona} has revision {last}, but only {} writes were sent",
                requests.len()
            ),
        );
    } else {
        let mut chain = Chain::new(records, &requests, last, findings);
        chain.check(&order, findings);
        for request in chain.attributed() {
            order.check_write(request, findings, records[0].persona);
        }
    }
    order.check(records, &requests, findings);
}

/// Checks that a write that expected the current revision was not refused as stale.
fn check_conditions(records: &[Record], findings: &mut Findings) {
    let refused =
        records.iter().filter(|record| record.outcome == Knowledge::Refused && record.expected > 0);
    for record in refused.filter(|record| record.revision == Some(record.expected)) {
        let what =
            format!("{} of persona {} was refused", record.operation.as_str(), record.persona);
        findings.add(
            Check::Linear,
            format!("{what}, although revision {} was current as expected", record.expected),
        );
    }
}
