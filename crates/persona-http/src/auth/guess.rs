//! Requests with a secret that may be a guess: beyond the budget of their address they are refused
//! before the store is asked.
//!
//! A look for a secret costs a read of the database, over PostgreSQL a round trip, and a request
//! counts for its token, which is known only behind the look. So while its address has something
//! left, an unknown secret is looked up first, and counts for the address if it is none. After
//! that only secrets with which this process has let requests in are looked up.

use http::HeaderMap;

use super::credential::hash_in;
use super::permit::needs_none_now;
use crate::contract::{OperationId, Scope};
use crate::rate_limit::Counted;
use crate::{AccessRules, ClientAddress, Context};

/// The count of a request that is refused as a guess; `None` for every other request.
pub(crate) fn guess_beyond_budget(
    context: &Context,
    headers: &HeaderMap,
    operation: Option<OperationId>,
    client: Option<ClientAddress>,
) -> Option<Counted> {
    let (operation, client) = (operation?, client?);
    let is_for_tokens =
        context.access != AccessRules::Trusted && operation.row().scope != Scope::Open;
    if !is_for_tokens || !context.rates.is_limited() {
        return None;
    }
    let hash = hash_in(headers).ok()?;
    if context.known_secrets.has(&hash) {
        return None;
    }
    let beyond = context.rates.beyond_budget(operation, client.into())?;
    (!needs_none_now(context)).then_some(beyond)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use http::header::{AUTHORIZATION, RETRY_AFTER};
    use http::{Request, StatusCode};
    use persona_model::Clock;
    use persona_storage::{Error, Party, Store, Token, TokenChange, TokenScope, TokenSecret};

    use crate::answering::Answering;
    use crate::contract::{OperationId, Scope};
    use crate::middleware::finish;
    use crate::openapi::failing::Failing;
    use crate::testing::{FixedClock, context, memory_store};
    use crate::{
        AccessRules, Budget, ClientAddress, Context, PlainReads, Rate, RateCells, RateLimits, Taken,
    };

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PATH: &str = "/api/v1/personas/0193b0c2-7f3e-7a10-8c1d-000000000001";

    /// Cells in which addresses have this much left, and tokens enough.
    struct Left {
        of_addresses: AtomicUsize,
    }

    impl RateCells for Left {
        fn take(&self, party: Party, _: Budget, rate: Rate) -> Taken {
            let taken = self.look(party, Budget::Reads, rate);
            if matches!(party, Party::Address(_)) && taken.is_within {
                self.of_addresses.fetch_sub(1, Ordering::Relaxed);
            }
            taken
        }

        fn look(&self, party: Party, _: Budget, _: Rate) -> Taken {
            let left = self.of_addresses.load(Ordering::Relaxed);
            let is_within = left > 0 || matches!(party, Party::Token(_));
            let times = (Duration::from_secs(1), Duration::from_secs(1));
            Taken { is_within, remaining: 0, full_after: times.0, retry_after: times.1 }
        }
    }

    fn limited(store: Arc<dyn Store>, left: usize) -> Context {
        let one = NonZeroU32::MIN;
        let rate = Some(Rate { per_second: one, burst: one });
        let cells: Arc<dyn RateCells> = Arc::new(Left { of_addresses: AtomicUsize::new(left) });
        let rates = RateLimits { reads: rate, writes: rate, cells: Some(cells) };
        let access = AccessRules::Clients { open_without_tokens: true, open_monitoring: false };
        Context { access, rates, ..context(store) }
    }

    fn request(secret: &TokenSecret) -> Request<Body> {
        let bearer = format!("Bearer {}", secret.expose());
        let mut request =
            Request::get(PATH).header(AUTHORIZATION, bearer).body(Body::empty()).expect("valid");
        request.extensions_mut().insert(ClientAddress(CLIENT));
        request
    }

    async fn status(context: &Context, operation: OperationId, secret: &TokenSecret) -> StatusCode {
        let handle =
            |_| -> Answering { Box::pin(async { StatusCode::NO_CONTENT.into_response() }) };
        let answer = finish(context, Some(operation), PATH, request(secret), handle).await;
        let is_told = answer.headers().contains_key(RETRY_AFTER);
        assert!(is_told || answer.status() != StatusCode::TOO_MANY_REQUESTS);
        answer.status()
    }

    #[tokio::test]
    async fn a_guess_beyond_the_budget_of_its_address_asks_the_store_for_nothing() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let failing = || {
            ASKED.fetch_add(1, Ordering::Relaxed);
            Error::Closed("it was asked")
        };
        let context = limited(Arc::new(Failing(failing)), 0);
        let guess = TokenSecret::random().expect("random numbers");
        for operation in OperationId::ALL.iter().filter(|id| id.row().scope != Scope::Open) {
            let before = ASKED.load(Ordering::Relaxed);
            let answer = status(&context, *operation, &guess).await;
            assert_eq!(answer, StatusCode::TOO_MANY_REQUESTS, "{operation:?}");
            assert_eq!(ASKED.load(Ordering::Relaxed), before, "{operation:?}");
        }
    }

    #[tokio::test]
    async fn guesses_count_for_their_address_whatever_they_ask_for_and_a_known_token_does_not() {
        let (store, secret) = (memory_store(), TokenSecret::random().expect("random numbers"));
        let token = Token::new("ci".into(), secret.hash(), TokenScope::Admin, FixedClock.now());
        let token = token.expect("random numbers");
        store.change_token(TokenChange::Create(token)).await.expect("created");
        let store: Arc<dyn Store> = Arc::new(store);
        for operation in OperationId::ALL.iter().filter(|id| id.row().scope != Scope::Open) {
            let context = limited(Arc::clone(&store), 2);
            assert_eq!(status(&context, *operation, &secret).await, StatusCode::NO_CONTENT);
            let mut guesses = Vec::new();
            for _ in 0..3 {
                let guess = TokenSecret::random().expect("random numbers");
                guesses.push(status(&context, *operation, &guess).await.as_u16());
            }
            assert_eq!(guesses, [401, 401, 429], "{operation:?}");
            assert_eq!(status(&context, *operation, &secret).await, StatusCode::NO_CONTENT);
        }
        // Without a limit nothing is counted.
        let context = Context { rates: RateLimits::default(), ..limited(store, 0) };
        let guess = TokenSecret::random().expect("random numbers");
        let answer = status(&context, OperationId::GetSession, &guess).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn a_secret_that_is_not_known_is_looked_for_once_and_a_known_one_at_once() {
        let (store, secret) = (memory_store(), TokenSecret::random().expect("random numbers"));
        let token = Token::new("ci".into(), secret.hash(), TokenScope::Read, FixedClock.now());
        let token = token.expect("random numbers");
        store.change_token(TokenChange::Create(token)).await.expect("created");
        let store: Arc<dyn Store> = Arc::new(store);
        // Where guesses have no limit, each secret is looked for on the fast path.
        let unlimited = Context { rates: RateLimits::default(), ..limited(Arc::clone(&store), 1) };
        let found =
            PlainReads::new(unlimited).answer(&mut request(&secret), ClientAddress(CLIENT), None);
        assert_eq!(found.map(|answer| answer.status()), Some(StatusCode::NOT_FOUND));
        let context = limited(store, 1);
        let plain = PlainReads::new(context.clone());
        let answered = || plain.answer(&mut request(&secret), ClientAddress(CLIENT), None);
        assert!(answered().is_none(), "the router looks for it");
        let operation = OperationId::GetPersona;
        assert_eq!(status(&context, operation, &secret).await, StatusCode::NO_CONTENT);
        assert_eq!(answered().map(|answer| answer.status()), Some(StatusCode::NOT_FOUND));
    }
}
