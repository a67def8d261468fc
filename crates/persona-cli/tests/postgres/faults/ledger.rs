//! What was asked, what was answered, and what the database holds: compared at the end, without the
//! program under test.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::common::{Client, Reply};
use persona_test_support::Cluster;

/// A write that can be recognised in the database, and repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Stands in the revision that it makes, and in no other.
    pub mark: String,
    method: &'static str,
    path: String,
    /// Whether it is sent under a key, so that it can be repeated.
    has_key: bool,
}

/// What became of a write, as its client was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It is kept. The body is that of the answer.
    Kept(String),
    /// It is not there and never will be. The code is that of the problem.
    Refused(String),
    /// It may be there.
    Unknown,
}

/// Everything that was asked, with what was told last.
#[derive(Clone, Default)]
pub struct Ledger {
    entries: Vec<(Asked, Told)>,
}

impl Asked {
    /// A new persona.
    pub fn create(mark: impl Into<String>) -> Self {
        Self { mark: mark.into(), method: "POST", path: "/api/v1/personas".into(), has_key: true }
    }

    /// A change of a persona.
    pub fn patch(path: &str, mark: impl Into<String>) -> Self {
        Self { mark: mark.into(), method: "PATCH", path: path.into(), has_key: true }
    }

    /// Sent without a key when this is false: then the program alone sees to it that it is done
    /// once.
    pub fn with_key(self, has_key: bool) -> Self {
        Self { has_key, ..self }
    }

    /// Sends it.
    pub fn send(&self, client: &mut Client) -> io::Result<Reply> {
        let mut body = json!({ "description": self.mark });
        if self.method == "POST" {
            body["name"] = self.mark.as_str().into();
        }
        let key = self.mark.replace(' ', "-");
        let headers: &[_] = if self.has_key { &[("Idempotency-Key", key.as_str())] } else { &[] };
        client.request(self.method, &self.path, headers, body.to_string().as_bytes())
    }
}

impl Told {
    /// What an answer says.
    #[track_caller]
    pub fn by(reply: &Reply) -> Self {
        assert!(
            !String::from_utf8_lossy(&reply.body).contains("words of the database"),
            "the database's text in an answer: {reply:?}"
        );
        if (200..300).contains(&reply.status) {
            return Self::Kept(String::from_utf8(reply.body.clone()).expect("text"));
        }
        let problem = reply.json();
        let code = problem["code"].as_str().expect("a code").to_owned();
        if reply.status == 503 {
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
        }
        if code == "outcome_unknown" { Self::Unknown } else { Self::Refused(code) }
    }
}

impl Ledger {
    /// Sends a write, remembers what was told, and tells it.
    #[track_caller]
    pub fn ask(&mut self, client: &mut Client, asked: Asked) -> Told {
        let told = Told::by(&asked.send(client).expect("an answer"));
        self.entries.push((asked, told.clone()));
        told
    }

    /// Takes over what another client was told.
    pub fn add(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// How many were told that they are kept, that they are not, and that it is unknown.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Told) -> bool| {
            self.entries.iter().filter(|(_, told)| wanted(told)).count()
        };
        (
            count(|told| matches!(told, Told::Kept(_))),
            count(|told| matches!(told, Told::Refused(_))),
            count(|told| *told == Told::Unknown),
        )
    }

    /// Repeats every write that has a key: a client that got an answer gets the same again, and a
    /// client that got none gets its answer now.
    #[track_caller]
    pub fn repeat_all(&mut self, client: &mut Client) {
        for (asked, told) in self.entries.iter_mut().filter(|(asked, _)| asked.has_key) {
            let again = Told::by(&asked.send(client).expect("an answer"));
            assert!(matches!(again, Told::Kept(_)), "{asked:?}: {again:?}");
            if matches!(told, Told::Kept(_)) {
                assert_eq!(*told, again, "{asked:?}: another answer");
            }
            *told = again;
        }
    }

    /// What was told is so: once where it was acknowledged, never where it was refused; nothing
    /// else is there, and the feed has each revision once.
    #[track_caller]
    pub fn compare(&self, cluster: &Cluster, database: &str) {
        let sql = "SELECT json_object_agg(mark, times) FROM (
                       SELECT coalesce(document::json ->> 'description', '') AS mark, count(*) AS times
                       FROM persona_store.revisions
                       GROUP BY 1) AS found";
        let found: BTreeMap<String, u64> =
            serde_json::from_str(&cluster.sql(database, sql)).unwrap_or_default();
        for (asked, told) in &self.entries {
            let times = found.get(&asked.mark).copied().unwrap_or(0);
            match told {
                Told::Kept(_) => {
                    assert_eq!(times, 1, "acknowledged, and there {times} times: {asked:?}");
                }
                Told::Refused(_) => assert_eq!(times, 0, "refused, and there: {asked:?} {told:?}"),
                Told::Unknown => assert!(times <= 1, "there {times} times: {asked:?}"),
            }
        }
        let sql = "SELECT count(*) FROM persona_store.revisions AS r
                   FULL JOIN persona_store.changes AS c ON (c.persona, c.revision) = (r.persona, r.revision)
                   WHERE c.persona IS NULL OR r.persona IS NULL";
        assert_eq!(cluster.sql(database, sql), "0", "revisions and feed differ");
        let sql = "SELECT count(*) FROM persona_store.personas AS p
                   WHERE revision <> (SELECT count(*) FROM persona_store.revisions AS r WHERE r.persona = p.id)";
        assert_eq!(cluster.sql(database, sql), "0", "a persona without each of its revisions");
    }
}

/// The path of the persona in an answer.
#[track_caller]
pub fn path_in(told: &Told) -> String {
    let Told::Kept(body) = told else { panic!("not kept: {told:?}") };
    let body: Value = serde_json::from_str(body).expect("JSON");
    format!("/api/v1/personas/{}", body["id"].as_str().expect("an identity"))
}
