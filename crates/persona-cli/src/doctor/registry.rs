//! The list of all checks, and how they are run.

use super::check::{CheckResult, Group, Level};
use super::checks::{
    certificate, connections, content, database, file, library, processes, server, system,
};
use super::facts::Facts;

/// Every check.
const GROUPS: [&Group; 9] = [
    &library::GROUP,
    &database::GROUP,
    &file::GROUP,
    &connections::GROUP,
    &content::GROUP,
    &system::GROUP,
    &processes::GROUP,
    &certificate::GROUP,
    &server::GROUP,
];

/// Runs every check over the facts.
pub fn examine(facts: &Facts) -> Vec<CheckResult> {
    let all = GROUPS.iter().flat_map(|group| group.checks.iter().map(|check| (group.name, check)));
    let outcomes = all.filter_map(|(group, check)| {
        let finding = (check.test)(facts)?;
        let fix = (finding.level > Level::Ok).then(|| (check.fix)(facts));
        Some(CheckResult { group, name: check.name, finding, fix })
    });
    // The group of the server is the last.
    outcomes.chain(server::of_status(facts)).collect()
}
