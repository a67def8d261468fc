//! How the connection of a request learns which token let the request in.
//!
//! A connection is opened before its client says anything, so its place counts for an address. The
//! note makes it count for the token too, before the request is worked on: a connection may wait
//! long for a body or for a reader.

use std::fmt;
use std::sync::Arc;

use persona_storage::Party;

/// Takes note of the token of each request of one connection; an extension of its requests.
#[derive(Clone)]
pub struct TokenNote(Arc<dyn Fn(Party) + Send + Sync>);

impl TokenNote {
    /// A note that calls this function with the token.
    pub fn new(note: impl Fn(Party) + Send + Sync + 'static) -> Self {
        Self(Arc::new(note))
    }

    /// Notes the token of a request, if it has one.
    pub(crate) fn take(&self, party: Option<Party>) {
        if let Some(token @ Party::Token(_)) = party {
            (self.0)(token);
        }
    }
}

impl fmt::Debug for TokenNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenNote")
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::{Arc, Mutex};

    use axum::body::Body;
    use axum::response::IntoResponse;
    use http::header::AUTHORIZATION;
    use http::{Request, StatusCode};
    use persona_model::Clock;
    use persona_storage::{Party, Store, Token, TokenChange, TokenScope, TokenSecret};
    use uuid::Uuid;

    use super::TokenNote;
    use crate::answering::Answering;
    use crate::contract::OperationId;
    use crate::middleware::finish;
    use crate::testing::{FixedClock, context, memory_store};
    use crate::{AccessRules, ClientAddress, Context, PlainReads};

    const ABSENT: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";
    const TOKEN: Uuid = Uuid::from_u128(1);

    /// The context of a server with one token, and the secret of the token.
    async fn with_token() -> (Context, TokenSecret) {
        let (store, secret) = (memory_store(), TokenSecret::random().expect("random numbers"));
        let token = Token {
            id: TOKEN,
            name: "ci".into(),
            hash: secret.hash(),
            previous: None,
            scope: TokenScope::Read,
            act_as: false,
            owner: None,
            shared: false,
            created_at: FixedClock.now(),
            expires_at: None,
            revoked_at: None,
            used_at: None,
        };
        store.change_token(TokenChange::Create(token)).await.expect("created");
        let mut context = context(Arc::new(store));
        context.access = AccessRules::Clients { open_without_tokens: true, open_monitoring: false };
        (context, secret)
    }

    /// A read from this address with this token; the tokens that its connection took note of are
    /// added to `noted`.
    fn read(address: IpAddr, secret: &str, noted: &Arc<Mutex<Vec<Party>>>) -> Request<Body> {
        let kept = Arc::clone(noted);
        let note = TokenNote::new(move |token| kept.lock().expect("no panic").push(token));
        let request = Request::get(ABSENT).header(AUTHORIZATION, format!("Bearer {secret}"));
        let mut request = request.body(Body::empty()).expect("a request");
        request.extensions_mut().insert(ClientAddress(address));
        request.extensions_mut().insert(note);
        request
    }

    #[tokio::test]
    async fn a_request_counts_for_its_token_from_every_address_and_without_one_for_the_address() {
        let (context, secret) = with_token().await;
        let unknown = TokenSecret::random().expect("random numbers");
        let token = Party::Token(TOKEN);
        let addresses = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        for address in addresses {
            let (noted, seen) = (Arc::default(), Mutex::new(None));
            let handle = |request: Request<Body>| -> Answering {
                *seen.lock().expect("no panic") = request.extensions().get::<Party>().copied();
                Box::pin(async { StatusCode::NO_CONTENT.into_response() })
            };
            let operation = Some(OperationId::GetPersona);
            let request = read(address, secret.expose(), &noted);
            let answer = finish(&context, operation, ABSENT, request, handle).await;
            assert_eq!(answer.status(), StatusCode::NO_CONTENT);
            assert_eq!(*seen.lock().expect("no panic"), Some(token));
            // On the short way the connection takes the same note.
            let mut request = read(address, secret.expose(), &noted);
            let note = request.extensions_mut().remove::<TokenNote>().expect("a note");
            let plain = PlainReads::new(context.clone());
            let answer = plain.answer(&mut request, ClientAddress(address), Some(&note));
            assert_eq!(answer.expect("a plain read").status(), StatusCode::NOT_FOUND);
            assert_eq!(*noted.lock().expect("no panic"), [token, token]);
            // A token that does not count is none.
            let request = read(address, unknown.expose(), &noted);
            let handle = |_| -> Answering { unreachable!("it is not let in") };
            let answer = finish(&context, operation, ABSENT, request, handle).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(noted.lock().expect("no panic").len(), 2);
            // An operation that needs no token counts for the address.
            let request = read(address, secret.expose(), &noted);
            let seen = Mutex::new(None);
            let handle = |request: Request<Body>| -> Answering {
                *seen.lock().expect("no panic") = request.extensions().get::<Party>().copied();
                Box::pin(async { StatusCode::NO_CONTENT.into_response() })
            };
            finish(&context, Some(OperationId::GetHealth), ABSENT, request, handle).await;
            assert_eq!(*seen.lock().expect("no panic"), Some(Party::Address(address)));
        }
    }
}
