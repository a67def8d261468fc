//! What one row of the table of operations says.

use super::headers::{Header, OF_ITEMS, OF_MOVES, OF_WRITES};
use super::parameters::{NOTE, Parameter};
use super::problems::Code;
use super::schema::BodySchema;

/// One method at one path.
#[derive(Clone, Copy, Debug)]
pub struct OperationRow {
    /// The name of the operation in the OpenAPI document and of its handler.
    pub name: &'static str,
    /// The method. HEAD comes with every GET.
    pub method: Method,
    /// The pattern of the path, `{name}` for a variable segment.
    pub path: &'static str,
    /// The group of the operation in the OpenAPI document.
    pub tag: Tag,
    /// What the operation does, in a few words.
    pub summary: &'static str,
    /// Parameters of the query, besides those of every write.
    pub query: &'static [Parameter],
    /// Headers of the request, besides those of every write.
    pub headers: &'static [Header],
    /// Bodies of the request: one for each media type.
    pub bodies: &'static [Body],
    /// Whether the body may be left out, which is the same as one without members.
    pub body_can_be_absent: bool,
    /// Whether the body is a file; its content tells the format.
    pub takes_file: bool,
    /// Answers other than problems.
    pub answers: &'static [Answer],
    /// Problems of the operation, besides those that follow from the rest of the row.
    pub problems: &'static [Code],
    /// What the operation does with the store.
    pub store: StoreUse,
    /// What a client must be allowed to do.
    pub scope: Scope,
    /// The budget of the client that a request counts against.
    pub rate: RateClass,
}

/// A method of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates something, or runs an action.
    Post,
    /// Replaces something, or creates it under an identity that the client chose.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

/// A group of operations in the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// Reading and changing personas.
    Personas,
    /// Tokens and sessions.
    Access,
    /// The state of the server.
    Server,
    /// What the API can do.
    Documentation,
}

/// What an operation does with the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreUse {
    /// The operation does not use the store.
    None,
    /// The operation asks whether the store can be used, and reports every failure as one problem.
    Probes,
    /// The operation reads from the store.
    Reads,
    /// The operation changes something. A body is read even if the operation wants none.
    Writes,
    /// The operation makes many changes. The answer tells what the store said of each, so no error
    /// of one change is the problem of the whole request.
    WritesMany,
    /// The operation makes many changes, and where they are made together an error of one is the
    /// problem of the whole request.
    WritesTogether,
    /// The operation moves labels, which takes no note.
    MovesLabels,
    /// The operation changes access tokens, which have no history and no idempotency keys. A body
    /// is read even if the operation wants none.
    ChangesTokens,
}

/// What a client must be allowed to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Nothing: for clients without a token too.
    Open,
    /// To read personas, and the state of the server.
    Read,
    /// To change personas.
    Write,
    /// Everything, such as to write the past.
    Admin,
}

/// The budget that a request counts against, on a server that limits the requests of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// No budget: the answer costs nothing, or monitoring must always get it.
    Exempt,
    /// A read of one thing.
    Read,
    /// A read of many personas.
    Scan,
    /// A change.
    Write,
}

/// A body of a request.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// The media type.
    pub media_type: &'static str,
    /// Its schema.
    pub schema: BodySchema,
    /// JSON that can be sent as it is.
    pub example: &'static str,
}

/// An answer other than a problem.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// When it is given, or what it has.
    pub about: &'static str,
    /// Its headers, by their names in the document.
    pub headers: &'static [&'static str],
    /// Its body.
    pub content: Content,
}

/// The body of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// None.
    Empty,
    /// JSON with this schema.
    Json(BodySchema),
    /// JSON with this schema for programs, a page for browsers.
    JsonOrPage(BodySchema),
    /// JSON with this schema for clients that ask for JSON, a stream of events for others.
    JsonOrEvents(BodySchema),
    /// JSON of an object without a schema.
    Object,
    /// The persona after a write, or a short form where there is no memory to show it.
    Kept,
    /// Text of this media type.
    Text(&'static str),
    /// A style sheet, a script or a picture.
    Files,
}

/// Problems of any request: before its route is found, or when the server fails.
const OF_EVERY: &[Code] = &[
    Code::MalformedRequest,
    Code::HeadTooSlow,
    Code::ForeignHost,
    Code::HeadTooLarge,
    Code::Internal,
    Code::UnknownCoding,
    Code::Busy,
    Code::OldProtocol,
];
/// Problems of any request that uses the store, found before the store is asked.
const OF_QUERIES: &[Code] = &[Code::BadParameter];
/// Problems from the store of any request. A database server with a full disk refuses reads as
/// well.
const OF_STORE: &[Code] =
    &[Code::Unreachable, Code::Closing, Code::Damaged, Code::StorageFailed, Code::StorageFull];
