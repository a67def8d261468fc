//! The reasons for which a request is refused because of its token, or because it has none.
//!
//! Each reason has its own sentence, so that a client knows what to do. None of them helps to guess
//! a token: the reason for a malformed text follows from the text alone, and the end of a token is
//! told only to a client that has its secret.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};
use persona_model::LabelName;
use persona_storage::{BadSecret, TokenScope};

use crate::problem::{Code, Problem};

/// The reason for a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Denial {
    /// The request has no token.
    Missing,
    /// The request has a token in this header, which is not for tokens.
    Elsewhere(HeaderName),
    /// The request has the header `Authorization` more than once.
    Twice,
    /// `Authorization` has another scheme.
    OtherScheme,
    /// The text in the header is no token.
    Malformed(BadSecret),
    /// No token has this secret.
    Unknown,
    /// The token has expired.
    Expired,
    /// The token was revoked.
    Revoked,
    /// A rotation has replaced the secret, which changes no token any more.
    Replaced,
    /// The scope of the token is too small.
    Scope {
        /// The scope that the operation needs.
        needed: TokenScope,
        /// The scope that the token has.
        has: TokenScope,
    },
    /// The token is that of a link, which does nothing but become a session.
    Link,
    /// The operation shows the state of the whole server, and the token is bound to one owner.
    Bound,
    /// The label is protected, and the token is not one of the scope admin.
    Label {
        /// The label.
        label: LabelName,
        /// What the token permits.
        has: TokenScope,
    },
    /// The request names another author than its token.
    Author {
        /// The name of the token.
        name: String,
    },
    /// The request keeps a revision of another author than its token, or of none.
    PastAuthor {
        /// The name of the token.
        name: String,
    },
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let challenge = denial.challenge();
        let problem = match denial {
            Denial::Missing => Self::new(Code::TokenRequired, "the request has no token"),
            Denial::Elsewhere(name) => Self::new(
                Code::TokenRequired,
                format!("the request has no token in Authorization; {name} is not looked at"),
            ),
            Denial::OtherScheme => {
                Self::new(Code::TokenRequired, "Authorization has another scheme than Bearer")
            }
            Denial::Twice => Self::new(Code::TokenRefused, "Authorization is there more than once"),
            Denial::Malformed(bad) => {
                Self::new(Code::TokenRefused, format!("what Authorization has {bad}"))
            }
            Denial::Unknown => Self::new(Code::TokenRefused, "the token is not known here"),
            Denial::Expired => Self::new(Code::TokenRefused, "the token has run out"),
            Denial::Revoked => Self::new(Code::TokenRefused, "the token was revoked"),
            Denial::Replaced => Self::new(
                Code::TokenRefused,
                "the token has a newer secret, and only that one changes tokens",
            ),
            Denial::Scope { needed, has } => Self::new(
                Code::ScopeTooSmall,
                format!("this needs the scope {needed}, and the token has {has}"),
            ),
            Denial::Link => Self::new(
                Code::TokenRefused,
                "the token is that of a link, which counts for POST /api/v1/session only",
            ),
            Denial::Bound => Self::new(
                Code::OwnerRefused,
                "this tells of the whole server, and the token is bound to an owner",
            ),
            Denial::Label { label, has } => Self::new(
                Code::LabelProtected,
                format!("{label} is protected, and the token has the scope {has}"),
            ),
            Denial::Author { name } => Self::new(
                Code::AuthorRefused,
                format!("X-Persona-Author names another author than {name}, the token's"),
            ),
            Denial::PastAuthor { name } => Self::new(
                Code::AuthorRefused,
                format!("created_by and updated_by are not {name}, the token's"),
            )
            .hint("import with a token that was made with --act-as"),
        };
        challenge.into_iter().fold(problem, |problem, challenge| {
            problem.header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        })
    }
}

impl Denial {
    /// The value of `WWW-Authenticate` (RFC 6750, section 3); `None` where another token of the
    /// same client would not help.
    const fn challenge(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing | Self::Elsewhere(_) | Self::OtherScheme => "Bearer realm=\"persona\"",
            Self::Twice
            | Self::Malformed(_)
            | Self::Unknown
            | Self::Expired
            | Self::Revoked
            | Self::Replaced
            | Self::Link => "Bearer realm=\"persona\", error=\"invalid_token\"",
            Self::Scope { needed: TokenScope::Read, .. } => {
                "Bearer realm=\"persona\", error=\"insufficient_scope\", scope=\"read\""
            }
            Self::Scope { needed: TokenScope::Write, .. } => {
                "Bearer realm=\"persona\", error=\"insufficient_scope\", scope=\"write\""
            }
            Self::Scope { needed: TokenScope::Admin, .. } | Self::Label { .. } => {
                "Bearer realm=\"persona\", error=\"insufficient_scope\", scope=\"admin\""
            }
            Self::Bound | Self::Author { .. } | Self::PastAuthor { .. } => return None,
        })
    }
}
