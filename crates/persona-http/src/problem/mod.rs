//! Every error answer (RFC 9457). The only place that picks an error's status code.
//!
//! - `contract/problems.rs` is the table of problem codes with status, title and meaning.
//! - `list.rs`: that table as an answer.
//! - `answer.rs`: [`Problem`], and how it becomes a response.
//! - `refusal.rs`: requests that are refused before they reach a handler.
//! - `example.rs`: one example of each code, for the OpenAPI document.
//! - `store.rs`, `label.rs`, `token.rs`: the problem for each error of the store.

mod answer;
mod example;
mod label;
mod list;
mod refusal;
mod store;
mod token;

pub(crate) use crate::contract::problem_body::FieldError;
pub(crate) use crate::contract::problems::Code;
pub use answer::Damage;
pub(super) use answer::{Problem, note_failure, render, render_aside};
pub(super) use example::example;
pub(super) use list::list_problems;
pub use refusal::Refusal;
