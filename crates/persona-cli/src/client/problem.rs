//! Problems of the API (RFC 9457) in words of the command line.

use http::StatusCode;
use persona_server::exit_code::ExitCode;
use serde_json::Value;

use crate::failure::Failure;

/// What to do about a damaged database.
pub const CURE_OF_DAMAGE: &str = "keep the file; `persona check` lists what is damaged, and `persona restore` puts a sound backup in its place";

/// The failure that a problem means.
pub fn failure(status: StatusCode, problem: &Value) -> Failure {
    let text =
        |member: &str| problem.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut reasons = reasons(problem);
    let failure = match (reasons.len(), text("detail")) {
        // One reason is the message; the detail only says the same with more words.
        (1, _) => Failure::new(code_of(status), reasons.remove(0)),
        (0, Some(detail)) => Failure::new(code_of(status), detail),
        (0, None) => Failure::new(code_of(status), format!("the server answered {status}")),
        (many, _) => Failure {
            causes: reasons,
            ..Failure::new(code_of(status), format!("{many} things are wrong"))
        },
    };
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            failure.hint("the same command can succeed a little later")
        }
        StatusCode::GONE => failure.hint("`persona undelete ID` brings it back"),
        _ if text("code") == Some("damaged") => failure.hint(CURE_OF_DAMAGE),
        // Parameters are made of flags and arguments, so it is the command line that is wrong.
        _ if matches!(text("code"), Some("bad_parameter" | "bad_search")) => {
            Failure { code: ExitCode::Usage, ..failure }
        }
        _ => failure,
    }
}

/// Every fault that a problem lists, as sentence fragments with the place in front.
pub fn reasons(problem: &Value) -> Vec<String> {
    let faults = problem.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |fault: &Value, member: &str| {
        fault.get(member).and_then(Value::as_str).unwrap_or_default().to_string()
    };
    faults
        .iter()
        .map(|fault| {
            let place = ["pointer", "parameter", "header"].map(|kind| text(fault, kind)).concat();
            match place.trim_start_matches('/') {
                "" => text(fault, "message"),
                place => format!("{place}: {}", text(fault, "message")),
            }
        })
        .collect()
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
