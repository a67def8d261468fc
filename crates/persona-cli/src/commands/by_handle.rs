//! Which persona a handle leads to: asked of the server, which looks at one row.

use http::StatusCode;
use persona_http::contract::problems::Code;
use persona_model::{HandleName, PersonaId};
use persona_server::exit_code::ExitCode;

use crate::client::{Api, PERSONAS, Reply};
use crate::failure::Failure;

/// What a handle is marked with where it is meant as one.
pub const MARK: char = '@';

/// Where a handle leads.
pub enum Lead {
    /// This persona has the handle.
    Persona(PersonaId),
    /// This persona had the handle, and no other one has it now.
    Former(PersonaId),
    /// This persona had the handle when it was deleted.
    Deleted(PersonaId),
    /// Nowhere.
    Nothing,
}

/// Looks where a handle leads.
///
/// # Errors
///
/// Personas of several owners have it, or the server does not answer.
pub async fn look(api: &Api, handle: &HandleName) -> Result<Lead, Failure> {
    let path = format!("{PERSONAS}/{MARK}{}", handle.as_str().replace('/', "%2F"));
    let reply = api.get(&path).await?;
    match reply.status {
        StatusCode::PERMANENT_REDIRECT => Ok(place_of(&reply).map_or(Lead::Nothing, Lead::Former)),
        StatusCode::GONE => Ok(undeleted_at(&reply).map_or(Lead::Nothing, Lead::Deleted)),
        StatusCode::NOT_FOUND => Ok(Lead::Nothing),
        StatusCode::CONFLICT => Err(refused(reply)),
        _ => {
            let found = reply.success()?.json()["id"].as_str().and_then(PersonaId::parse);
            Ok(found.map_or(Lead::Nothing, Lead::Persona))
        }
    }
}

fn place_of(reply: &Reply) -> Option<PersonaId> {
    let place = reply.location()?;
    PersonaId::parse(place.rsplit('/').next()?)
}

/// The persona that a deleted one can be brought back as.
fn undeleted_at(reply: &Reply) -> Option<PersonaId> {
    let place = reply.problem().undelete.clone()?;
    PersonaId::parse(place.rsplit('/').nth(1)?)
}

fn refused(reply: Reply) -> Failure {
    let problem = reply.problem();
    if problem.code != Code::HandleAmbiguous.facts().word {
        return reply.success().map_or_else(|failure| failure, |_| unexpected());
    }
    let failure = Failure::new(ExitCode::Conflict, problem.detail.to_string());
    match &problem.hint {
        Some(hint) => failure.hint(hint.to_string()),
        None => failure.hint(format!("name one by its id: {}", problem.personas.join(", "))),
    }
}

fn unexpected() -> Failure {
    Failure::new(ExitCode::Unavailable, "the answer is not one of a server of this version")
}
