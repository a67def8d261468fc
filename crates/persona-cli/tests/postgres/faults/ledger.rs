//! The requests, their answers, and the content of the database: compared at the end, without the
//! program under test.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::common::{Client, Reply};
use persona_test_support::Cluster;

/// A write that can be recognised in the database, and repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// A text that is in the revision that this write makes, and in no other.
    pub mark: String,
    method: &'static str,
    path: String,
    /// Whether the write is sent with an idempotency key, so that it can be repeated.
    has_key: bool,
}

/// The outcome of a write, by the answer to its client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The write is kept. The value is the body of the answer.
    Kept(String),
    /// The write is not kept and never will be. The value is the code of the problem.
    Refused(String),
    /// The write may be kept.
    Unknown,
}

/// All writes, each with its last answer.
#[derive(Clone, Default)]
pub struct Ledger {
    entries: Vec<(Asked, Told)>,
}

impl Asked {
    /// The creation of a persona with this mark.
    pub fn create(mark: impl Into<String>) -> Self {
        Self { mark: mark.into(), method: "POST", path: "/api/v1/personas".into(), has_key: true }
    }

    /// A change of the persona at this path.
    pub fn patch(path: &str, mark: impl Into<String>) -> Self {
        Self { mark: mark.into(), method: "PATCH", path: path.into(), has_key: true }
    }

    /// Sets whether the write has a key. Without a key the program alone has to see to it that the
    /// write is done once.
    pub fn with_key(self, has_key: bool) -> Self {
        Self { has_key, ..self }
    }

    /// Sends the write.
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
    /// The outcome that an answer tells.
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
    /// Sends a write, notes the outcome, and returns it.
    #[track_caller]
    pub fn ask(&mut self, client: &mut Client, asked: Asked) -> Told {
        let told = Told::by(&asked.send(client).expect("an answer"));
        self.entries.push((asked, told.clone()));
        told
    }

    /// Takes over the ledger of another client.
    pub fn add(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// How many writes were kept, refused, and unknown.
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

    /// Checks the database: an acknowledged write is there once, a refused write is not there,
    /// nothing else is, and the feed has each revision once.
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
