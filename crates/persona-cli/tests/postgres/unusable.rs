//! Databases that cannot be used, each by itself: one message that names host and database and
//! never the password, the documented exit code from the server, from a command and from a move,
//! and no change.

use crate::common::runner::{Folder, many};
use crate::common::{DEADLINE, Server, refused, wait_for};
use persona_test_support::Cluster;

/// Makes a role that may connect with a password.
fn role(cluster: &Cluster, name: &str, more: &str) {
    cluster.role(name, &format!("LOGIN PASSWORD 'secret' {more}"));
}

fn url_of(cluster: &Cluster, role: &str, database: &str) -> String {
    format!("postgres://{role}:secret@127.0.0.1:{}/{database}", cluster.port())
}

/// The URLs of unusable databases, each with its exit code and words of its message.
fn unusable(cluster: &Cluster, standby: &Cluster) -> Vec<(String, i32, &'static str)> {
    role(cluster, "guest", "");
    role(cluster, "crowded", "CONNECTION LIMIT 0");
    let (plain, foreign, old) = (cluster.database(), cluster.database(), cluster.database());
    cluster
        .sql(&foreign, "CREATE SCHEMA persona_store; CREATE TABLE persona_store.theirs (id INT)");
    // A function of the same name that is found before the server's own.
    cluster.sql(
        &old,
        "CREATE SCHEMA old; CREATE FUNCTION old.current_setting(text) RETURNS text LANGUAGE sql AS
         $$ SELECT CASE $1 WHEN 'server_version_num' THEN '140009' ELSE pg_catalog.current_setting($1) END $$",
    );
    cluster.sql(&old, &format!("ALTER DATABASE {old} SET search_path = old, pg_catalog"));
    vec![
        (url_of(cluster, "guest", &plain), 5, "the user guest may not use"),
        (url_of(cluster, "crowded", &plain), 69, "too many connections for role"),
        (url_of(cluster, "postgres", &foreign), 5, "belongs to another application"),
        (url_of(cluster, "postgres", &old), 5, "this program needs 15 or newer"),
        (url_of(standby, "postgres", "postgres"), 5, "is a read-only standby"),
    ]
}

#[test]
fn each_is_told_by_host_and_database_with_its_exit_code_and_nothing_is_changed() {
    let cluster = Cluster::start(&[]);
    let standby = Cluster::standby_of(&cluster);
    let schemas = "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace";
    for (url, code, words) in unusable(&cluster, &standby) {
        let (server_of, database) =
            url.split_once('@').and_then(|(_, rest)| rest.split_once('/')).expect("a URL");
        let at =
            if server_of.ends_with(&format!(":{}", standby.port())) { &standby } else { &cluster };
        let before = at.sql(database, schemas);
        let server =
            refused(tempfile::tempdir().expect("a folder").path(), &[&format!("--database={url}")]);
        assert_eq!(server.code, Some(code), "{words}: {}", server.stderr);
        let folder = Folder::new().file("many.ndjson", many(3));
        assert_eq!(folder.run(&["import", "many.ndjson", "--database", "persona.db"]).code, 0);
        let command = folder.run(&["create", "--name", "Ada", "--database", &url]);
        let moved = folder.run(&["move", "--from", "sqlite:persona.db", "--to", &url]);
        assert_eq!((command.code, moved.code), (code, code), "{words}: {command} {moved}");
        for said in [&server.stderr, &command.stderr, &moved.stderr] {
            let place = format!("{server_of}/{database}");
            assert!(
                said.contains(words) && said.contains(&place) && !said.contains("secret"),
                "{place}: {said}"
            );
        }
        assert_eq!(at.sql(database, schemas), before, "{words}");
    }
}

#[test]
fn a_command_that_works_on_what_is_there_makes_no_schema() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let url = cluster.url(&database);
    let (folder, place) = (Folder::new(), ["--database", &*url]);
    for command in [
        &["list"][..],
        &["show", "ada"],
        &["update", "ada", "--set", "name=Ada"],
        &["delete", "ada", "--yes"],
        &["export"],
        &["history", "ada"],
        &["token", "list"],
        &["token", "create", "--name", "ci", "--scope", "read"],
        &["prune", "--keep-newest", "1"],
    ] {
        let ended = folder.run(&[command, &place].concat());
        assert_eq!(ended.code, 3, "{command:?}: {ended}");
        assert!(ended.stderr.contains("there are no personas in"), "{command:?}: {ended}");
    }
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'persona_store'";
    assert_eq!(cluster.sql(&database, schemas), "0");
    let made = folder.run(&["create", "--name", "Ada", "--database", &url]);
    assert!(made.code == 0 && cluster.sql(&database, schemas) == "1", "the control: {made}");
}