/// Problems of any request that writes or has a body, found before the store is asked.
const OF_CHANGES: &[Code] =
    &[Code::BadHeader, Code::BodyCutOff, Code::CrossSite, Code::BodyTooSlow, Code::BodyTooLarge];
/// Problems from the store of any write. The answer to an earlier request with the same key may be
/// about a persona that was purged since, or about a revision that was dropped.
const OF_EVERY_WRITE: &[Code] = &[
    Code::Purged,
    Code::RevisionDropped,
    Code::KeyReused,
    Code::TooManyKeys,
    Code::OutcomeUnknown,
];
/// Problems of any request that needs a token. The store is asked whether the token is valid.
const OF_TOKENS: &[Code] = &[Code::TokenRequired, Code::TokenRefused];
/// Problems that a body can cause.
const OF_BODIES: &[Code] = &[Code::MalformedJson, Code::UnsupportedMediaType, Code::Invalid];

impl OperationRow {
    /// Every problem that the operation can answer with, each once.
    pub fn all_problems(&self) -> Vec<Code> {
        let none: &[Code] = &[];
        let of = |applies: bool, codes: &'static [Code]| if applies { codes } else { none };
        let reads = self.store == StoreUse::Reads;
        let writes = matches!(self.store, StoreUse::Writes | StoreUse::WritesTogether);
        let moves = self.store == StoreUse::MovesLabels;
        let of_tokens = self.store == StoreUse::ChangesTokens;
        let changes = self.changes_something();
        let groups = [
            OF_EVERY,
            of(self.scope != Scope::Open, OF_TOKENS),
            // Every token may read personas; but the state of the whole server is refused to a
            // token that is bound to an owner.
            of(matches!(self.scope, Scope::Write | Scope::Admin), &[Code::ScopeTooSmall]),
            of(self.tag == Tag::Server && self.scope != Scope::Open, &[Code::OwnerRefused]),
            of(reads || changes || of_tokens, OF_QUERIES),
            of(reads || writes || moves || self.scope != Scope::Open, OF_STORE),
            of(changes || of_tokens || !self.bodies.is_empty(), OF_CHANGES),
            // Where no request counts, those do that have no token that counts.
            of(self.rate != RateClass::Exempt || self.scope != Scope::Open, &[Code::RateLimited]),
            of(changes, &[Code::AuthorRefused]),
            of(writes || moves, OF_EVERY_WRITE),
            of(of_tokens, &[Code::OutcomeUnknown]),
            of(moves, &[Code::LabelProtected]),
            of(self.headers.iter().any(Header::can_be_refused), &[Code::BadHeader]),
            of(!self.bodies.is_empty(), OF_BODIES),
            of(self.takes_file, &[Code::UnsupportedMediaType]),
            of(self.takes_handle(), &[Code::HandleAmbiguous, Code::Purged]),
            self.problems,
        ];
        let mut codes: Vec<Code> = Vec::new();
        for code in groups.concat() {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    /// Every header of the request.
    pub fn all_headers(&self) -> impl Iterator<Item = &'static Header> {
        let of_writes: &[Header] = match self.store {
            StoreUse::MovesLabels => OF_MOVES,
            StoreUse::WritesMany | StoreUse::WritesTogether => OF_ITEMS,
            _ if self.changes_something() => OF_WRITES,
            _ => &[],
        };
        self.headers.iter().chain(of_writes)
    }

    /// Every parameter of the query.
    pub fn all_query(&self) -> impl Iterator<Item = &'static Parameter> {
        let takes_note = self.changes_something() && self.store != StoreUse::MovesLabels;
        let of_writes: &[Parameter] = if takes_note { &[NOTE] } else { &[] };
        self.query.iter().chain(of_writes)
    }

    /// Whether its path has the id of a persona, in place of which a handle can stand.
    pub fn takes_handle(&self) -> bool {
        self.path.contains("/personas/{id}")
    }

    fn changes_something(&self) -> bool {
        matches!(
            self.store,
            StoreUse::Writes
                | StoreUse::WritesMany
                | StoreUse::WritesTogether
                | StoreUse::MovesLabels
        )
    }
}

impl Method {
    /// The method as a request line has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Tag {
    /// The name of the group in the OpenAPI document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personas => "personas",
            Self::Access => "access",
            Self::Server => "server",
            Self::Documentation => "documentation",
        }
    }
}
