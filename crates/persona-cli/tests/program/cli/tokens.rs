//! `persona token`, and commands that speak to a server with a token.

use serde_json::{Value, json};

use crate::common::Server;
use crate::common::runner::Folder;
use crate::common::tokens::{bearer, create, run};

#[test]
fn a_token_is_made_listed_rotated_revoked_and_deleted_on_a_file() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let token = |arguments: &[&str]| {
        folder.run(&[&["token"], arguments, &["--database", "persona.db"]].concat())
    };
    let made = token(&["create", "--name", "ci", "--scope", "write", "--expires", "90d"]);
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stdout.starts_with("psk_") && made.stdout.len() == 54, "{made}");
    assert!(made.stderr.contains("shown only now"), "{made}");
    let again = token(&["create", "--name", "ci", "--scope", "read"]);
    assert_eq!(again.code, 4, "{again}");
    let listed = token(&["list"]);
    assert!(listed.stdout.contains("ci") && !listed.stdout.contains("psk_"), "{listed}");
    let rotated = token(&["rotate", "ci", "--keep", "0"]);
    assert!(rotated.stdout.starts_with("psk_") && rotated.stdout != made.stdout, "{rotated}");
    assert_eq!(token(&["revoke", "ci"]).code, 0);
    assert!(token(&["list"]).stdout.contains("revoked"));
    assert_eq!(token(&["rotate", "ci"]).code, 4, "it has ended");
    assert_eq!(token(&["revoke", "unknown"]).code, 3);
    assert_eq!(token(&["delete", "ci"]).code, 0);
    assert!(token(&["list"]).stdout.is_empty());
    for wrong in [
        &["create", "--name", "-ci", "--scope", "read"][..],
        &["create", "--name", "a b", "--scope", "read"],
        &["create", "--name", "ci", "--scope", "all"],
        &["create", "--name", "ci", "--scope", "read", "--expires", "9"],
    ] {
        assert_eq!(token(wrong).code, 2, "{wrong:?}");
    }
    let elsewhere = folder.run(&["token", "list", "--database", "none.db"]);
    assert_eq!(elsewhere.code, 3, "{elsewhere}");
    assert!(!folder.files().contains(&"none.db".into()), "nothing was made");
}

#[test]
fn a_database_with_tokens_is_sound_and_so_is_a_damaged_one_not() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let made = folder.run(&["token", "create", "--name=ci", "--scope=read"]);
    assert_eq!(made.code, 0, "{made}");
    assert_eq!(folder.run(&["check"]).code, 0);
    let backed_up = folder.run(&["backup", "copy.db"]);
    assert_eq!(backed_up.code, 0, "{backed_up}");
    let listed = folder.run(&["token", "list", "--json", "--database", "copy.db"]);
    assert!(listed.stdout.contains("\"name\":\"ci\""), "{listed}");
    let file = rusqlite::Connection::open(folder.path("persona.db")).expect("it opens");
    assert_eq!(file.execute("UPDATE tokens SET scope = 'admin'", []), Ok(1));
    drop(file);
    let checked = folder.run(&["check"]);
    assert_eq!(checked.code, 1, "{checked}");
    assert!(checked.stdout.contains("the token \"ci\" does not fit its checksum"), "{checked}");
}

