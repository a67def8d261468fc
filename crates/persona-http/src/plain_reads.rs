//! The short way of plain reads: a GET or HEAD of one persona, without body, and without a query or
//! with a label.
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
use persona_model::{HandleName, LabelName, PersonaId};
use persona_storage::{Glance, HandleTarget};

use crate::auth::permit_at_once;
use crate::contract::OperationId;
use crate::labels::read::answer_by_label;
use crate::middleware::Begun;
use crate::personas::read::answer_to_read;
use crate::rate_limit::Counted;
use crate::{ClientAddress, Context, TokenNote, handles, personas};

/// Answers plain reads on the calling thread, if the store can.
#[derive(Clone)]
pub struct PlainReads(Arc<Context>);

impl PlainReads {
    /// Makes the fast path for the store and the limits of this context.
    pub fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// The answer to a plain read; `None` for every request that must go through the router. Such a
    /// request is marked if it was counted already, so that it is not counted twice. `note` tells
    /// the connection which token the request has.
    pub fn answer<B: Body>(
        &self,
        request: &mut Request<B>,
        client: ClientAddress,
        note: Option<&TokenNote>,
    ) -> Option<Response> {
        let asked = Asked::of(request)?;
        let context = &*self.0;
        let operation = OperationId::GetPersona;
        let begun = Begun::new(context, request, operation.path(), Some(client));
        // After a panic the request goes through the router, which panics too and answers it.
        let permit = || permit_at_once(context, request.headers(), operation);
        let permit = catch_unwind(AssertUnwindSafe(permit)).ok().flatten()?;
        let client = permit.party(Some(client));
        if let Some(note) = note {
            note.take(client);
        }
        let counted = context.rates.count(operation, client);
        let refusal = counted.and_then(Counted::refusal);
        let read = || {
            if let Some(problem) = refusal {
                return Some(Err(problem));
            }
            let view = context.store.view(&permit.viewer);
            if let Asked::Handle(handle) = &asked {
                let look = view.look_at_handle_at_once(handle)?.ok()?;
                let HandleTarget::Persona(id) = look.target else { return None };
                // A large one takes the way over the router, which also says where others are.
                let Glance::Whole(found) = look.glance else { return None };
                let (method, headers) = (request.method(), request.headers());
                return Some(answer_to_read(context, method, headers, client, id, found));
            }
            let Asked::Identity(id, label) = &asked else { return None };
            let id = *id;
            let (method, headers) = (request.method(), request.headers());
            let Some(name) = label else {
                let found = view.glance_at_once(id)?.ok()?;
                return Some(answer_to_read(context, method, headers, client, id, found));
            };
            let found = view.labelled_at_once(id, name)?.ok()?;
            answer_by_label(context, method, headers, client, (id, name), found.as_deref())
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

/// What a plain read names its persona by.
enum Asked {
    /// By its identity; with the label that the read follows.
    Identity(PersonaId, Option<LabelName>),
    Handle(HandleName),
}

impl Asked {
    /// `None` for a request that is no plain read, or that names no persona.
    fn of<B: Body>(request: &Request<B>) -> Option<Self> {
        let is_plain = matches!(*request.method(), Method::GET | Method::HEAD)
            && request.body().is_end_stream();
        let path = request.uri().path();
        let behind = path.strip_prefix(OperationId::ListPersonas.path())?.strip_prefix('/')?;
        // A path with another segment is one that a router would have to look at.
        if !is_plain || behind.contains('/') {
            return None;
        }
        let query = request.uri().query();
        if let Some(segment) = handles::segment_in(path) {
            let handle = handles::handle_of(segment).ok().filter(|_| query.is_none());
            return handle.map(Self::Handle);
        }
        // And so is one with percent-encoding.
        if path.contains('%') {
            return None;
        }
        // A label needs no percent-encoding. Every other query is read by the handler.
        let label = match query {
            None => None,
            Some(query) => Some(LabelName::parse(query.strip_prefix("label=")?).ok()?),
        };
        Some(Self::Identity(personas::id_in(path).ok()?, label))
    }
}

#[cfg(test)]
#[path = "plain_reads_tests.rs"]
mod tests;
