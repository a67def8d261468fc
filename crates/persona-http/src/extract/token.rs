//! Access tokens in paths, and the bodies that make and rotate them.

use std::time::Duration;

use persona_model::{OWNER_CHARS_MAX, OWNER_SIGNS, Owner};
use persona_storage::{
    TOKEN_NAME_CHARS_MAX, TokenScope, Viewer, is_link_name, is_session_name, is_token_name,
};
use serde_json::Value;

use super::members::{Members, missing, wrong};
use crate::contract::tokens::{KEEP_SECONDS_DEFAULT, TOKEN_LIFE_SECONDS_MAX};
use crate::personas;
use crate::problem::Problem;

/// What a path of a token has before its name.
const TOKENS: &str = "/tokens/";
/// Every member of a token that is wanted.
const NEW: [&str; 6] = ["name", "scope", "owner", "shared", "act_as", "expires_seconds"];

/// A token that a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WantedToken {
    pub name: String,
    pub scope: TokenScope,
    pub owner: Option<String>,
    pub shared: bool,
    pub act_as: bool,
    /// For how long it counts; `None` for ever.
    pub expires: Option<Duration>,
}

/// The name or identity of the token that a path names.
pub(crate) fn token_in(path: &str) -> String {
    let behind = path.split_once(TOKENS).map_or("", |(_, behind)| behind);
    personas::plain(behind.split('/').next().unwrap_or_default()).into_owned()
}

/// Reads the token that a viewer wants; everything that is wrong with it is told at once.
pub(crate) fn wanted(body: Value, viewer: &Viewer) -> Result<WantedToken, Problem> {
    let mut members = Members::of(body, &NEW)?;
    let mut refusal = None::<Problem>;
    let name = kept(&mut refusal, name(&mut members, viewer));
    let scope = kept(&mut refusal, scope(&mut members));
    let owner = kept(&mut refusal, owner(&mut members)).flatten();
    let act_as = kept(&mut refusal, members.flag("act_as"));
    let expires = kept(&mut refusal, members.number("expires_seconds", 1..=TOKEN_LIFE_SECONDS_MAX));
    let shared = members.flag("shared").and_then(|shared| {
        // A viewer that is bound binds what it makes to its owner.
        if shared && owner.is_none() && !viewer.is_bound() {
            let message = "is for tokens that are bound to an owner: the others read everything";
            return Err(wrong("/shared", "not_here", message));
        }
        Ok(shared)
    });
    let shared = kept(&mut refusal, shared);
    match (refusal, name, scope) {
        (None, Some(name), Some(scope)) => Ok(WantedToken {
            name,
            scope,
            owner,
            shared: shared.unwrap_or_default(),
            act_as: act_as.unwrap_or_default(),
            expires: expires.flatten().map(Duration::from_secs),
        }),
        (refusal, ..) => Err(refusal.unwrap_or_else(|| missing("name"))),
    }
}

/// Reads for how long the former secret of a rotated token counts.
pub(crate) fn kept_for(body: Value) -> Result<Duration, Problem> {
    let mut members = Members::of(body, &["keep_seconds"])?;
    let seconds = members.number("keep_seconds", 0..=TOKEN_LIFE_SECONDS_MAX)?;
    Ok(Duration::from_secs(seconds.unwrap_or(KEEP_SECONDS_DEFAULT)))
}

/// The value that was read; `None` after its error was added to the others.
fn kept<T>(refusal: &mut Option<Problem>, read: Result<T, Problem>) -> Option<T> {
    match (read, refusal) {
        (Ok(value), _) => Some(value),
        (Err(problem), Some(refusal)) => {
            refusal.add_errors(problem);
            None
        }
        (Err(problem), refusal @ None) => {
            *refusal = Some(problem);
            None
        }
    }
}

fn name(members: &mut Members, viewer: &Viewer) -> Result<String, Problem> {
    let name = members.text("name")?.ok_or_else(|| missing("name"))?;
    if is_link_name(&name) || is_session_name(&name) {
        let message = "must not begin as the names of links and sessions of the studio do";
        return Err(wrong("/name", "bad_value", message));
    }
    // With the ending of an owner, a name must not be too long either.
    let ending = viewer.name_of_token(&name).len() - name.len();
    if is_token_name(&name) && name.len() + ending <= TOKEN_NAME_CHARS_MAX {
        return Ok(name);
    }
    let message = format!(
        "must be 1 to {} letters, digits, dots, underscores and hyphens, a letter or digit first, \
         and no id",
        TOKEN_NAME_CHARS_MAX - ending
    );
    Err(wrong("/name", "bad_value", &message))
}

fn scope(members: &mut Members) -> Result<TokenScope, Problem> {
    let word = members.text("scope")?.ok_or_else(|| missing("scope"))?;
    word.parse().map_err(|_| {
        let message =
            format!("must be one of {}", TokenScope::ALL.map(TokenScope::as_str).join(", "));
        wrong("/scope", "bad_value", &message)
    })
}

