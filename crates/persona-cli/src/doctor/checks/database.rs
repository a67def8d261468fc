//! The checks of a database on a server: whether it can be used, its durability, and room for
//! connections.

use persona_server::backend::SHORTER_HISTORIES;
use persona_server::findings;
use persona_server::units::{personas, size};
use persona_storage::{BackendDetails, Status};

use super::content::of_history;
use crate::doctor::check::{Check, Finding, Group};
use crate::doctor::facts::Facts;

pub(in crate::doctor) const GROUP: Group = Group {
    name: "Database",
    checks: &[
        Check { name: "usable", test: usable, fix: what_to_do },
        Check {
            name: "durability",
            test: durability,
            fix: |_| "set fsync and synchronous_commit to on in postgresql.conf".into(),
        },
        Check { name: "history", test: history, fix: |_| SHORTER_HISTORIES.into() },
        Check {
            name: "connections",
            test: connections,
            fix: |_| "lower pool_max in the URL, or raise max_connections".into(),
        },
    ],
};

fn status(facts: &Facts) -> Option<&Status> {
    facts.database.as_ref()?.looked.as_ref().ok()
}

fn what_to_do(facts: &Facts) -> String {
    let hint =
        facts.database.as_ref().and_then(|database| database.looked.as_ref().err()?.1.clone());
    hint.unwrap_or_else(|| "see the log of the database server".into())
}

fn usable(facts: &Facts) -> Option<Finding> {
    Some(match &facts.database.as_ref()?.looked {
        Ok(status) => Finding::ok(format!(
            "PostgreSQL {}, schema {}, {} in {}",
            status.engine_version,
            status.schema_version,
            personas(status.personas, 0),
            size(status.database_bytes)
        )),
        Err((reason, _)) => Finding::fail(reason.clone()),
    })
}

fn durability(facts: &Facts) -> Option<Finding> {
    let status = status(facts)?;
    let (level, text) =
        findings::durability_of_server(status.durability, status.durability_meaning);
    Some(Finding { level, text })
}

fn history(facts: &Facts) -> Option<Finding> {
    Some(of_history(status(facts)?.history))
}

fn connections(facts: &Facts) -> Option<Finding> {
    let BackendDetails::Server { connections, connections_max, .. } = &status(facts)?.details
    else {
        return None;
    };
    let (level, text) = findings::connections_of_server(*connections, *connections_max);
    Some(Finding { level, text })
}

#[cfg(test)]
mod tests {
    use persona_model::Timestamp;
    use persona_storage::{BackendDetails, Status};

    use super::Facts;
    use crate::doctor::{DatabaseFacts, Level, examine};

    fn levels(
        looked: Result<Status, (String, Option<String>)>,
    ) -> Vec<(&'static str, Level, Option<String>)> {
        let facts = Facts {
            database: Some(DatabaseFacts { looked }),
            ..Facts::new(Timestamp::default(), None, None)
        };
        let own = examine(&facts).into_iter().filter(|outcome| outcome.group == super::GROUP.name);
        own.map(|outcome| (outcome.name, outcome.finding.level, outcome.fix)).collect()
    }

    fn status(durability: &'static str, connections: u64) -> Status {
        let details = BackendDetails::Server {
            place: "db:5432/personas".into(),
            connections,
            connections_max: 100,
        };
        let (engine_version, durability_meaning) = ("15.14".into(), "as told");
        Status {
            backend: "postgresql",
            engine_version,
            durability,
            durability_meaning,
            schema_version: 1,
            personas: 3,
            history: persona_storage::HistorySize::default(),
            database_bytes: 9,
            details,
        }
    }

    #[test]
    fn what_a_database_on_a_server_lacks_is_told_with_what_to_do() {
        let level = |found: &[(&str, Level, Option<String>)]| {
            found.iter().map(|outcome| outcome.1).collect::<Vec<_>>()
        };
        assert_eq!(level(&levels(Ok(status("full", 79)))), [Level::Ok; 4]);
        assert_eq!(
            level(&levels(Ok(status("normal", 80)))),
            [Level::Ok, Level::Warn, Level::Ok, Level::Warn]
        );
        assert_eq!(
            level(&levels(Ok(status("none", 1)))),
            [Level::Ok, Level::Fail, Level::Ok, Level::Ok]
        );
        let away = levels(Err(("could not reach db".into(), Some("start it".into()))));
        assert_eq!(away, [("usable", Level::Fail, Some("start it".into()))]);
    }
}
