//! The personas that a token reads and changes which is bound to an owner.

use serde_json::{Value, json};

use super::cast::{Cast, PERSONAS};
use crate::common::tokens::{bearer, create, run};
use crate::common::{Reply, Server};

fn told(reply: &Reply) -> (u16, Value, Value) {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    (reply.status, body["code"].clone(), body["owner"].clone())
}

#[test]
fn a_bound_token_works_on_the_personas_of_its_owner() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let (id, write) = (&cast.own.id, &cast.ada[1]);
    let done = |status: u16| (status, Value::Null, json!("ada"));
    let refused = (403, json!("owner_refused"), Value::Null);
    assert_eq!(told(&cast.send(write, "GET", id, &[], "")), done(200));
    assert_eq!(told(&cast.send(write, "PATCH", id, &[], r#"{"nickname":"x"}"#)), done(200));
    let any = [("if-match", "*")];
    assert_eq!(told(&cast.send(write, "PUT", id, &any, r#"{"name":"wizard"}"#)), done(200));
    assert_eq!(told(&cast.send(write, "POST", "", &[], r#"{"name":"x"}"#)), done(201));
    for body in [r#"{"name":"x","owner":"bea"}"#, r#"{"name":"x","owner":"Ada"}"#] {
        assert_eq!(told(&cast.send(write, "POST", "", &[], body)), refused, "{body}");
        assert_eq!(told(&cast.send(write, "PUT", id, &any, body)), refused, "{body}");
    }
    for body in [r#"{"owner":"bea"}"#, r#"{"owner":null}"#] {
        assert_eq!(told(&cast.send(write, "PATCH", id, &[], body)), refused, "{body}");
    }
    // A bound token must not choose an identity: the answer would reveal whether the identity is in
    // use.
    let new = [("if-none-match", "*")];
    let chosen = "0193b0c2-7f3e-7a10-8c1d-000000000001";
    let reply = cast.send(write, "PUT", chosen, &new, r#"{"name":"x"}"#);
    assert_eq!(told(&reply), (404, json!("no_such_persona"), Value::Null));
    for path in ["/api/v1/status", "/metrics"] {
        assert_eq!(told(&cast.ask(&cast.ada[2], "GET", path, &[], "")), refused, "{path}");
    }
    // A persona without an owner is read with +shared, and never changed.
    let [strict, shared] = [&cast.ada[2], &cast.ada[3]];
    let shared_id = &cast.shared.id;
    assert_eq!(cast.send(strict, "GET", shared_id, &[], "").status, 404);
    assert_eq!(cast.send(shared, "GET", shared_id, &[], "").status, 200);
    assert_eq!(cast.send(shared, "PATCH", shared_id, &[], r#"{"name":"x"}"#).status, 404);
}

#[test]
fn a_bound_token_purges_the_personas_of_its_owner_only() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let admin = &cast.ada[2];
    let purge = |id: &str| {
        let purge = format!("{id}?purge=true");
        told(&cast.send(admin, "DELETE", &purge, &[("if-match", "*")], ""))
    };
    let missing = (404, json!("no_such_persona"), Value::Null);
    for hidden in &cast.hidden {
        assert_eq!(purge(&hidden.id), missing, "{hidden:?}");
    }
    assert_eq!(purge(&cast.shared.id), missing);
    let gone = (410, json!("purged"), Value::Null);
    for _ in 0..2 {
        assert_eq!(purge(&cast.own.id), (204, Value::Null, Value::Null));
        assert_eq!(told(&cast.send(admin, "GET", &cast.own.id, &[], "")), gone);
        assert_eq!(told(&cast.send(&cast.admin, "GET", &cast.own.id, &[], "")), gone);
        assert_eq!(told(&cast.send(&cast.bea, "GET", &cast.own.id, &[], "")), missing);
    }
}

#[test]
fn a_persona_that_is_given_away_is_gone_at_once_on_every_worker() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let id = &cast.own.id;
    let statuses = || {
        let read = |token: &str| cast.send(token, "GET", id, &[], "").status;
        (0..8).map(|_| (read(&cast.ada[0]), read(&cast.bea))).collect::<Vec<_>>()
    };
    let give = |owner: &str| {
        let body = json!({ "owner": owner }).to_string();
        let reply = cast.send(&cast.admin, "PATCH", id, &[], &body);
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    assert_eq!(statuses(), [(200, 404); 8]);
    for _ in 0..10 {
        give("bea");
        assert_eq!(statuses(), [(404, 200); 8]);
        give("ada");
        assert_eq!(statuses(), [(200, 404); 8]);
    }
}

#[test]
fn a_file_is_imported_into_the_owner_of_the_token() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let import = |token: &str, body: &str| {
        let headers = [("content-type", "application/x-ndjson")];
        let reply = cast.ask(token, "POST", "/api/v1/import", &headers, body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let items = reply.json()["items"].clone();
        let item = |item: &Value| (item["status"].clone(), item["id"].clone());
        items.as_array().expect("items").iter().map(item).collect::<Vec<_>>()
    };
    let file = format!("{{\"id\":\"{}\",\"name\":\"x\"}}\n", cast.hidden[0].id);
    let (ada, bea) = (&cast.ada[1], &cast.bea);
    let first = import(ada, &file);
    assert_eq!(first[0].0, "created");
    assert_ne!(first[0].1, cast.hidden[0].id.as_str());
    assert_eq!(import(ada, &file), [(json!("unchanged"), first[0].1.clone())]);
    // The other owner's token finds its own persona by its identity.
    assert_eq!(import(bea, &file), [(json!("differs"), json!(cast.hidden[0].id))]);
    let id = first[0].1.as_str().expect("an id");
    let made = cast.send(ada, "GET", id, &[], "").json();
    assert_eq!((&made["owner"], &made["name"]), (&json!("ada"), &json!("x")));
    // What was given to another owner is made anew, and found again.
    let patch = [("content-type", "application/merge-patch+json")];
    let given = cast.send(&cast.admin, "PATCH", id, &patch, "{\"owner\":\"bea\"}");
    assert_eq!(given.status, 200, "{given:?}");
    let second = import(ada, &file);
    assert_eq!(second[0].0, "created");
    assert_ne!(second[0].1, first[0].1);
    let found = [(json!("unchanged"), second[0].1.clone())];
    assert_eq!(import(ada, &file), found);
    let headers = [("content-type", "application/x-ndjson")];
    let looked = cast.ask(ada, "POST", "/api/v1/import?mode=validate", &headers, &file);
    let item = looked.json()["items"][0].clone();
    assert_eq!([(item["status"].clone(), item["id"].clone())], found, "of a dry run");
}

#[test]
fn a_file_does_not_bring_back_what_its_owner_purged() {
    let server = Server::with_workers(2).start();
    let cast = Cast::of(&server);
    let (ada, own) = (&cast.ada[2], cast.own.id.as_str());
    let import = |id: &str, query: &str| {
        let headers = [("content-type", "application/x-ndjson")];
        let file = format!("{{\"id\":\"{id}\",\"name\":\"x\"}}\n");
        let path = format!("/api/v1/import{query}");
        let reply = cast.ask(ada, "POST", &path, &headers, &file);
        assert_eq!(reply.status, 200, "{reply:?}");
        let item = reply.json()["items"][0].clone();
        (item["status"].clone(), item["code"].clone(), item["id"].clone())
    };
    let purge = |id: &str| {
        let purged =
            cast.send(ada, "DELETE", &format!("{id}?purge=true"), &[("if-match", "*")], "");
        assert_eq!(purged.status, 204, "{purged:?}");
    };
    let gone = |id: &str| (json!("failed"), json!("purged"), json!(id));
    purge(own);
    assert_eq!(import(own, "?mode=validate"), gone(own));
    assert_eq!(import(own, ""), gone(own));
    // The same of a persona that got an identity of its own, because that of the file is in use.
    let (status, code, id) = import(&cast.hidden[0].id, "");
    assert_eq!((status, code), (json!("created"), Value::Null));
    let id = id.as_str().expect("an identity");
    purge(id);
    assert_eq!(import(&cast.hidden[0].id, "?mode=validate"), gone(id));
    assert_eq!(import(&cast.hidden[0].id, ""), gone(id));
}

#[test]
fn a_token_tells_its_owner_and_has_one_that_can_be() {
    let server = Server::with_workers(1).start();
    create(&server, &["--name=t", "--scope=read+shared", "--owner=team:7"]);
    create(&server, &["--name=u", "--scope=write"]);
    let listed = run(&server, &["list"])["items"].clone();
    let told = |item: &Value| [&item["owner"], &item["scope"], &item["shared"]].map(Value::clone);
    assert_eq!(told(&listed[0]), [json!("team:7"), json!("read"), json!(true)]);
    assert_eq!(told(&listed[1]), [Value::Null, json!("write"), json!(false)]);
    let token = bearer(&create(&server, &["--name=v", "--scope=write", "--owner=team:7"]));
    let headers = [("authorization", token.as_str())];
    let body = br#"{"name":"x"}"#;
    let made = server.connect().request("POST", PERSONAS, &headers, body).expect("an answer");
    assert_eq!(made.json()["owner"], "team:7");
}
