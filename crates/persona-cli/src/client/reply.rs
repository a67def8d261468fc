//! A whole answer.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use persona_http::Body;
use persona_http::Damage;
use persona_http::contract::problem_body::ProblemBody;
use persona_server::exit_code::ExitCode;
use persona_storage::Error as StoreError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem;
use crate::failure::Failure;

/// Most bytes of one answer: a page of large personas. Larger answers are read as streams.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The wait before a repetition if the server names none.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);
/// Longest wait before a repetition, whatever the server names.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The description of damaged data, if this process answered the request itself.
    damage: Option<Damage>,
}

impl Reply {
    /// Reads an answer to its end.
    pub async fn read(response: Response<Body>) -> Result<Self, Failure> {
        let (mut head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| cut_short(&*error))?;
        Ok(Self {
            status: head.status,
            damage: head.extensions.remove(),
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    /// The answer as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Reads the answer as a type of the contract.
    ///
    /// # Errors
    ///
    /// The answer has another form, such as that of another program or version.
    pub fn read_as<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = "the answer is not one of a server of this version";
            Failure::new(ExitCode::Unavailable, message).because(error)
        })
    }

    /// The answer as a problem; an empty one when it is none.
    pub fn problem(&self) -> ProblemBody {
        ProblemBody::read(&self.body)
    }

    /// The bytes of the answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The strong entity tag, as it goes into `If-Match`.
    pub fn etag(&self) -> Option<String> {
        self.headers
            .get(header::ETAG)
            .and_then(|value| value.to_str().ok())
            .map(ToString::to_string)
    }

    /// Where what was asked for is.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok())
    }

    /// The answer itself when it is a success, else what the problem says.
    pub fn success(self) -> Result<Self, Failure> {
        match &self.damage {
            _ if self.status.is_success() => Ok(self),
            Some(Damage(report)) => Err(damaged(report)),
            None => Err(problem::failure(self.status, &self.problem())),
        }
    }

    /// How long to wait before the same request is sent again.
    pub fn retry_after(&self) -> Duration {
        let named = self
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        named.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs).min(RETRY_AFTER_MAX)
    }
}

/// The failure for an answer that broke off: because of an error in the file, or because the
/// connection to the server was lost.
pub fn cut_short(error: &(dyn Error + 'static)) -> Failure {
    let mut cause = Some(error);
    while let Some(of_transport) = cause.filter(|cause| !cause.is::<StoreError>()) {
        cause = of_transport.source();
    }
    match cause.and_then(|cause| cause.downcast_ref::<StoreError>()) {
        Some(StoreError::Damaged(report)) => damaged(report),
        Some(StoreError::Disk(_)) => {
            Failure::new(ExitCode::DiskFailed, "the answer broke off").because(error)
        }
        Some(StoreError::Busy { .. } | StoreError::ReadGaveWay) => {
            Failure::new(ExitCode::TryAgain, "the answer broke off").because(error)
        }
        Some(_) => Failure::new(ExitCode::Failure, "the answer broke off").because(error),
        None => Failure::new(ExitCode::Unavailable, "the answer broke off").because(error),
    }
}

/// The failure for a damaged file, with a report on the damage.
fn damaged(report: &str) -> Failure {
    Failure::new(ExitCode::Failure, format!("the database is damaged: {report}"))
        .hint(problem::CURE_OF_DAMAGE)
}
