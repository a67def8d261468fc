//! The personas of two owners and of none, and their tokens.

use serde_json::{Value, json};

use crate::common::tokens::{bearer, create};
use crate::common::{Reply, Server};

pub const PERSONAS: &str = "/api/v1/personas";
/// A text that is everywhere in every persona of the other owner. No probe has it.
pub const SECRET: &str = "otter";
/// The idempotency key that the other owner used.
pub const KEY: &str = "key-of-bea";
/// The body that was sent with the key.
pub const CREATED_WITH_KEY: &str = r#"{"name":"made with a key"}"#;
/// The handle of a persona of the other owner.
pub const HANDLE: &str = "handle-of-bea";

/// A persona that is hidden from the first owner.
#[derive(Clone, Default, Debug)]
pub struct Hidden {
    pub id: String,
    pub etag: String,
    /// The tag of its label, where it has one.
    pub label_etag: String,
}

/// A request of the first owner with an idempotency key. Its persona was given to the other owner
/// afterwards.
pub struct Earlier {
    pub method: &'static str,
    pub path: String,
    pub key: String,
    pub body: &'static str,
}

/// What the keys of such requests begin with.
pub const KEY_OF_ADA: &str = "key-of-ada";

/// The label of each persona that has a handle, is deleted, is large, or is purged.
pub const LABEL: &str = "production";

/// See the module.
pub struct Cast<'a> {
    pub server: &'a Server,
    /// Tokens that are bound to the first owner, one of each scope; that of the scope `admin` names
    /// other authors, and the last one also reads the personas without an owner.
    pub ada: Vec<String>,
    /// The token of the other owner.
    pub bea: String,
    /// The operator's token, which is not bound to an owner.
    pub admin: String,
    /// The personas of the other owner, each in a state of its own.
    pub hidden: Vec<Hidden>,
    /// A persona without an owner.
    pub shared: Hidden,
    /// A persona of the first owner.
    pub own: Hidden,
    /// Personas that the first owner had, and what it asked for then.
    pub given: Vec<(Hidden, Vec<Earlier>)>,
}

impl<'a> Cast<'a> {
    pub fn of(server: &'a Server) -> Self {
        let token = |flags: &[&str]| bearer(&create(server, flags));
        let ada = ["read", "write", "admin", "admin+shared"].map(|scope| {
            let name = format!("--name=a-{}", scope.replace('+', "-"));
            let scope_flag = format!("--scope={scope}");
            let flags = [&*name, &*scope_flag, "--owner=ada", "--act-as"];
            // Without the last one an import of a revision is refused before it is about a persona.
            token(if scope == "admin" { &flags } else { &flags[..3] })
        });
        let nothing = Hidden::default;
        let mut cast = Self {
            server,
            ada: ada.into(),
            bea: token(&["--name=b", "--scope=admin", "--owner=bea"]),
            admin: token(&["--name=operator", "--scope=admin"]),
            hidden: Vec::new(),
            shared: nothing(),
            own: nothing(),
            given: Vec::new(),
        };
        cast.make_personas();
        cast
    }

    fn make_personas(&mut self) {
        let (bea, admin, own) = (self.bea.clone(), self.admin.clone(), self.ada[1].clone());
        let secret = |members: Value| {
            let mut all = json!({ "name": SECRET, "description": SECRET, "tags": [SECRET] });
            let known = all.as_object_mut().expect("an object");
            known.extend(members.as_object().expect("an object").clone());
            all
        };
        let plain = self.create(&bea, &secret(json!({ "handle": HANDLE })));
        let changed = json!({ "nickname": SECRET }).to_string();
        let plain = hidden_by(&self.send(&bea, "PATCH", &plain.id, &[], &changed));
        let plain = self.labelled(&bea, plain);
        let deleted = self.create(&bea, &secret(json!({})));
        let deleted = self.labelled(&bea, deleted);
        let any = [("if-match", "*")];
        assert_eq!(self.send(&bea, "DELETE", &deleted.id, &any, "").status, 204);
        let large = "x".repeat(100_000);
        let large = self.create(&bea, &secret(json!({ "scenario": large })));
        let large = self.labelled(&bea, large);
        // More than an atomic batch may have.
        let texts = vec!["x".repeat(200_000); 6];
        let huge = self.create(&bea, &secret(json!({ "alternate_greetings": texts })));
        let purged = self.create(&bea, &secret(json!({})));
        let purged = self.labelled(&bea, purged);
        let purge = format!("{}?purge=true", purged.id);
        assert_eq!(self.send(&bea, "DELETE", &purge, &any, "").status, 204);
        self.hidden = vec![plain, deleted, large, huge, purged];
        let with_key = [("idempotency-key", KEY)];
        let made = self.send(&bea, "POST", "", &with_key, CREATED_WITH_KEY);
        assert_eq!(made.status, 201, "{made:?}");
        let shared = self.create(&admin, &json!({ "name": "of all" }));
        self.shared = self.labelled(&admin, shared);
        let wizard = self.create(&own, &json!({ "name": "wizard", "tags": ["t"] }));
        self.own = self.labelled(&own, wizard);
        for number in 0..4 {
            self.create(&own, &json!({ "name": format!("wizard {number}"), "tags": ["t"] }));
        }
        self.given = (1..=3).map(|number| self.given_away(number)).collect();
    }

