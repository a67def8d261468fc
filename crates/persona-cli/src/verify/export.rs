//! The state after the load: the export, read as the last reads of the history; and the check I of
//! every document.

use std::collections::HashSet;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use persona_http::contract::OperationId;
use persona_model::Document;
use serde_json::Value;

use super::answer::Seen;
use super::checks::Check;
use super::connection::Connection;
use super::error::Error;
use super::history::{Knowledge, Record, RequestKind};
use super::load::Load;
use super::purged;

/// The query of the export: deleted personas too.
const QUERY: &str = "include_deleted=true";

/// Reads the export, adds a record for each persona of this run, and checks each document against
/// its hash.
///
/// A persona that is missing in the export is recorded as not existing, so that a lost persona is
/// found.
pub async fn read(load: &Load) -> Result<(), Error> {
    let gone = |what: String| Error::Gone { server: load.address.to_string(), why: what };
    let invoked_at = load.history.now();
    let mut connection =
        Connection::open(&load.address).await.map_err(|error| gone(error.to_string()))?;
    let target = format!("{}?{QUERY}", OperationId::ExportPersonas.path());
    let response = connection.begin(&load.address, &target).await.map_err(&gone)?;
    if !response.status().is_success() {
        load.complain(Check::Errors, format!("the export was answered {}", response.status()));
        return Ok(());
    }
    let mut lines = Lines { load, invoked_at, seen: HashSet::new() };
    let (mut body, mut rest) = (response.into_body(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| gone(error.to_string()))?.into_data() else {
            continue;
        };
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            lines.take(&rest[..end]);
            rest.advance(end + 1);
        }
    }
    lines.finish();
    Ok(())
}

struct Lines<'a> {
    load: &'a Load,
    invoked_at: u64,
    seen: HashSet<u32>,
}

impl Lines<'_> {
    fn take(&mut self, line: &[u8]) {
        // Another server may have further personas; only those of this run are checked.
        let is_ours =
            line.windows(self.load.tag.len()).any(|part| part == self.load.tag.as_bytes());
        if !is_ours {
            return;
        }
        let name = purged::name(self.load);
        if line.windows(name.len()).any(|part| part == name.as_bytes()) {
            if self.load.has_purged_all() {
                let what = "the export has a persona that was purged".into();
                self.load.complain(Check::Purged, what);
            }
            return;
        }
        match self.parse(line) {
            Ok((persona, seen)) => {
                if !self.seen.insert(persona) {
                    self.load.complain(Check::Once, format!("persona {persona} was created twice"));
                }
                self.record(persona, Some(&seen));
            }
            Err(problem) => {
                self.load.complain(Check::Intact, format!("a line of the export {problem}"));
            }
        }
    }

    fn parse(&self, line: &[u8]) -> Result<(u32, Seen), String> {
        let seen: Seen =
            serde_json::from_slice(line).map_err(|error| format!("cannot be read: {error}"))?;
        let value: Value =
            serde_json::from_slice(line).map_err(|error| format!("is no JSON: {error}"))?;
        let name = value["name"].as_str().unwrap_or_default();
        let number =
            name.strip_prefix(&self.load.tag).and_then(|number| number.trim().parse().ok());
        let persona =
            number.ok_or_else(|| format!("has the name {name:?}, which no client gave"))?;
        let document = Document::from_representation(&value)
            .map_err(|invalid| format!("is no document: {invalid}"))?;
        if !document.content_hashes().any(|hash| value["content_hash"] == hash.to_string()) {
            let (stated, hash) = (&value["content_hash"], document.content_hash());
            return Err(format!(
                "(persona {persona}) states the hash {stated}, its document has {hash}"
            ));
        }
        Ok((persona, seen))
    }

    /// Records the personas that are missing in the export.
    fn finish(&mut self) {
        let known = self.load.personas().clone();
        for (persona, id) in (0_u32..).zip(known) {
            if id.is_some() && !self.seen.contains(&persona) {
                self.record(persona, None);
            }
        }
    }

    fn record(&self, persona: u32, seen: Option<&Seen>) {
        self.load.record(Record {
            invoked_at: self.invoked_at,
            returned_at: self.load.history.now(),
            state: seen.and_then(Seen::state),
            effect: 0,
            persona,
            revision: Some(seen.map_or(0, |seen| seen.revision)),
            request: 0,
            expected: 0,
            worker: 0,
            operation: RequestKind::Export,
            outcome: Knowledge::Done,
            replayed: false,
        });
    }
}
