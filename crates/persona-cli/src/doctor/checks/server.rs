//! The checks of a running server, over its own answers. What it finds of itself is judged where
//! the server judges it (`persona-server/src/findings.rs`).

use persona_http::contract::status::Status;
use persona_server::findings::CHECKS;
use persona_server::units::{long_time, personas};

use crate::doctor::check::{Check, CheckResult, Finding, Group, Level};
use crate::doctor::facts::Facts;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Server",
    checks: &[
        Check { name: "server", test: running, fix: |_| "persona serve".into() },
        Check { name: "readiness", test: readiness, fix: fix_readiness },
    ],
};

/// What the server finds of itself.
pub(in crate::doctor) fn of_status(facts: &Facts) -> Vec<CheckResult> {
    let Some(status) = status_of(facts) else { return Vec::new() };
    let results = CHECKS.iter().filter_map(|check| {
        let (level, text) = (check.test)(status)?;
        let fix = (level > Level::Ok).then(|| check.cure.to_owned());
        let finding = Finding { level, text };
        Some(CheckResult { group: GROUP.name, name: check.name, finding, fix })
    });
    results.collect()
}

/// The status of a server that answered. `None` for a server without an answer; the check
/// `readiness` reports that.
fn status_of(facts: &Facts) -> Option<&Status> {
    facts.server.as_ref()?.status.as_ref()
}

fn running(facts: &Facts) -> Option<Finding> {
    let Some(server) = &facts.server else {
        return Some(Finding::ok("none was found; the file was looked at alone"));
    };
    let status = server.status.as_ref()?;
    Some(Finding::ok(format!(
        "{} version {}, for {}, {}",
        server.url,
        status.version,
        long_time(status.uptime_ms / 1000),
        personas(status.personas, 0)
    )))
}

fn readiness(facts: &Facts) -> Option<Finding> {
    let server = facts.server.as_ref()?;
    Some(match &server.not_ready {
        None => Finding::ok("reads and writes are taken"),
        Some(reason) => Finding::fail(reason.clone()),
    })
}

fn fix_readiness(facts: &Facts) -> String {
    let told = facts.server.as_ref().map_or("", |server| server.cure.as_str());
    if told.is_empty() { "look into the log of the server for lines at ERROR" } else { told }.into()
}
