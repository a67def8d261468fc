//! Headers of requests, one row each: the form of the value, and the purpose. And the names of
//! headers of answers.

/// A header of a request.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Whether a request without the header is refused.
    pub required: bool,
    /// The form of the value.
    pub holds: HeaderHolds,
    /// The purpose, in one sentence.
    pub about: &'static str,
}

/// What a header of a request holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderHolds {
    /// Entity tags, or `*`.
    EntityTags,
    /// `*` and nothing else.
    AnyTag,
    /// A date of HTTP.
    Date,
    /// A key by which repetitions of a request are recognised.
    IdempotencyKey,
    /// The same for many changes: behind it there is room for the number of each.
    KeyOfItems,
    /// The name of an author.
    Author,
    /// The note of the author on a change.
    Note,
    /// The id of the last event of a stream, in any form.
    EventId,
}

impl Header {
    /// Whether a bad value makes a request refused. A client of a stream sends back the id that it
    /// got and cannot correct it, so an event id is never refused.
    pub fn can_be_refused(&self) -> bool {
        self.holds != HeaderHolds::EventId
    }
}

/// A header of an answer as it is sent, by its name in the document.
pub fn spelled(name: &'static str) -> &'static str {
    match name {
        "RequestId" => "X-Request-Id",
        "Replayed" => "Idempotency-Replayed",
        "Authenticate" => "WWW-Authenticate",
        "RetryAfter" => "Retry-After",
        "RateLimitPolicy" => "RateLimit-Policy",
        "AcceptPatch" => "Accept-Patch",
        "LastModified" => "Last-Modified",
        "LabelTag" => "ETag",
        "ContentLocation" => "Content-Location",
        name => name,
    }
}

const fn header(name: &'static str, holds: HeaderHolds, about: &'static str) -> Header {
    Header { name, required: false, holds, about }
}

/// The state that the client changed; a change without this header is allowed.
pub const IF_MATCH: Header = header(
    "If-Match",
    HeaderHolds::EntityTags,
    "The ETag that the change was made to; * for any revision.",
);
/// The state that the client changed; a change without this header is refused.
pub const IF_MATCH_REQUIRED: Header = Header { required: true, ..IF_MATCH };
/// The state that a replacement was made to.
pub const IF_MATCH_OR_NEW: Header = header(
    "If-Match",
    HeaderHolds::EntityTags,
    "The ETag that the change was made to; * for any revision. Required, unless If-None-Match is \
     sent.",
);
/// The state that a read wants.
pub const IF_MATCH_OF_READ: Header = header(
    "If-Match",
    HeaderHolds::EntityTags,
    "ETags of which one has to be that of the answer; 412 otherwise.",
);
/// The states that a reader has.
pub const IF_NONE_MATCH: Header = header(
    "If-None-Match",
    HeaderHolds::EntityTags,
    "ETags that the client has; 304 when one of them is that of the answer.",
);
/// Creates instead of replacing.
pub const IF_NONE_MATCH_NEW: Header =
    header("If-None-Match", HeaderHolds::AnyTag, "* creates the persona with this id.");
/// A condition that every creation meets.
pub const IF_NONE_MATCH_HOLDS: Header = header(
    "If-None-Match",
    HeaderHolds::AnyTag,
    "* holds always, because a new persona has an id that none had before.",
);
/// The date of the state that the client changed.
pub const IF_UNMODIFIED_SINCE: Header = header(
    "If-Unmodified-Since",
    HeaderHolds::Date,
    "The Last-Modified that the change was made to; counts without If-Match only.",
);
/// The date of the state that a read wants.
pub const IF_UNMODIFIED_SINCE_OF_READ: Header = header(
    "If-Unmodified-Since",
    HeaderHolds::Date,
    "412 when the persona changed after this date; counts without If-Match only.",
);
/// The date of the state that a reader has.
pub const IF_MODIFIED_SINCE: Header = header(
    "If-Modified-Since",
    HeaderHolds::Date,
    "304 when the persona did not change after this date; counts without If-None-Match only.",
);

/// Where a stream of events broke off.
pub const LAST_EVENT_ID: Header = header(
    "Last-Event-ID",
    HeaderHolds::EventId,
    "The id of the last event that came; browsers send it by themselves. Counts before after.",
);

/// The state of a label that a move was decided on.
pub const IF_MATCH_OF_LABEL: Header = header(
    "If-Match",
    HeaderHolds::EntityTags,
    "The ETag of the label that the move was decided on; * for any, if it is set.",
);
/// Sets a label and moves none.
pub const IF_NONE_MATCH_LABEL: Header =
    header("If-None-Match", HeaderHolds::AnyTag, "* sets the label only where it is not set.");

const KEY: Header = header(
    "Idempotency-Key",
    HeaderHolds::IdempotencyKey,
    "Makes a repetition safe: the first answer is kept for at least 24 hours during which a server \
     runs, and given again.",
);
const AUTHOR: Header = header(
    "X-Persona-Author",
    HeaderHolds::Author,
    "The author of the change; becomes created_by and updated_by.",
);

/// What every move of labels may say of itself.
pub const OF_MOVES: &[Header] =
    &[KEY, Header { about: "The author of the move; becomes by of the label.", ..AUTHOR }];

const NOTE: Header = header(
    "X-Persona-Note",
    HeaderHolds::Note,
    "Why the change is made, in a sentence or two; kept with the revision.",
);

/// What every write may say of itself.
pub const OF_WRITES: &[Header] = &[KEY, AUTHOR, NOTE];

/// What a request that makes many changes may say of them.
pub const OF_ITEMS: &[Header] = &[Header { holds: HeaderHolds::KeyOfItems, ..KEY }, AUTHOR, NOTE];
