//! `GET /api/v1/personas`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use persona_model::{
    Cursor, CursorError, Filter, ListRequest, PAGE_LIMIT_DEFAULT, Position, Reach, Search, Sort,
    excerpt, filter_tags, nearest_name,
};
use persona_storage::{Error, Page, Party};
use serde_json::{Map, Value};

use super::highlights;
use super::responses::{ASK_FIRST, JSON};
use crate::Context;
use crate::auth::viewer_of;
use crate::contract::OperationId;
use crate::contract::page::Page as PageBody;
use crate::contract::parameters as row;
use crate::extract::parameters::Parameters;
use crate::labels::Points;
use crate::problem::{Code, Problem};

/// Separates a cursor from the position of the first page, which cursors of a list of changes
/// carry.
const POSITION_BEHIND: char = '.';
/// Most names of members in `fields`; a persona has about half as many members.
const FIELD_NAMES_MAX: usize = 64;
/// The member of which single ones can be wanted: others may keep a megabyte there.
const EXTENSIONS: &str = "extensions";
/// The start of the text of a page.
const PAGE_START: &str = "{\"items\":[";
const PAGE_END: &str = "}";
/// A page of more bytes is not processed on a serving thread.
const LIGHT_PAGE_BYTES_MAX: usize = 64 * 1024;

/// Answers with one page.
pub async fn list_personas(
    State(context): State<Arc<Context>>,
    request: Request,
) -> Result<Response, Problem> {
    let client = request.extensions().get::<Party>().copied();
    let viewer = viewer_of(request.extensions())?;
    let Asked { request: wanted, fields, highlight, with_labels, followed } = asked(request.uri())?;
    let turn = context.turns.lists.turn(client).await?;
    let view = context.store.view(viewer);
    let mut page = view.list(wanted).await?;
    let labels = if with_labels { Some(Points::of(view, &page).await?) } else { None };
    let highlights = match highlight {
        None => {
            drop(turn);
            String::new()
        }
        Some(search) => {
            highlights::made(page.items.clone(), search, turn, context.read_time_max).await?
        }
    };
    // A change that was made after the first page was read may be missing in later pages. So every
    // page tells the position of the first page as the place to go on from.
    page.position = followed.or(page.position);
    let bytes = bytes_of(&page) + highlights.len() + labels.as_ref().map_or(0, Points::bytes);
    let memory = context.answers.reserve(client, bytes)?;
    let is_light = fields.is_none() || bytes_of(&page) <= LIGHT_PAGE_BYTES_MAX;
    let work = move || page_text(&page, fields.as_ref(), labels.as_ref(), &highlights);
    let text = if is_light { work()? } else { elsewhere(work).await? };
    let mut response = Response::new(memory.body(text));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, ASK_FIRST);
    Ok(response)
}

/// Does work on the texts of a page on a blocking thread, so that other clients do not wait for it.
pub(super) async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let worked = tokio::task::spawn_blocking(work).await;
    Ok(worked.map_err(|_| Problem::new(Code::Internal, "the page could not be taken apart"))??)
}

/// Which part of each persona is wanted.
struct Wanted {
    /// The names of its members; all where none is named.
    members: Option<Vec<String>>,
    /// The names of its extensions; all where none is named.
    extensions: Vec<String>,
}

/// What a query asks for.
struct Asked {
    request: ListRequest,
    /// What the personas have, where that is not all.
    fields: Option<Wanted>,
    /// The search with the words to mark in the answer.
    highlight: Option<Search>,
    /// Whether each persona has its labels.
    with_labels: bool,
    /// The position that the first page told, where this is a later one.
    followed: Option<Position>,
}

