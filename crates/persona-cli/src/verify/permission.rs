//! Whether a server lets a run do what it does.

use bytes::Bytes;
use http::{Method, StatusCode};
use persona_http::contract::OperationId;
use persona_http::contract::problem_body::ProblemBody;
use persona_http::contract::session::{Session, SessionScope};

use super::connection::ask;
use super::error::Error;
use crate::client::ServerAddress;

/// Refuses a run of which every request would be refused: without a token, or with one that does
/// not reach the personas of all owners or changes nothing. Otherwise every refusal would be
/// reported as a broken promise.
///
/// A server that cannot be reached, or that has no such operation, is left to the run.
pub(super) async fn check(address: &ServerAddress) -> Result<(), Error> {
    let refused = |why: String| Error::Refused { server: address.to_string(), why };
    let path = OperationId::GetSession.path();
    let Ok(answer) = ask(address, Method::GET, path, &[], Bytes::new()).await else {
        return Ok(());
    };
    if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let problem = ProblemBody::read(&answer.body);
        return Err(refused(problem.detail.into()));
    }
    match serde_json::from_slice::<Session>(&answer.body) {
        Ok(Session { owner: Some(owner), .. }) => {
            Err(refused(format!("the token is bound to the owner {owner}")))
        }
        Ok(Session { scope: SessionScope::Read, .. }) => {
            Err(refused("the token has the scope read".into()))
        }
        _ => Ok(()),
    }
}