    /// A persona that the first owner makes, changes and labels, and that is given away then.
    fn given_away(&self, number: u8) -> (Hidden, Vec<Earlier>) {
        let own = &self.ada[1];
        let key = |what: &str| format!("{KEY_OF_ADA}-{number}-{what}");
        let ask = |method, path: String, what: &str, body| {
            let earlier = Earlier { method, path, key: key(what), body };
            let reply = self.repeat(own, &earlier);
            assert!(matches!(reply.status, 200 | 201), "{reply:?}");
            (reply, earlier)
        };
        let (made, create) = ask("POST", PERSONAS.to_owned(), "create", r#"{"name":"given"}"#);
        let given = hidden_by(&made);
        let path = format!("{PERSONAS}/{}", given.id);
        let (_, change) = ask("PATCH", path.clone(), "patch", r#"{"nickname":"given"}"#);
        let label = format!("{path}/labels/{LABEL}");
        let (_, label) = ask("PUT", label, "label", r#"{"revision":1}"#);
        let given_to = self.send(&self.admin, "PATCH", &given.id, &[], r#"{"owner":"bea"}"#);
        assert_eq!(given_to.status, 200, "{given_to:?}");
        (given, vec![create, change, label])
    }

    /// Sends a request with its key once more.
    pub fn repeat(&self, token: &str, earlier: &Earlier) -> Reply {
        let headers = [("idempotency-key", earlier.key.as_str())];
        self.ask(token, earlier.method, &earlier.path, &headers, earlier.body)
    }

    fn create(&self, token: &str, document: &Value) -> Hidden {
        hidden_by(&self.send(token, "POST", "", &[], &document.to_string()))
    }

    /// Gives a persona a label, and another one with the secret word.
    fn labelled(&self, token: &str, persona: Hidden) -> Hidden {
        let set = |label: &str| {
            let path = format!("{PERSONAS}/{}/labels/{label}", persona.id);
            let reply = self.ask(token, "PUT", &path, &[], r#"{"revision":1}"#);
            assert_eq!(reply.status, 201, "{reply:?}");
            reply.header("etag").expect("a tag").to_owned()
        };
        if token == self.bea {
            set(SECRET);
        }
        let label_etag = set(LABEL);
        Hidden { label_etag, ..persona }
    }

    /// Sends a request about a persona, or about all of them.
    pub fn send(
        &self,
        token: &str,
        method: &str,
        id: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let path = if id.is_empty() { PERSONAS.into() } else { format!("{PERSONAS}/{id}") };
        self.ask(token, method, &path, headers, body)
    }

    /// Sends any request.
    pub fn ask(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut all = vec![("authorization", token), ("x-request-id", "r-1")];
        all.extend_from_slice(headers);
        let mut client = self.server.connect();
        client.request(method, path, &all, body.as_bytes()).expect("an answer")
    }
}

fn hidden_by(reply: &Reply) -> Hidden {
    assert!(matches!(reply.status, 200 | 201), "{reply:?}");
    let id = reply.json()["id"].as_str().expect("an identity").to_owned();
    let etag = reply.header("etag").expect("a tag").to_owned();
    Hidden { id, etag, label_etag: String::new() }
}