fn asked(uri: &Uri) -> Result<Asked, Problem> {
    let mut query = Parameters::read(uri, OperationId::ListPersonas);
    let limit = query.value(&row::LIMIT).and_then(|limit| usize::try_from(limit).ok());
    let search = query.text(&row::Q).map(Search::parse).transpose();
    let sort = sort(
        &mut query,
        search
            .as_ref()
            .map_or(true, |search| search.as_ref().is_some_and(|search| !search.wanted.is_empty())),
    );
    let tags = filter_tags(query.texts(&row::TAG)).unwrap_or_else(|error| {
        query.refuse("tag", "too_many", error.to_string());
        Vec::new()
    });
    let without_tags = filter_tags(query.texts(&row::WITHOUT_TAG)).unwrap_or_else(|error| {
        query.refuse("without_tag", "too_many", error.to_string());
        Vec::new()
    });
    let filter = Filter {
        kind: query.value(&row::KIND),
        is_active: query.value(&row::IS_ACTIVE),
        handle_prefix: query.value(&row::HANDLE_PREFIX),
        tags,
        without_tags,
        label: query.value(&row::WITH_LABEL),
        updated_since: query.value(&row::UPDATED_SINCE),
        search: search.clone().unwrap_or_default(),
        include_deleted: query.value(&row::INCLUDE_DELETED).unwrap_or(false),
        owned: query.value(&row::OWNER),
        reach: Reach::default(),
    };
    let (after, followed) = cursor(&mut query, &filter, sort).unzip();
    let followed = followed.flatten();
    let members = fields(&mut query);
    let extensions: Vec<String> = query.texts(&row::EXTENSION).map(str::to_owned).collect();
    let is_whole = members.is_none() && extensions.is_empty();
    let fields = (!is_whole).then_some(Wanted { members, extensions });
    let highlight = query.value(&row::HIGHLIGHT).unwrap_or(false);
    if highlight && query.text(&row::Q).is_none() {
        query.refuse("highlight", "bad_value", "highlights need a search, q");
    }
    let with_labels = query.value(&row::INCLUDE).is_some();
    let count = query.value(&row::COUNT).unwrap_or(false);
    query.done()?;
    let search =
        search.map_err(|error| Problem::new(Code::BadSearch, format!("the search {error}")))?;
    let request =
        ListRequest { filter, sort, after, limit: limit.unwrap_or(PAGE_LIMIT_DEFAULT), count };
    let highlight = search.filter(|_| highlight);
    Ok(Asked { request, fields, highlight, with_labels, followed })
}

/// Reads the order of the list; `ranked` tells whether there is a search to rank by.
fn sort(query: &mut Parameters<'_>, ranked: bool) -> Sort {
    let usual = if ranked { Sort::RELEVANCE } else { Sort::DEFAULT };
    let sort = query.value(&row::SORT).unwrap_or(usual);
    if sort == Sort::RELEVANCE && !ranked {
        query.refuse(
            "sort",
            "bad_value",
            "relevance needs a search, q, for something that is wanted",
        );
    }
    sort
}

/// Reads where the page starts, and the position of the first page, which follows the cursor of a
/// list of changes.
fn cursor(
    query: &mut Parameters<'_>,
    filter: &Filter,
    sort: Sort,
) -> Option<(Cursor, Option<Position>)> {
    let text = query.text(&row::CURSOR)?;
    let (text, position) = text
        .split_once(POSITION_BEHIND)
        .map_or((text, None), |(text, position)| (text, Some(position)));
    let decoded = Cursor::decode(text, filter, sort).and_then(|cursor| {
        let position =
            position.map(|text| Position::parse(text).ok_or(CursorError::Malformed)).transpose()?;
        if position.is_some() == filter.updated_since.is_some() {
            Ok((cursor, position))
        } else {
            Err(CursorError::Malformed)
        }
    });
    decoded.map_err(|error| query.refuse("cursor", "bad_cursor", error.to_string())).ok()
}

fn fields(query: &mut Parameters<'_>) -> Option<Vec<String>> {
    query.text(&row::FIELDS)?;
    // Each name counts once, even if it is repeated.
    let names: BTreeSet<String> = query
        .texts(&row::FIELDS)
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    if names.len() > FIELD_NAMES_MAX {
        query.refuse(
            "fields",
            "too_many",
            format!("must have at most {FIELD_NAMES_MAX} names, has {}", names.len()),
        );
        return None;
    }
    for name in names.iter().filter(|name| !row::members().any(|known| known == *name)) {
        let message = match nearest_name(name, row::members()) {
            Some(near) => {
                format!("{:?} is no member of a persona; did you mean {near}?", excerpt(name))
            }
            None => format!("{:?} is no member of a persona", excerpt(name)),
        };
        query.refuse("fields", "unknown_member", message);
    }
    Some(names.into_iter().collect())
}

/// About how many bytes a page has as JSON with all members.
fn bytes_of(page: &Page) -> usize {
    page.items.iter().map(|item| item.body.len() + 1).sum::<usize>() + 256
}

