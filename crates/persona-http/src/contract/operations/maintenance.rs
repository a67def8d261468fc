//! The rows of what an admin can have the server do for its database, and of what the server finds
//! of itself.

use super::row::{ADMIN, Access, READ, answer, row};
use crate::contract::findings::FindingPage;
use crate::contract::operation::{
    Answer, Content, Method, OperationRow, RateClass, Scope, StoreUse, Tag,
};
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;
use crate::contract::tasks::{Task, TaskPage};

/// The answer is in the memory of the server, and a page asks for it while a task is under way.
const PROGRESS: Access = (Scope::Admin, RateClass::Exempt);

const BEGUN: &[Answer] = &[Answer {
    headers: &["Location"],
    ..answer(202, "The maintenance process was asked.", Content::Json(schema_of::<Task>()))
}];
const REFUSALS: &[Code] = &[Code::CrossSite, Code::NotReady, Code::TaskBusy, Code::TaskNotOffered];

pub(super) const BEGIN_BACKUP: OperationRow = begin(
    "begin_backup",
    "/api/v1/server/backup",
    "Have a backup made into the folder of the settings, as the scheduled ones",
);

pub(super) const BEGIN_CHECKPOINT: OperationRow = begin(
    "begin_checkpoint",
    "/api/v1/server/checkpoint",
    "Have the write-ahead log copied into the database and emptied",
);

pub(super) const BEGIN_CHECK: OperationRow = begin(
    "begin_check",
    "/api/v1/server/check",
    "Have the whole database checked, beside everything else",
);

pub(super) const LIST_TASKS: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Read what became of the backup, the checkpoint and the check that were asked for",
    answers: &[answer(200, "Each of them.", Content::Json(schema_of::<TaskPage>()))],
    ..row(PROGRESS, "list_tasks", Method::Get, "/api/v1/server/tasks")
};

pub(super) const LIST_FINDINGS: OperationRow = OperationRow {
    tag: Tag::Server,
    summary: "Read what the server finds when it examines itself, with what to do about it",
    answers: &[answer(200, "A finding for each check.", Content::Json(schema_of::<FindingPage>()))],
    problems: &[Code::ReadTimeout],
    store: StoreUse::Reads,
    // Judgements of the status, which this scope reads too.
    ..row(READ, "list_findings", Method::Get, "/api/v1/server/findings")
};

/// The row of a task that the maintenance process is asked for.
const fn begin(name: &'static str, path: &'static str, summary: &'static str) -> OperationRow {
    OperationRow {
        tag: Tag::Server,
        summary,
        answers: BEGUN,
        problems: REFUSALS,
        ..row(ADMIN, name, Method::Post, path)
    }
}
