//! Every error answer (RFC 9457). The only place that picks an error's status code.
//!
//! - `code.rs`: the table of problem codes with status, title and meaning.
//! - `answer.rs`: [`Problem`], and how it becomes a response.
//! - `refusal.rs`: what is refused before it reaches a handler.
//! - `example.rs`: one example of each code, for the OpenAPI document.
//! - `store.rs`: what each error of the store means to a client.

mod answer;
mod code;
mod example;
mod refusal;
mod store;

pub use answer::Damage;
pub(super) use answer::{Fault, Problem, render};
pub(super) use code::{Code, list_problems};
pub(super) use example::example;
pub use refusal::Refusal;
