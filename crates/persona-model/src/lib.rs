//! What a persona is, without any way to keep or serve it.
//!
//! No I/O, no async, no clock reads: everything here is a pure value or function and can be tested
//! without a runtime.
//!
//! # Glossary
//!
//! The same word means the same thing in code, API, log, metric and documentation.
//!
//! - **persona**: the record: store-managed members (id, revision, times, hash) and one document.
//! - **document**: the editable part of a persona; every member is a row of [`FIELDS`].
//! - **metadata**: the store-managed members as JSON text.
//! - **representation**: the JSON text of a persona as clients get it: metadata and document.
//! - **revision**: 1 at creation, one more for each change that changes something.
//! - **note**: what the author of a revision said of it.
//! - **entity tag**: what names one state of a persona: its revision and the checksum of its
//!   content.
//! - **precondition**: the states that a writer accepts as the current one.
//! - **validation errors**: everything that is wrong with an input; each is a **field error**.
//! - **patch**: a partial change, applied inside the write transaction.
//! - **conflict**: a **unit** that two sides changed differently since their common base: a field,
//!   or a part of one that is merged on its own.
//! - **change**: one line of the global **feed**: which persona got which revision. Told to a
//!   client it is an **event**; one that goes on asking for events is a **follower**.
//! - **label**: a word that points to a revision, and can be **moved** to another one. Each move is
//!   kept.
//! - **release**: moves of labels of many personas, all of them or none.
//! - **diff**: what differs between two documents. A **hunk** is some neighbouring lines of a text,
//!   of which some differ.
//! - **revert**: a new revision with the content of an earlier one.
//! - **undelete**: the undoing of a deletion. A **restore** puts a backup back.
//! - **owner**: the word for what a persona belongs to. A client **reaches** the personas of one
//!   owner, or all of them.
//! - **handle**: what a persona is called by in addresses, unique among those of its owner. One
//!   that its persona gave up is a **former handle**, and leads to it until another persona takes
//!   it.
//! - **search**: what a search text asks for; its **terms** are runs of folded words.
//! - **snippet**: a short part of a text that shows where the words of a search are.
//! - **cursor**: where the next page of a list starts.
//!
//! Words of storage and server:
//!
//! - **write lock**: the lock between the writers of all processes, in front of SQLite's own. Its
//!   file ends in `-gate`. A **write guard** is the right to write.
//! - **turnstile**: the lock in front of the write lock that only the next writer of a server
//!   holds, so that no writer overtakes it.
//! - **heavy write lock**: the lock that keeps heavy writes of all processes in order.
//! - **WAL**: SQLite's write-ahead log. A **checkpoint** copies it into the database; after a **WAL
//!   reset** the next write begins at its start.
//! - **checkpoint throttle**: slows writers down while a long WAL is checkpointed.
//! - **maintenance process**: the one process of a server that makes checkpoints, removes what has
//!   expired, and looks for damage.
//! - **party**: what a limit for one client counts for: its token, or without one its address.
//! - **task**: a backup, a checkpoint or a check that a client asked the maintenance process for.
//! - **shared reader**: the connection to PostgreSQL that short reads of a process share.
//! - **abandoned connection**: one to PostgreSQL on which no answer came in time.
//! - **token**: lets requests in, within its **scope**. Its **secret** is what a client sends; only
//!   its hash is kept.
//! - **transfer**: everything of one database copied into another (`persona move`).
//! - **slot**: the place of one worker; its processes follow each other in it.
//! - **scoreboard**: the memory that all processes of a server share.
//!
//! Start reading at [`Document`], then [`FIELDS`].

mod canonical;
mod change;
mod clock;
mod diff;
mod document;
mod entity_tag;
mod field;
mod handle;
mod id;
mod label;
mod merge;
mod operations;
mod owner;
mod page;
mod past;
mod patch;
mod patch_form;
mod patch_places;
mod persona;
mod pointer;
mod position;
mod rank;
mod representation;
mod revision;
mod rfc3339;
mod search;
mod strict_json;
mod unknown_word;
mod validate;
mod validation_errors;

pub use canonical::{ContentHash, canonical_json};
pub use change::{Change, ChangeKind};
pub use clock::{Clock, Timestamp};
pub use diff::{
    DIFF_WORK_MAX, DocumentDiff, Hunk, HunkLine, ItemDiff, LineSide, Span, TEXT_CONTEXT_LINES,
    TextDiff, diff_documents,
};
pub use document::{DOCUMENT_BYTES_MAX, DOCUMENT_BYTES_MAX_CEILING, Document};
pub use entity_tag::EntityTag;
pub use field::{
    ASSETS_MAX, FIELDS, Field, FieldKind, HANDLE_CHARS_MAX, HANDLE_SEGMENTS_MAX, LANGUAGES_MAX,
    LINE_CHARS_MAX, NAME_CHARS_MAX, OBJECT_DEPTH_MAX, RATINGS, TAG_CHARS_MAX, TAGS_MAX,
    TEXT_BYTES_MAX, nearest_field, nearest_name,
};
pub use handle::{HandleName, HandlePrefix};
pub use id::PersonaId;
pub use label::{BadLabel, LABEL_CHARS_MAX, LABEL_LATEST, LabelName, LabelPrecondition, LabelTag};
pub use merge::{
    Conflict, MARKED_BYTES_MAX, MERGE_CHANGES_MAX, MERGE_ITEMS_MAX, MERGE_STEPS_MAX, Markers,
    Merged, has_conflict_marker, merge_three_way, merge_with_markers,
};
pub use operations::{
    PATCH_COPIED_BYTES_MAX, PATCH_COPY_BYTES_MIN, PATCH_MOVED_ITEMS_MAX, VALUE_DEPTH_MAX,
    json_bytes,
};
pub use owner::{OWNER_CHARS_MAX, OWNER_SIGNS, Owned, Owner, Reach, owner_word_in};
pub use page::{
    Cursor, CursorError, FILTER_TAGS_MAX, Filter, ListRequest, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX,
    Sort, SortKey, TooManyTags, filter_tags,
};
pub use past::{HistoryFacts, PastLabel, PastRevision, has_labels, history_line};
pub use patch::{PATCH_OPERATIONS_MAX, Patch, PatchError};
pub use patch_places::PatchPlaces;
pub use persona::{Kind, Persona};
pub use pointer::{excerpt_step, pointer_step};
pub use position::{FeedPlace, Position, Since};
pub use rank::{Nearness, Rank};
pub use representation::{is_metadata_of, join_representation, metadata_text, updated_at_in};
pub use revision::{NOTE_CHARS_MAX, Precondition, Revision};
pub use search::{
    SEARCH_BYTES_MAX, SEARCH_TERMS_MAX, SEARCH_TEXT_SEPARATOR, SEARCH_WORDS_MAX, SNIPPET_CHARS_MAX,
    SNIPPETS_MAX, Search, SearchError, Snippet, Term, TextWords, TitleWords, folded_tag,
};
pub use strict_json::{MalformedJson, read_strictly};
pub use unknown_word::UnknownWord;
pub use validate::MANAGED_MEMBERS;
pub use validation_errors::{
    EXCERPT_CHARS_MAX, FIELD_ERRORS_MAX, FieldError, ValidationErrors, excerpt, shortened,
};