#[test]
fn a_damaged_token_opens_no_server_and_is_ended_by_the_command_and_by_the_route() {
    let folder = Folder::with_personas(&[&["Ada"]]);
    let token = |arguments: &[&str]| {
        let ran = folder.run(&[&["token"], arguments, &["--database", "persona.db"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {ran}");
        ran.stdout
    };
    let damage = |name: &str| {
        token(&["create", "--name", name, "--scope=write"]);
        let file = rusqlite::Connection::open(folder.path("persona.db")).expect("it opens");
        let sql = "UPDATE tokens SET scope = 'admin' WHERE name = ?1";
        assert_eq!(file.execute(sql, [name]), Ok(1));
    };
    damage("first");
    // It is the only one, and does not count.
    let refused = folder.run(&["serve", "--host=0.0.0.0", "--port=0"]);
    assert_eq!(refused.code, 5, "{refused}");
    assert!(refused.stderr.contains("no access token counts"), "{refused}");
    let listed = folder.run(&["token", "list", "--database", "persona.db"]);
    assert!(listed.code == 0 && !listed.stdout.contains("first"), "{listed}");
    assert!(listed.stderr.contains("no token can be read; `persona check` names"), "{listed}");
    token(&["link", "--url=http://localhost"]);
    let secret = token(&["create", "--name=admin", "--scope=admin"]);
    token(&["revoke", "first"]);
    assert_eq!(folder.run(&["check"]).code, 0);
    for name in ["second", "third"] {
        damage(name);
    }
    token(&["delete", "second"]);
    let database = folder.path("persona.db");
    let server = Server::with_workers(2).flag(format!("--database={}", database.display())).start();
    let ask = |method: &str, path: &str| {
        let headers = [("authorization", &*bearer(secret.trim()))];
        let reply = server.connect().request(method, path, &headers, b"").expect("an answer");
        (reply.status, String::from_utf8(reply.body).expect("text"))
    };
    let (status, list) = ask("GET", "/api/v1/tokens");
    assert!(status == 200 && !list.contains("third"), "{status} {list}");
    let (status, ended) = ask("POST", "/api/v1/tokens/third/revoke");
    assert!(status == 200 && ended.contains("third"), "{status} {ended}");
    assert_eq!(ask("POST", "/api/v1/tokens/third/revoke").0, 404);
    drop(server);
    assert_eq!(folder.run(&["check"]).code, 0);
}

#[test]
fn commands_send_the_token_that_they_find_and_say_what_is_missing() {
    let server = Server::with_workers(1).start();
    let secret = create(&server, &["--name=ci", "--scope=write"]);
    let url = format!("http://{}", server.address());
    let folder = Folder::new().file("token", format!("{secret}\n"));
    let without = folder.run(&["list", "--server", &url]);
    assert_eq!(without.code, 1, "{without}");
    assert!(
        without.stderr.contains("no token") && without.stderr.contains("--token-file"),
        "{without}"
    );
    let made = ["create", "--name", "Ada", "--server", &url, "--token-file", "token"];
    let created = folder.run(&made);
    assert_eq!(created.code, 0, "{created}");
    let piped = folder.run_with(
        &["list", "--server", &url, "--token-file", "-"],
        format!("{secret}\n").as_bytes(),
    );
    assert!(piped.code == 0 && piped.stdout.contains("Ada"), "{piped}");
    let by_variable = folder.variable("PERSONA_TOKEN", &secret).variable("LOGNAME", "ada");
    let shown = by_variable.run(&["list", "--json", "--server", &url]);
    assert!(shown.stdout.contains("\"created_by\":\"ci\""), "the token is the author: {shown}");
    let named = ["create", "--name", "Bea", "--author", "ada", "--server", &url];
    let refused = by_variable.run(&named);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("another author than ci"), "{refused}");
    run(&server, &["revoke", "ci"]);
    let revoked = by_variable.run(&["list", "--server", &url]);
    assert!(revoked.code == 1 && revoked.stderr.contains("was revoked"), "{revoked}");
    for text in [&without, &created, &piped, &shown, &refused, &revoked] {
        assert!(!text.stdout.contains(&secret) && !text.stderr.contains(&secret), "{text}");
    }
}

#[test]
fn a_token_of_an_owner_imports_files_into_personas_of_its_owner() {
    let server = Server::with_workers(2).start();
    let url = format!("http://{}", server.address());
    let secret = |name: &str| {
        let (name, owner) = (format!("--name={name}"), format!("--owner={name}"));
        create(&server, &[&name, "--scope=admin", "--act-as", &owner])
    };
    let line = |id: u8, name: &str| {
        format!("{{\"id\":\"0193b0c2-7f3e-7a10-8c1d-0000000000{id:02}\",\"name\":\"{name}\"}}\n")
    };
    let folder = Folder::new()
        .file("ada", secret("ada"))
        .file("bea", secret("bea"))
        .file("prompts.csv", "act,prompt\nPoet,rhyme\nBard,sing\n")
        .file("own.ndjson", [line(1, "One"), line(2, "Two")].concat())
        .file("later.ndjson", [line(1, "One"), line(2, "Deux")].concat());
    let import = |token: &str, flags: &[&str]| {
        let arguments = ["import", "--json", "--server", &url, "--token-file", token];
        let ran = folder.command(&[&arguments, flags].concat()).output().expect("the program");
        let told = String::from_utf8(ran.stderr).expect("text");
        let text = String::from_utf8(ran.stdout).expect("text");
        assert!(ran.status.success(), "{flags:?}: {told}{text}");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let (summary, items) = lines.split_last().expect("a summary");
        let ids: Vec<String> = items.iter().map(|item| item["id"].to_string()).collect();
        (summary["summary"]["counts"].clone(), ids, told)
    };
    let files = ["prompts.csv", "own.ndjson"];
    let (of_bea, ids_of_bea, told) = import("bea", &files);
    assert_eq!(of_bea, json!({ "created": 4 }));
    assert!(told.contains("bound to an owner"), "{told}");
    // What another owner has taken in of the same file is not there for this one.
    let (of_ada, ids, _) = import("ada", &files);
    assert_eq!(of_ada, json!({ "created": 4 }));
    assert!(ids.iter().all(|id| !ids_of_bea.contains(id)), "{ids:?} and {ids_of_bea:?}");
    let (again, same_ids, _) = import("ada", &files);
    assert_eq!((again, same_ids), (json!({ "unchanged": 4 }), ids));
    let (skipped, ..) = import("ada", &["later.ndjson"]);
    assert_eq!(skipped, json!({ "unchanged": 1, "differs": 1 }));
    let (updated, ..) = import("ada", &["later.ndjson", "--on-duplicate", "update"]);
    assert_eq!(updated, json!({ "unchanged": 1, "updated": 1 }));
    // What it exports has its identities.
    let export = |token: &str, flags: &[&str]| {
        folder.run(&[&["export", "--server", &url, "--token-file", token], flags].concat())
    };
    assert_eq!(export("ada", &["--output", "own-export.ndjson"]).code, 0);
    assert_eq!(import("ada", &["own-export.ndjson"]).0, json!({ "unchanged": 4 }));
    assert_eq!(export("ada", &["--output", "history.ndjson", "--history"]).code, 0);
    assert_eq!(import("ada", &["history.ndjson"]).0, json!({ "unchanged": 5 }));
    let other = ["import", "history.ndjson", "--server", &url, "--token-file", "bea"];
    let refused = folder.run(&other);
    assert!(refused.code == 1 && refused.stderr.contains("without --history"), "{refused}");
}

#[test]
fn a_token_that_may_not_write_the_past_imports_what_is_there_and_is_told_the_way_on() {
    let server = Server::with_workers(2).start();
    let url = format!("--server=http://{}", server.address());
    let secret = |name: &str, flags: &[&str]| {
        create(&server, &[&[&*format!("--name={name}")], flags].concat())
    };
    let folder = Folder::new()
        .file("admin", secret("admin", &["--scope=admin"]))
        .file("writer", secret("writer", &["--scope=write"]))
        .file("ada", secret("ada", &["--scope=write", "--owner=ada"]));
    let run = |token: &str, arguments: &[&str]| {
        folder.run(&[arguments, &[&url, "--token-file", token]].concat())
    };
    for (token, name) in [("ada", "One"), ("ada", "Two"), ("writer", "Three")] {
        assert_eq!(run(token, &["create", "--name", name]).code, 0);
    }
    let export = |token: &str, file: &str| {
        let exported = run(token, &["export", "--output", file]);
        assert_eq!(exported.code, 0, "{exported}");
    };
    export("ada", "own.ndjson");
    export("admin", "all.ndjson");
    let unchanged = |token: &str, file: &str, count: usize| {
        let ran = run(token, &["import", file]);
        assert_eq!(ran.code, 0, "{token}: {ran}");
        assert!(ran.stdout.contains(&format!("{count} unchanged")), "{token}: {ran}");
    };
    unchanged("ada", "own.ndjson", 2);
    unchanged("writer", "all.ndjson", 3);
    unchanged("admin", "all.ndjson", 3);
    let changed = folder.read("all.ndjson").replace("\"Three\"", "\"Drei\"");
    std::fs::write(folder.path("all.ndjson"), changed).expect("a file");
    let updated = run("writer", &["import", "all.ndjson", "--on-duplicate=update"]);
    assert!(updated.code == 0 && updated.stdout.contains("1 updated"), "{updated}");
    // What is not there would come in with times and authors of its own.
    let other = Server::with_workers(1).start();
    let there = format!("--server=http://{}", other.address());
    let folder = Folder::new()
        .file("all.ndjson", folder.read("all.ndjson"))
        .file("admin", create(&other, &["--name=admin", "--scope=admin"]))
        .file("writer", create(&other, &["--name=writer", "--scope=write"]))
        .file("acting", create(&other, &["--name=acting", "--scope=admin", "--act-as"]));
    let import = |token: &str| folder.run(&["import", "all.ndjson", &there, "--token-file", token]);
    for token in ["writer", "admin"] {
        let refused = import(token);
        assert_eq!(refused.code, 1, "{token}: {refused}");
        assert!(refused.stderr.contains("--act-as"), "{token}: {refused}");
    }
    let taken = import("acting");
    assert!(taken.code == 0 && taken.stdout.contains("3 created"), "{taken}");
}

#[test]
fn a_damaged_token_lets_no_request_in_and_others_go_on() {
    let server = Server::with_workers(2).start();
    let [damaged, sound] = ["damaged", "sound"]
        .map(|name| bearer(&create(&server, &["--scope=read", "--name", name])));
    let ask = |path: &str, header: &str| {
        let headers = [("authorization", header)];
        server.connect().request("GET", path, &headers, b"").expect("an answer").status
    };
    let one = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";
    assert_eq!([ask("/api/v1/personas", &damaged), ask(one, &damaged)], [200, 404]);
    let file = rusqlite::Connection::open(server.database()).expect("it opens");
    let sql = "UPDATE tokens SET scope = 'admin' WHERE name = 'damaged'";
    assert_eq!(file.execute(sql, []), Ok(1));
    for path in ["/api/v1/personas", one, "/api/v1/tokens", "/metrics"] {
        assert_eq!(ask(path, &damaged), 500, "{path}");
        assert_eq!(server.connect().get(path).expect("an answer").status, 401, "{path}");
    }
    assert_eq!([ask("/api/v1/personas", &sound), ask(one, &sound)], [200, 404]);
}
