//! pgbench: the limit of a PostgreSQL server, by its own tool, with the rows that Persona Store
//! writes and without any decision.

use std::fs;
use std::path::Path;

use persona_model::Document;

use crate::child::output;
use crate::place::Place;
use crate::{Result, personas};
use persona_test_support::Cluster;

/// The script of one change of a persona, in one statement as Persona Store has it: the persona's
/// row with other texts of the same size, its revision, a line of the feed, and the words of its
/// titles.
fn update(personas: u64) -> Result<String> {
    let document = Document::from_json(personas::document(1, personas::USUAL_BYTES))?;
    let titles = document.title_words();
    let all: std::collections::BTreeSet<&str> =
        [&*titles.name, &*titles.tags].into_iter().flat_map(|part| part.split(' ')).collect();
    let all: Vec<String> =
        all.into_iter().filter(|word| !word.is_empty()).map(|word| format!("'{word}'")).collect();
    let (name, tags, all) = (&titles.name, &titles.tags, all.join(", "));
    let last = personas - 1;
    Ok(format!(
        "\\set persona random(0, {last})
\\set change random(1, 99999999)
WITH written AS (
    UPDATE persona_store.personas
    SET revision = revision + 1, updated_at = (:change)::bigint, head = overlay(head placing lpad((:change)::text, 8, '0') from 200 for 8),
        document = overlay(document placing lpad((:change)::text, 8, '0') from 800 for 8),
        content_hash = sha256(lpad((:change)::text, 8, '0')::bytea)
    WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex((:persona)::bigint), 12, '0'))::uuid
    RETURNING id, revision, head, document
), kept AS (
    INSERT INTO persona_store.revisions (persona, revision, parent, at, changed, deleted, head, document, operation)
    SELECT id, revision, revision - 1, (:change)::bigint, '[\"nickname\"]', false, head, document, gen_random_uuid() FROM written
), told AS (
    INSERT INTO persona_store.changes (sequence, persona, revision, kind, at)
    SELECT about.feed_offset + pg_current_xact_id()::text::bigint * 1024, id, revision, 'updated', (:change)::bigint
    FROM written, persona_store.about AS about
), titled AS (
    INSERT INTO persona_store.persona_titles (persona, name, tags, words)
    SELECT id, ' {name} change ' || (:change)::text || ' ', ' {tags} ', array_to_tsvector(ARRAY['change', (:change)::text, {all}])
    FROM written
    ON CONFLICT (persona) DO UPDATE
    SET name = excluded.name, tags = excluded.tags, words = excluded.words
)
SELECT id FROM written;
"
    ))
}

/// The script of one read of a persona, of the same columns as Persona Store reads.
fn select(personas: u64) -> String {
    let last = personas - 1;
    format!(
        "\\set persona random(0, {last})
SELECT revision, deleted_at IS NOT NULL, head, document FROM persona_store.personas
WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex((:persona)::bigint), 12, '0'))::uuid;
"
    )
}

/// pgbench with its two scripts, against a database.
pub struct Pgbench<'a> {
    cluster: &'a Cluster,
    database: String,
}

impl<'a> Pgbench<'a> {
    /// Writes the scripts to a place where the server's user can read them.
    pub fn new(cluster: &'a Cluster, database: &str, personas: u64) -> Result<Self> {
        fs::write(cluster.folder().join("update.sql"), update(personas)?)?;
        fs::write(cluster.folder().join("select.sql"), select(personas))?;
        Ok(Self { cluster, database: database.into() })
    }

    /// Runs a script and returns transactions a second.
    pub fn rate(&self, script: &str, connections: u32, seconds: u32) -> Result<f64> {
        let (port, seconds, connections) =
            (self.cluster.port().to_string(), seconds.to_string(), connections.to_string());
        let mut command = self.cluster.command("pgbench");
        command.args([
            "-n",
            "-M",
            "prepared",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &port,
            "-j",
            "2",
        ]);
        command.args(["-c", &connections, "-T", &seconds, "-f", script, &self.database]);
        let said = output(&mut command)?;
        let rate = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| format!("pgbench told no rate: {said}").into())
    }
}

/// A database with the personas of a file, moved there with the program under test.
pub fn filled(cluster: &Cluster, file: &Path) -> Result<String> {
    let database = cluster.database();
    let mut moving = std::process::Command::new(Place::persona());
    moving.args([
        "move",
        "--from",
        &format!("sqlite:{}", file.display()),
        "--to",
        &cluster.url(&database),
    ]);
    output(&mut moving)?;
    cluster.sql(&database, "VACUUM ANALYZE");
    Ok(database)
}
