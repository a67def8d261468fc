//! The type of an answer that is being made: what the router, the middleware and the look-up of
//! handles give each other.

use std::pin::Pin;

use axum::response::Response;

/// The future of a handler's answer.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
