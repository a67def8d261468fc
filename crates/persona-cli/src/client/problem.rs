//! Turns problems of the API (RFC 9457) into failures of the command line.

use http::StatusCode;
use persona_http::contract::problem_body::{FieldError, ProblemBody};
use persona_http::contract::problems::Code;
use persona_server::exit_code::ExitCode;

use crate::failure::Failure;

/// The hint for a damaged database.
pub const CURE_OF_DAMAGE: &str = "keep the file; `persona check` lists what is damaged, and \
                                  `persona restore` puts a sound backup in its place";

/// The failure for a problem.
pub fn failure(status: StatusCode, problem: &ProblemBody) -> Failure {
    let mut reasons = reasons(problem);
    let failure = match (reasons.len(), &*problem.detail) {
        // A single reason is the message, because the detail would only repeat it.
        (1, _) => Failure::new(code_of(status), reasons.remove(0)),
        (0, "") => Failure::new(code_of(status), format!("the server answered {status}")),
        (0, detail) => Failure::new(code_of(status), detail),
        (many, _) => Failure {
            causes: reasons,
            ..Failure::new(code_of(status), format!("{many} things are wrong"))
        },
    };
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            failure.hint("the same command can succeed a little later")
        }
        _ if problem.is(Code::Deleted) => failure.hint("`persona undelete ID` brings it back"),
        _ if problem.is(Code::TokenRequired) => {
            failure.hint("name the file of a token with --token-file, or set PERSONA_TOKEN")
        }
        _ if problem.is(Code::TokenRefused) => {
            failure.hint("name the file of another token with --token-file, or set PERSONA_TOKEN")
        }
        _ if problem.is(Code::Damaged) => failure.hint(CURE_OF_DAMAGE),
        // Parameters come from flags and arguments, so the command line is wrong.
        _ if problem.is(Code::BadParameter) || problem.is(Code::BadSearch) => {
            Failure { code: ExitCode::Usage, ..failure }
        }
        _ => failure,
    }
}

/// The reasons of a problem of a batch with one item, with places in the document of the item.
pub fn reasons_of_item(problem: &ProblemBody) -> Vec<String> {
    let in_document = |error: &FieldError| {
        let place = error.pointer.as_deref().and_then(|pointer| pointer.split_once("/document"));
        match place {
            Some((_, place)) => {
                reason(&FieldError { pointer: Some(place.into()), ..error.clone() })
            }
            None => reason(error),
        }
    };
    problem.errors.iter().map(in_document).collect()
}

/// Every error that a problem lists, as sentence fragments with the place in front.
pub fn reasons(problem: &ProblemBody) -> Vec<String> {
    problem.errors.iter().map(reason).collect()
}

fn reason(error: &FieldError) -> String {
    let place = match &error.parameter {
        Some(parameter) => flag_of(parameter),
        None => error.pointer.as_deref().or(error.header.as_deref()).unwrap_or_default().into(),
    };
    match place.trim_start_matches('/') {
        "" => error.message.clone(),
        place => format!("{place}: {}", error.message),
    }
}

/// The flag or argument that a parameter of a request was made of.
fn flag_of(parameter: &str) -> String {
    match parameter {
        "q" => "TEXT".into(),
        "is_active" => "--active".into(),
        other => format!("--{}", other.replace('_', "-")),
    }
}

fn code_of(status: StatusCode) -> ExitCode {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => ExitCode::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => ExitCode::Conflict,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => ExitCode::TryAgain,
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => ExitCode::Unavailable,
        _ => ExitCode::Failure,
    }
}
