//! What is damaged of another owner is told to no client that is bound to an owner: its personas
//! are answered for as those that never existed.

use persona_test_support::Cluster;
use rusqlite::Connection;

use super::cast::{Cast, LABEL, PERSONAS};
use super::unseen::{about_all, told_apart};
use crate::common::{ON_POSTGRES, Server};

/// A handle that the first owner had on a persona that was given away with it.
const GIVEN: &str = "handle-of-ada";
/// As long, and of no persona.
const NEVER: &str = "handle-of-nil";

/// Damages everything that is kept of the personas of the other owner but their owner itself. The
/// server notices that another program wrote.
fn damage(server: &Server) {
    if ON_POSTGRES {
        let url = server.database_argument();
        let database = url.rsplit('/').next().expect("the name of a database");
        // Rows have no checksums there: a text that is no document is damage.
        let of_bea = "(SELECT id FROM persona_store.personas WHERE owner = 'bea')";
        for sql in [
            "UPDATE persona_store.personas SET document = '[1]' WHERE owner = 'bea'",
            &format!(
                "UPDATE persona_store.revisions SET document = '[1]' WHERE persona IN {of_bea}"
            ),
        ] {
            Cluster::shared().sql(database, sql);
        }
        return;
    }
    let of_bea = "(SELECT id FROM personas WHERE owner = 'bea')";
    let sql = format!(
        "UPDATE personas SET document = '[1]', head = '' WHERE owner = 'bea' AND row_id % 2 = 0;
         UPDATE personas SET checksum = checksum + 1 WHERE owner = 'bea' AND row_id % 2 = 1;
         UPDATE revisions SET checksum = checksum + 1
         WHERE sequence IN (SELECT sequence FROM changes WHERE persona IN {of_bea});
         UPDATE label_moves SET checksum = checksum + 1 WHERE persona IN {of_bea};",
    );
    let file = Connection::open(server.database()).expect("it opens");
    let before = file.total_changes();
    file.execute_batch(&sql).expect("SQL");
    assert!(file.total_changes() > before + 20, "{}", file.total_changes() - before);
}

/// What every read that names a persona is answered with.
fn reads(cast: &Cast<'_>, token: &str, named: &str) -> Vec<(String, u16)> {
    let of_one = [
        "",
        "?revision=1",
        "?include=labels",
        &format!("?label={LABEL}"),
        &format!("?label={LABEL}&include=labels"),
        "/revisions",
        "/revisions/1",
        "/diff?from=1",
        "/labels",
        &format!("/labels/{LABEL}"),
        &format!("/labels/{LABEL}/moves"),
    ]
    .map(|rest| format!("{PERSONAS}/{named}{rest}"));
    let answer = |path: String| {
        let reply = cast.ask(token, "GET", &path, &[], "");
        (path, reply.status)
    };
    of_one.into_iter().map(answer).collect()
}

#[test]
fn damage_of_the_personas_of_another_owner_is_told_to_no_bound_client() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let named = format!(r#"{{"name":"given","handle":"{GIVEN}"}}"#);
    let made = cast.send(&cast.ada[1], "POST", "", &[], &named);
    let given = made.json()["id"].as_str().expect("an identity").to_owned();
    let given = cast.send(&cast.admin, "PATCH", &given, &[], r#"{"owner":"bea"}"#);
    assert_eq!(given.status, 200, "{given:?}");
    let before = [about_all(&cast, &cast.ada[2]), about_all(&cast, &cast.ada[3])];
    damage(&server);
    for token in &cast.ada {
        for hidden in &cast.hidden {
            for (path, status) in reads(&cast, token, &hidden.id) {
                assert_eq!(status, 404, "{path}");
            }
        }
        for handle in [GIVEN, NEVER] {
            for (path, status) in reads(&cast, token, &format!("@{handle}")) {
                assert_eq!(status, 404, "{path}");
            }
        }
    }
    let told = told_apart(&cast);
    assert!(told.is_none(), "{}", told.unwrap_or_default());
    assert_eq!([about_all(&cast, &cast.ada[2]), about_all(&cast, &cast.ada[3])], before);
    // The control: the owner itself is told of all of it.
    for (path, status) in reads(&cast, &cast.bea, &cast.hidden[0].id) {
        // The list of revisions shows nothing of what is damaged, and moves are whole over
        // PostgreSQL.
        let is_whole = path.contains("/revisions") || ON_POSTGRES && path.contains("/labels");
        assert!(status == 500 || is_whole, "{status} {path}");
    }
}