fn owner(members: &mut Members) -> Result<Option<String>, Problem> {
    let Some(owner) = members.text("owner")? else { return Ok(None) };
    let read = owner.parse::<Owner>().map(|owner| Some(owner.to_string()));
    read.map_err(|_| {
        let message = format!(
            "must be 1 to {OWNER_CHARS_MAX} letters, digits and {OWNER_SIGNS}, a letter or digit \
             first"
        );
        wrong("/owner", "bad_value", &message)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use persona_model::Timestamp;
    use persona_storage::{Token, TokenScope, TokenSecret, Viewer};
    use schemars::{JsonSchema, Schema, SchemaGenerator};
    use serde_json::{Value, json};

    use super::{WantedToken, kept_for, token_in, wanted};
    use crate::contract::tokens::{NewToken, Rotation};

    fn of_ada() -> Viewer {
        let hash = TokenSecret::random().expect("random numbers").hash();
        let token = Token::new("a".into(), hash, TokenScope::Admin, Timestamp::from_micros(0));
        let token = Token { owner: Some("ada".into()), ..token.expect("random numbers") };
        Viewer::of(&token, &hash).expect("an owner")
    }

    /// The places of everything that is wrong with a body.
    fn refused(viewer: &Viewer, body: Value) -> Vec<String> {
        let problem = wanted(body, viewer).expect_err("refused").body("r-1");
        problem.errors.into_iter().filter_map(|error| error.pointer).collect()
    }

    #[test]
    fn a_wanted_token_is_read_whole_and_all_that_is_wrong_is_told_with_its_place() {
        let everything = Viewer::trusted();
        let body = json!({
            "name": "ci", "scope": "write", "owner": "team:7", "shared": true, "act_as": true,
            "expires_seconds": 60,
        });
        let read = WantedToken {
            name: "ci".into(),
            scope: TokenScope::Write,
            owner: Some("team:7".into()),
            shared: true,
            act_as: true,
            expires: Some(Duration::from_mins(1)),
        };
        assert_eq!(wanted(body, &everything).expect("read"), read);
        let short = wanted(json!({ "name": "ci", "scope": "read" }), &everything).expect("read");
        assert_eq!((short.owner, short.shared, short.expires), (None, false, None));
        for (body, pointers) in [
            (json!([]), &[""][..]),
            (json!({}), &["/name", "/scope"]),
            (
                json!({ "name": 1, "scope": "all", "owner": "", "act_as": 1 }),
                &["/name", "/scope", "/owner", "/act_as"],
            ),
            (json!({ "name": "a b", "scope": "read", "shared": true }), &["/name", "/shared"]),
            (json!({ "name": "studio-link-1", "scope": "read" }), &["/name"]),
            (json!({ "name": "studio-session-1", "scope": "read" }), &["/name"]),
            (json!({ "name": "a", "scope": "read", "expires_seconds": 0 }), &["/expires_seconds"]),
            (
                json!({ "name": "a", "scope": "read", "expires_seconds": 1.5 }),
                &["/expires_seconds"],
            ),
            (json!({ "name": "a", "scope": "read", "secret": "psk_" }), &["/secret"]),
        ] {
            assert_eq!(refused(&everything, body.clone()), pointers, "{body}");
        }
    }

    #[test]
    fn a_name_has_room_for_the_ending_of_an_owner() {
        let (ada, everything) = (of_ada(), Viewer::trusted());
        let named = |chars: usize| json!({ "name": "x".repeat(chars), "scope": "read" });
        assert!(wanted(named(64), &everything).is_ok() && wanted(named(51), &ada).is_ok());
        assert_eq!(refused(&ada, named(52)), ["/name"]);
        let shared = json!({ "name": "a", "scope": "read", "shared": true });
        assert!(wanted(shared, &ada).is_ok(), "it is bound to the owner of its maker");
    }

    #[test]
    fn a_member_that_may_be_left_out_may_be_null_and_the_document_says_so() {
        let everything = Viewer::trusted();
        let short = json!({ "name": "ci", "scope": "read" });
        let left_out = wanted(short.clone(), &everything).expect("read");
        let null = json!({ "name": "ci", "scope": "read", "owner": null, "shared": null,
            "act_as": null, "expires_seconds": null });
        assert_eq!(wanted(null, &everything).expect("read"), left_out);
        assert_eq!(
            kept_for(json!({ "keep_seconds": null })).expect("read"),
            kept_for(json!({})).expect("read")
        );
        let mut generator = SchemaGenerator::default();
        let schemas =
            [NewToken::json_schema(&mut generator), Rotation::json_schema(&mut generator)];
        let mut optional = 0;
        for schema in schemas.map(Schema::to_value) {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            for (member, described) in schema["properties"].as_object().expect("members") {
                let is_required = required.contains(&json!(member));
                assert_eq!(described["type"][1] == "null", !is_required, "{member}");
                optional += usize::from(!is_required);
            }
        }
        assert_eq!(optional, 5);
    }

    #[test]
    fn a_rotation_says_how_long_the_former_secret_counts() {
        let day = Duration::from_hours(24);
        assert_eq!(kept_for(json!({})).expect("read"), day);
        assert_eq!(kept_for(json!({ "keep_seconds": 0 })).expect("read"), Duration::ZERO);
        for bad in [json!({ "keep": 1 }), json!({ "keep_seconds": -1 }), json!(7)] {
            assert!(kept_for(bad).is_err());
        }
        assert_eq!(token_in("/api/v1/tokens/c%69/rotate"), "ci");
    }
}
