//! The row of the events.

use super::row::{SCAN, answer, row};
use crate::contract::events::EventPage;
use crate::contract::operation::{Content, Method, OperationRow, StoreUse};
use crate::contract::parameters as of;
use crate::contract::problems::Code;
use crate::contract::schema::schema_of;

pub(super) const FOLLOW_EVENTS: OperationRow = OperationRow {
    summary: "Follow changes in the order of their commits, as server-sent events or page by page",
    query: &[
        of::AFTER.parameter,
        of::WAIT.parameter,
        of::EVENTS_LIMIT.parameter,
        of::PERSONA,
        of::EVENT_KIND,
        of::TAG,
        of::OWNER.parameter,
        of::EVENT_LABEL,
        of::INCLUDE_DOCUMENT.parameter,
    ],
    headers: &[of::LAST_EVENT_ID],
    answers: &[answer(
        200,
        "A stream of events, the data of each an Event; with Accept: application/json one page.",
        Content::JsonOrEvents(schema_of::<EventPage>()),
    )],
    problems: &[
        Code::NoSuchPersona,
        Code::HandleAmbiguous,
        Code::UnknownPosition,
        Code::ReadTimeout,
    ],
    store: StoreUse::Reads,
    ..row(SCAN, "follow_events", Method::Get, "/api/v1/events")
};
