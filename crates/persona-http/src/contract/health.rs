//! The bodies of `GET /healthz`, `GET /readyz` and `GET /`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer of a process that lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Always the same word: a process that does not live does not answer.
    pub status: Alive,
}

/// The word of a process that lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Alive {
    /// The process answers.
    Ok,
}

/// The answer of a server that is ready for requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Always the same word: a server that is not ready answers a problem.
    pub status: Ready,
}

/// The word of a server that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Ready {
    /// Reads and writes work.
    Ready,
}

/// The answer at the root of the server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Landing {
    /// The name of the program.
    pub name: Cow<'static, str>,
    /// The version of the program.
    pub version: Cow<'static, str>,
    /// The paths of the parts of the API.
    pub links: Links,
}

/// Paths of this server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The list of personas.
    pub personas: Cow<'static, str>,
    /// The API as a page to read and try.
    pub documentation: Cow<'static, str>,
    /// The API as an OpenAPI document.
    pub openapi: Cow<'static, str>,
    /// The list of problems.
    pub problems: Cow<'static, str>,
    /// The state of database and processes.
    pub status: Cow<'static, str>,
    /// Whether the process lives.
    pub health: Cow<'static, str>,
    /// Whether requests can be answered.
    pub readiness: Cow<'static, str>,
    /// The metrics of all processes, for Prometheus.
    pub metrics: Cow<'static, str>,
}
