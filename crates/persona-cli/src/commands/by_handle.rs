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
    /// This persona has it.
    Persona(PersonaId),
    /// This persona had it, and no other one has it now.
    Former(PersonaId),
    /// Nowhere; or to a deleted persona.
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
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Lead::Nothing),
        StatusCode::CONFLICT => Err(refused(handle, reply)),
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

fn refused(handle: &HandleName, reply: Reply) -> Failure {
    let problem = reply.problem();
    if problem.code != Code::HandleAmbiguous.facts().word {
        return reply.success().map_or_else(|failure| failure, |_| unexpected());
    }
    let personas = &problem.personas;
    let message = format!("{} personas are called {:?}", personas.len(), handle.as_str());
    Failure::new(ExitCode::Conflict, message)
        .hint(format!("name one by its identity: {}", personas.join(", ")))
}

fn unexpected() -> Failure {
    Failure::new(ExitCode::Unavailable, "the answer is not one of a server of this version")
}