#[test]
fn a_start_that_is_refused_for_want_of_a_token_makes_no_schema() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let url = format!("--database={}", cluster.url(&database));
    let is_there = "SELECT count(*) FROM pg_namespace WHERE nspname = 'persona_store'";
    let folder = tempfile::tempdir().expect("a folder");
    let ended = refused(folder.path(), &[&url, "--host=0.0.0.0"]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("no access token counts"), "{}", ended.stderr);
    let way = "--scope admin --create, with the database of this server; or add --allow-open";
    assert!(ended.stderr.contains(way), "{}", ended.stderr);
    assert_eq!(cluster.sql(&database, is_there).trim(), "0");
    // The control: a start that is not refused makes one.
    let server = Server::with_workers(1).flag(url).flag("--host=0.0.0.0").flag("--allow-open");
    let _server = server.start();
    assert_eq!(cluster.sql(&database, is_there).trim(), "1");
}

#[test]
fn a_start_that_is_refused_for_want_of_a_token_leaves_an_older_schema_as_it_is() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let url = format!("--database={}", cluster.url(&database));
    let folder = Folder::new();
    assert_eq!(folder.run(&["create", "--name", "Ada", &url]).code, 0);
    let version = || cluster.sql(&database, "SELECT schema_version FROM persona_store.about");
    // As the version before the last left it, and the last one without a table of tokens.
    let older = "DROP INDEX persona_store.label_moves_by_revision;
                 ALTER TABLE persona_store.personas DROP COLUMN autosaved_since;
                 UPDATE persona_store.about SET schema_version = 9";
    let without_tokens = "ALTER TABLE persona_store.tokens RENAME TO hidden;
                          UPDATE persona_store.about SET schema_version = 4";
    cluster.sql(&database, older);
    for (before, now) in [("9", ""), ("4", without_tokens)] {
        if !now.is_empty() {
            cluster.sql(&database, now);
        }
        let place = tempfile::tempdir().expect("a folder");
        let ended = refused(place.path(), &[&url, "--host=0.0.0.0"]);
        assert_eq!(ended.code, Some(5), "{}", ended.stderr);
        assert!(ended.stderr.contains("no access token counts"), "{}", ended.stderr);
        assert_eq!(version().trim(), before);
    }
    // The control: with a token that counts it is brought up to date.
    let back = "ALTER TABLE persona_store.hidden RENAME TO tokens;
                UPDATE persona_store.about SET schema_version = 9";
    cluster.sql(&database, back);
    let made = folder.run(&["token", "create", "--name=first", "--scope=admin", &url]);
    assert_eq!(made.code, 0, "{made}");
    cluster.sql(&database, older);
    let _server = Server::with_workers(1).flag(url).flag("--host=0.0.0.0").start();
    assert_eq!(version().trim(), "10");
}

#[test]
fn a_limit_of_connections_that_is_reached_while_serving_is_503_until_it_is_not_any_more() {
    let cluster = Cluster::shared();
    role(cluster, "limited", "");
    let database = cluster.database();
    cluster.sql(&database, &format!("GRANT CREATE ON DATABASE {database} TO limited"));
    let server = Server::with_workers(1)
        .flag(format!("--database={}", url_of(cluster, "limited", &database)))
        .start();
    let get = || server.connect().request("GET", "/api/v1/personas", &[], b"").expect("an answer");
    assert_eq!(get().status, 200);
    cluster.sql(&database, "ALTER ROLE limited CONNECTION LIMIT 0");
    cluster.sql(
        &database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'limited'",
    );
    let refused =
        wait_for("a refusal", DEADLINE, || Some(get()).filter(|answer| answer.status == 503));
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let said = String::from_utf8(refused.body).expect("text");
    assert!(
        !said.contains("secret") && !said.contains("limited") && !said.contains("role"),
        "{said}"
    );
    cluster.sql(&database, "ALTER ROLE limited CONNECTION LIMIT -1");
    wait_for("it goes on by itself", DEADLINE, || (get().status == 200).then_some(()));
}
