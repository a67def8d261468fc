//! Two lives of a database: it is backed up, changed, restored, and changed again. Entity tags and
//! positions of the first life must not be accepted in the second, although revisions and places in
//! the feed have the same numbers.
//!
//! The persona of this test is not part of the history, in which no acknowledged write may get
//! lost.

use http::{Method, StatusCode};
use persona_http::contract::OperationId;
use serde_json::{Value, json};

use super::checks::Check;
use super::connection::{Answer, ask};
use super::load::Load;
use super::scratch::Scratch;
use super::settled::end_of_changes;
use crate::client::ServerAddress;

/// Revisions of each life after the backup.
const REVISIONS: usize = 3;
/// The name of the backup in the folder of the scratch server.
const BACKUP: &str = "life.db";

/// The result of leading a database through two lives.
pub enum Led {
    /// The database was restored, and the tags and positions of its first life were tried.
    Restored,
    /// Nothing was tried, for this reason.
    NotTried(String),
}

/// Leads a database through two lives; an error says what failed.
pub async fn lead(scratch: &mut Scratch, load: &Load) -> Result<Led, String> {
    let lives = Lives { address: scratch.address.clone(), load };
    let created = lives
        .ask(Method::POST, "", &[], &json!({ "name": format!("{} of two lives", load.tag) }))
        .await?;
    let path = created
        .text("location")
        .and_then(|path| path.rsplit_once('/'))
        .map(|(_, id)| format!("/{id}"));
    let path = path.ok_or_else(|| odd("a creation", &created))?;
    if let Err(why) = scratch.back_up(BACKUP).await {
        return if scratch.has_file() { Err(why) } else { Ok(Led::NotTried(why)) };
    }
    let mut known = Vec::new();
    for number in 0..REVISIONS {
        known.push(lives.change(&path, &format!("first life {number}")).await?);
    }
    // A position that is told before the last change has settled may be one that the backup has
    // too, and so a good one after the restore.
    let Some(position) = end_of_changes(&lives.address, &load.tag).await else {
        return Ok(Led::NotTried("the last change was not told in time".into()));
    };
    lives.expect_known(&path, &known, &position).await?;
    scratch.restore(BACKUP).await?;
    for number in 0..REVISIONS {
        lives.change(&path, &format!("second life {number}")).await?;
        lives.expect_unknown(&path, &known, &position).await?;
    }
    Ok(Led::Restored)
}

/// Sends the requests, and reports violations.
struct Lives<'a> {
    address: ServerAddress,
    load: &'a Load,
}

impl Lives<'_> {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, String> {
        let path = format!("{}{path}", OperationId::ListPersonas.path());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        ask(&self.address, method, &path, headers, body.into())
            .await
            .map_err(|silence| format!("{path} was not answered: {silence:?}"))
    }

    /// Makes another revision; returns its entity tag as in the header.
    async fn change(&self, path: &str, nickname: &str) -> Result<String, String> {
        let answer = self.ask(Method::PATCH, path, &[], &json!({ "nickname": nickname })).await?;
        match answer.text("etag") {
            Some(tag) if answer.status == StatusCode::OK => Ok(tag.to_owned()),
            _ => Err(odd("a change", &answer)),
        }
    }

    async fn since(&self, position: &str) -> Result<Answer, String> {
        self.ask(
            Method::GET,
            &format!("?include_deleted=true&limit=1&updated_since={position}"),
            &[],
            &Value::Null,
        )
        .await
    }

    /// The control: tags and positions are accepted during the first life; otherwise their refusal
    /// in the second would prove nothing.
    async fn expect_known(
        &self,
        path: &str,
        known: &[String],
        position: &str,
    ) -> Result<(), String> {
        let tags = known.join(", ");
        let read = self.ask(Method::GET, path, &[("if-none-match", &tags)], &Value::Null).await?;
        self.expect(
            StatusCode::NOT_MODIFIED,
            &read,
            "a read of what is known, before the restore,",
        );
        let changes = self.since(position).await?;
        self.expect(
            StatusCode::OK,
            &changes,
            "a list of changes since a position, before the restore,",
        );
        Ok(())
    }

    /// Checks that no tag and no position of the first life is accepted in the second.
    async fn expect_unknown(
        &self,
        path: &str,
        known: &[String],
        position: &str,
    ) -> Result<(), String> {
        let tags = known.join(", ");
        let current =
            self.ask(Method::GET, path, &[("if-none-match", &tags)], &Value::Null).await?;
        self.expect(StatusCode::OK, &current, "a read with tags of the life before");
        for revision in 1..=known.len() + 1 {
            let past = format!("{path}?revision={revision}");
            let read =
                self.ask(Method::GET, &past, &[("if-none-match", &tags)], &Value::Null).await?;
            if read.status == StatusCode::NOT_MODIFIED {
                self.load.complain(
                    Check::Restored,
                    format!(
                        "a read of revision {revision} with \
                         tags of the life before was answered \
                         304"
                    ),
                );
            }
        }
        for method in [Method::PATCH, Method::PUT] {
            let write = self
                .ask(method.clone(), path, &[("if-match", &tags)], &json!({ "name": "unseen" }))
                .await?;
            self.expect(
                StatusCode::PRECONDITION_FAILED,
                &write,
                &format!("{method} with tags of the life before"),
            );
        }
        let changes = self.since(position).await?;
        self.expect(
            StatusCode::GONE,
            &changes,
            "a list of changes since a position of the life before",
        );
        Ok(())
    }

    fn expect(&self, status: StatusCode, answer: &Answer, what: &str) {
        if answer.status != status {
            self.load.complain(Check::Restored, format!("{what} was answered {}", answer.status));
        }
    }
}

fn odd(what: &str, answer: &Answer) -> String {
    format!("{what} was answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body))
}