/// The page as JSON: the stored answers as they are, unless only some members are wanted.
/// Highlights stand beside them, so that an item can be sent back as it came.
fn page_text(
    page: &Page,
    fields: Option<&Wanted>,
    labels: Option<&Points>,
    highlights: &str,
) -> Result<Vec<u8>, Error> {
    let behind =
        page.position.map_or(String::new(), |position| format!("{POSITION_BEHIND}{position}"));
    let without_items = PageBody::<()> {
        items: Vec::new(),
        next_cursor: page.next_cursor.as_ref().map(|cursor| format!("{cursor}{behind}")),
        next_updated_since: page.position.map(|position| position.to_string()),
        total: page.total,
        highlights: None,
    };
    let frame = serde_json::to_vec(&without_items).expect("a page is JSON");
    // The texts of the store and of the highlights are inserted unchanged.
    let (start, rest) = frame.split_at(PAGE_START.len());
    debug_assert_eq!(start, PAGE_START.as_bytes(), "items come first");
    let mut text = Vec::with_capacity(if fields.is_none() { bytes_of(page) } else { 0 });
    text.extend_from_slice(start);
    for (index, item) in page.items.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let body = match fields {
            None => Cow::Borrowed(&item.body[..]),
            Some(fields) => Cow::Owned(sparse(&item.body, fields)?),
        };
        match labels {
            None => text.extend_from_slice(&body),
            Some(labels) => text.extend_from_slice(&labels.included(&body, item.id)),
        }
    }
    let (rest, end) = rest.split_at(rest.len() - PAGE_END.len());
    text.extend_from_slice(rest);
    if !highlights.is_empty() {
        text.extend_from_slice(b",\"highlights\":");
        text.extend_from_slice(highlights.as_bytes());
    }
    text.extend_from_slice(end);
    Ok(text)
}

fn sparse(answer: &[u8], wanted: &Wanted) -> Result<Vec<u8>, Error> {
    let damaged = |error: serde_json::Error| {
        Error::Damaged(format!("a stored answer cannot be read: {error}"))
    };
    let mut members: Map<String, Value> = serde_json::from_slice(answer).map_err(damaged)?;
    if let Some(names) = &wanted.members {
        members.retain(|name, _| names.contains(name));
    }
    if let Some(Value::Object(extensions)) = members.get_mut(EXTENSIONS)
        && !wanted.extensions.is_empty()
    {
        extensions.retain(|name, _| wanted.extensions.contains(name));
    }
    serde_json::to_vec(&members).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use persona_model::{PersonaId, Position, Revision};
    use persona_storage::{Page, Representation};
    use serde_json::{Value, json};

    use super::{PageBody, Wanted, page_text};
    use crate::contract::page::Snippet;

    fn item(body: &'static str) -> Representation {
        Representation {
            id: PersonaId::from_bytes([7; 16]),
            revision: Revision::FIRST,
            checksum: 7,
            deleted: false,
            body: body.as_bytes().into(),
        }
    }

    #[test]
    fn what_is_put_together_from_texts_is_a_page_of_the_contract() {
        let position = Position::parse("7-0000000000000001");
        let page = Page {
            items: vec![item(r#"{"id":"a","name":"A"}"#), item(r#"{"id":"b","name":"B"}"#)],
            next_cursor: None,
            total: Some(2),
            position,
        };
        let highlights = r#"[[],[{"pointer":"/name","html":"B"}]]"#;
        let name = Wanted { members: Some(vec!["name".into()]), extensions: Vec::new() };
        let text = page_text(&page, Some(&name), None, highlights).expect("a page");
        let read: PageBody<Value> = serde_json::from_slice(&text).expect("a page of the contract");
        let snippet = Snippet { pointer: "/name".into(), html: "B".into() };
        let expected = PageBody {
            items: vec![json!({ "name": "A" }), json!({ "name": "B" })],
            next_cursor: None,
            next_updated_since: Some("7-0000000000000001".into()),
            total: Some(2),
            highlights: Some(vec![Vec::new(), vec![snippet]]),
        };
        assert_eq!(read, expected);
        assert_eq!(serde_json::to_vec(&expected).expect("JSON"), text, "nothing else is in it");
        let empty = Page { items: Vec::new(), next_cursor: None, total: None, position: None };
        assert_eq!(
            page_text(&empty, None, None, "").ok().as_deref(),
            Some(&br#"{"items":[],"next_cursor":null}"#[..])
        );
    }
}
