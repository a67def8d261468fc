//! Tests: operations that show the state of the whole server are refused to a token that is bound
//! to an owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use http::Request;
use persona_model::Timestamp;
use persona_storage::{Store, Token, TokenChange, TokenScope, TokenSecret};

use super::declared::answered_for_a_token;
use crate::contract::{OPERATIONS, Scope, Tag};
use crate::testing::memory_store;

/// Sends each operation of the group `Server` with a token that is bound to an owner, and adds the
/// code of the refusal to `met`.
pub(super) async fn meet(met: &mut BTreeMap<&str, BTreeSet<String>>) {
    let secret = TokenSecret::random().expect("random numbers");
    let made_at = Timestamp::from_micros(0);
    let token = Token::new("bound".into(), secret.hash(), TokenScope::Admin, made_at);
    let token = Token { owner: Some("ada".into()), ..token.expect("random numbers") };
    let store = Arc::new(memory_store());
    store.change_token(TokenChange::Create(token)).await.expect("kept");
    let of_server =
        |row: &&crate::contract::OperationRow| row.tag == Tag::Server && row.scope != Scope::Open;
    for row in OPERATIONS.iter().filter(of_server) {
        let request = Request::builder().method(row.method.as_str()).uri(row.path);
        let request = request.body(Body::empty()).expect("a request");
        let store = Arc::clone(&store) as Arc<dyn Store>;
        let code = answered_for_a_token(store, request, Some(&secret)).await;
        met.entry(row.name).or_default().extend(code);
    }
}
