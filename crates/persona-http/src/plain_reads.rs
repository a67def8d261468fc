//! A fast path for plain reads: a GET or HEAD of one persona, without query and body.
//!
//! The fast path decides nothing by itself: it calls the same functions as the handler
//! (`personas/get.rs`) and the middleware. One read tells whether the persona exists, is deleted,
//! or never existed. Every other request, and every read that would have to wait or that fails,
//! goes through the router.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{Method, Request};
use http_body::Body;
use persona_model::PersonaId;

use crate::auth::permit_at_once;
use crate::contract::OperationId;
use crate::middleware::Begun;
use crate::personas::get::answer_to_read;
use crate::rate_limit::Counted;
use crate::{ClientAddress, Context, personas};

/// Answers plain reads on the calling thread, if the store can.
#[derive(Clone)]
pub struct PlainReads(Arc<Context>);

impl PlainReads {
    /// Makes the fast path for the store and the limits of this context.
    pub fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// The answer to a plain read; `None` for every request that must go through the router. Such a
    /// request is marked if it was counted already, so that it is not counted twice.
    pub fn answer<B: Body>(
        &self,
        request: &mut Request<B>,
        client: ClientAddress,
    ) -> Option<Response> {
        let id = persona_of(request)?;
        let (context, client) = (&*self.0, Some(client));
        let operation = OperationId::GetPersona;
        let begun = Begun::new(context, request, operation.path(), client);
        // After a panic the request goes through the router, which panics too and answers it.
        let permit = || permit_at_once(context, request.headers(), operation);
        let permit = catch_unwind(AssertUnwindSafe(permit)).ok().flatten()?;
        let counted = context.rates.count(operation, client, permit.identity.as_ref());
        let refusal = counted.and_then(Counted::refusal);
        let read = || {
            if let Some(problem) = refusal {
                return Some(Err(problem));
            }
            let found = context.store.view(&permit.viewer).glance_at_once(id)?.ok()?;
            let (method, headers) = (request.method(), request.headers());
            Some(answer_to_read(context, method, headers, client, id, found))
        };
        let answer = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        let Some(answer) = answer else {
            if let Some(counted) = counted {
                request.extensions_mut().insert(counted);
            }
            return None;
        };
        let mut response = answer.into_response();
        begun.render(&mut response);
        if let Some(counted) = counted {
            counted.describe(response.headers_mut());
        }
        begun.finish(context, Some(operation), &mut response);
        Some(response)
    }
}

/// The persona that a plain read is for.
fn persona_of<B: Body>(request: &Request<B>) -> Option<PersonaId> {
    let is_plain = matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().query().is_none()
        && request.body().is_end_stream();
    let path = request.uri().path();
    // A path with a further segment or with percent-encoding is left to the router.
    if !is_plain || path.contains('%') {
        return None;
    }
    let behind = path.strip_prefix(OperationId::ListPersonas.path())?.strip_prefix('/')?;
    if behind.contains('/') { None } else { personas::id_in(path).ok() }
}

#[cfg(test)]
#[path = "plain_reads_tests.rs"]
mod tests;
