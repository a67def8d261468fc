//! Pages of personas, and their count, of one snapshot: one statement.
//!
//! The SQL is put together from fixed pieces; every value is bound.

use std::collections::BTreeSet;

use persona_model::{
    Cursor, Filter, ListRequest, Nearness, PersonaId, Position, Rank, Search, Since, Sort, SortKey,
    Term, Timestamp,
};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::connection::{Parameter, Statement};
use super::lease::Leases;
use super::shares::Kind;
use super::{feed, row, search};
use crate::fault_injection::{self, InjectedFault};
use crate::{Error, PAGE_BYTES_MAX, Page, Representation};

/// Columns with the words of name and tags.
const TITLES: [&str; 2] = ["titles.name", "titles.tags"];
/// Tags that have a subquery of their own.
const TAGS_ONE_BY_ONE_MAX: usize = 4;

/// One page, and the count where it was asked for.
pub(super) async fn page(leases: &Leases, request: &ListRequest) -> Result<Page, Error> {
    let query = Query::of(request);
    let found =
        leases.read(Kind::List, Statement::Once(&query.sql), &query.values.parameters()).await?;
    let first = found.first();
    let total = first.filter(|_| request.count).map(|first| row::number(first, 0)).transpose()?;
    let since = request.filter.updated_since;
    let settled = first.zip(since).map(|(first, since)| settled(first, since)).transpose()?;
    let rows = found
        .iter()
        .filter_map(|found| read(found, request.sort.key).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Page::of(rows, request, total, settled))
}

/// The newest line of the feed that is settled. Fails when the line from which on changes are
/// wanted is another one.
fn settled(found: &Row, since: Since) -> Result<Position, Error> {
    match since {
        Since::Position(wanted)
            if feed::position(found, 11)? != wanted
                && !fault_injection::is_on(InjectedFault::TrustPositions) =>
        {
            Err(Error::UnknownPosition)
        }
        _ => feed::position(found, 7),
    }
}

/// A row with its sort value as text; `None` if the row only has the count.
fn read(found: &Row, key: SortKey) -> Result<Option<(String, Representation)>, Error> {
    if row::value::<Option<uuid::Uuid>>(found, 2)?.is_none() {
        return Ok(None);
    }
    let text = match key {
        SortKey::Name => row::value::<&str>(found, 1)?.to_owned(),
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
            row::value::<i64>(found, 1)?.to_string()
        }
    };
    Ok(Some((text, row::representation(found, 3, row::id(found, 2)?)?)))
}

/// Values of any type, in the order of their numbers.
#[derive(Default)]
struct Values(Vec<(Box<dyn ToSql + Sync + Send>, Type)>);

impl Values {
    /// Adds a value, and returns its placeholder in the statement.
    fn add(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.0.push((Box::new(value), kind));
        format!("${}", self.0.len())
    }

    fn parameters(&self) -> Vec<Parameter<'_>> {
        self.0.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect()
    }
}

struct Query {
    sql: String,
    values: Values,
}

impl Query {
    /// One more row than the page holds, which tells whether there is another page.
    fn of(request: &ListRequest) -> Self {
        let mut values = Values::default();
        let conditions = conditions(&request.filter, &mut values);
        let key = key_sql(request.sort.key, request.filter.search.as_ref(), &mut values);
        let direction = direction(request.sort.descending);
        let of_equals = direction_of_equals(request.sort);
        let mut of_page = conditions.clone();
        if let Some(after) = &request.after {
            of_page.push(beyond(after, &key, request.sort, &mut values));
        }
        let from = if request.filter.search.is_some() {
            "persona_store.personas AS p
             JOIN persona_store.persona_titles AS titles ON titles.persona = p.id
             JOIN persona_store.persona_texts AS texts ON texts.persona = p.id"
        } else {
            "persona_store.personas AS p"
        };
        let count = if request.count {
            format!("SELECT count(*) AS total FROM {from} {}", clause(&conditions))
        } else {
            "SELECT NULL::bigint AS total".into()
        };
        let feed = feed(request.filter.updated_since, &mut values);
        // The bytes before the previous row are compared, because the row behind a full page is
        // read too.
        let sql = format!(
            "SELECT counted.total, page.key, page.id, page.revision, page.deleted, page.head, page.document,
                    settled.sequence, settled.persona, settled.revision, settled.at,
                    wanted.sequence, wanted.persona, wanted.revision, wanted.at
             FROM ({count}) AS counted
             {feed}
             LEFT JOIN (
                 SELECT {key} AS key, p.id, p.revision, p.deleted_at IS NOT NULL AS deleted, p.head, p.document,
                        sum(octet_length(p.head) + octet_length(p.document))
                            OVER (ORDER BY {key} {direction}, p.id {of_equals} ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS bytes
                 FROM {from}
                 {}
                 ORDER BY {key} {direction}, p.id {of_equals}
                 LIMIT {}
             ) AS page ON coalesce(page.bytes, 0) < {PAGE_BYTES_MAX}
             ORDER BY page.key {direction}, page.id {of_equals}",
            clause(&of_page),
            request.limit + 1,
        );
        Self { sql, values }
    }
}

/// Adds, in the same snapshot as the page, the newest line of the feed that is settled, and the one
/// from which on changes are wanted.
fn feed(since: Option<Since>, values: &mut Values) -> String {
    const NO_LINE: &str = "SELECT NULL::bigint AS sequence, NULL::uuid AS persona, NULL::bigint AS revision, NULL::bigint AS at";
    let settled = if since.is_some() { feed::SETTLED } else { NO_LINE };
    let wanted = match since {
        Some(Since::Position(wanted)) => {
            let sequence = values.add(row::stored(wanted.sequence), Type::INT8);
            format!(
                "SELECT sequence, persona, revision, at FROM persona_store.changes WHERE sequence = {sequence}"
            )
        }
        Some(Since::Time(_)) | None => NO_LINE.into(),
    };
    format!("LEFT JOIN ({settled}) AS settled ON true LEFT JOIN ({wanted}) AS wanted ON true")
}

fn clause(conditions: &[String]) -> String {
    if conditions.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", conditions.join(" AND "))
    }
}

/// What a list is ordered by. One index exists for each column, so that no order of them costs a
/// sort.
fn key_sql(key: SortKey, search: Option<&Search>, values: &mut Values) -> String {
    match key {
        SortKey::Name => "p.name".into(),
        SortKey::CreatedAt => "p.created_at".into(),
        SortKey::UpdatedAt => "p.updated_at".into(),
        SortKey::Relevance => rank(search.unwrap_or(&Search::default()), values),
    }
}

/// The SQL for the number of a [`Rank`], by the same arithmetic.
fn rank(search: &Search, values: &mut Values) -> String {
    let mut all_in = |parts: &[&str]| {
        let terms = search.wanted.iter().map(|term| is_in(parts, term, values)).collect::<Vec<_>>();
        if terms.is_empty() { "true".into() } else { terms.join(" AND ") }
    };
    let (in_name, in_name_or_tags) = (all_in(&TITLES[..1]), all_in(&TITLES));
    let [name, tags, text] =
        Nearness::ALL.map(|nearness| Rank::new(nearness, Timestamp::default()).number());
    format!(
        "(CASE WHEN {in_name} THEN {name} WHEN {in_name_or_tags} THEN {tags} ELSE {text} END - p.created_at)"
    )
}

const fn direction(descending: bool) -> &'static str {
    if descending { "DESC" } else { "ASC" }
}

fn direction_of_equals(sort: Sort) -> &'static str {
    direction(sort.is_newest_first_among_equals())
}

/// The condition for rows after the previous page. No text of the database holds the character NUL,
/// so a name with it, which only a forged cursor can have, comes right after everything that is
/// equal up to there.
fn beyond(after: &Cursor, key: &str, sort: Sort, values: &mut Values) -> String {
    let (value, id) = match sort.key {
        SortKey::Name => match after.key.split_once('\0') {
            Some((before, _)) => {
                (values.add(before.to_owned(), Type::TEXT), PersonaId::from_bytes([0xff; 16]))
            }
            None => (values.add(after.key.clone(), Type::TEXT), after.id),
        },
        SortKey::CreatedAt | SortKey::UpdatedAt | SortKey::Relevance => {
            (values.add(after.key.parse::<i64>().unwrap_or_default(), Type::INT8), after.id)
        }
    };
    let collation = if sort.key == SortKey::Name { " COLLATE \"C\"" } else { "" };
    let id = values.add(row::uuid(id), Type::UUID);
    match (sort.descending, sort.is_newest_first_among_equals()) {
        // Key and identity have different directions, so rows cannot be compared as tuples. No
        // index has a rank, so that costs nothing.
        (false, true) => format!("({key} > {value} OR ({key} = {value} AND p.id < {id}))"),
        (descending, _) => format!(
            "({key}, p.id) {} ({value}{collation}, {id})",
            if descending { "<" } else { ">" }
        ),
    }
}

/// The conditions on a row.
fn conditions(filter: &Filter, values: &mut Values) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(search) = &filter.search {
        conditions.extend(search::looked_up(search).into_iter().map(|term| found(term, values)));
        let parts = |term: &Term| {
            if term.is_of_titles() {
                &TITLES[..]
            } else {
                &["titles.name", "titles.tags", "texts.text"]
            }
        };
        conditions.extend(search.wanted.iter().map(|term| is_in(parts(term), term, values)));
        conditions.extend(
            search.unwanted.iter().map(|term| format!("NOT {}", is_in(parts(term), term, values))),
        );
    }
    match filter.reach.owners(filter.owned.as_ref()).as_deref() {
        None => {}
        Some([]) => conditions.push("false".into()),
        Some([""]) => conditions.push("p.owner = ''".into()),
        Some([owner, rest @ ..]) => {
            let owner = values.add((*owner).to_owned(), Type::TEXT);
            // The second condition lets the server use the indexes of owners, which have only rows
            // with an owner.
            conditions.push(if rest.is_empty() {
                format!("p.owner = {owner} AND p.owner <> ''")
            } else {
                format!("p.owner IN ({owner}, '')")
            });
        }
    }
    if !filter.include_deleted {
        conditions.push("p.deleted_at IS NULL".into());
    }
    if let Some(kind) = filter.kind {
        conditions.push(format!("p.kind = {}", values.add(kind.as_str(), Type::TEXT)));
    }
    if let Some(active) = filter.is_active {
        conditions.push(format!("p.is_active = {}", values.add(active, Type::BOOL)));
    }
    match filter.updated_since {
        None => {}
        Some(Since::Time(time)) => {
            conditions
                .push(format!("p.updated_at >= {}", values.add(time.as_micros(), Type::INT8)));
        }
        Some(Since::Position(after)) => {
            let sequence =
                values.add(row::stored(fault_injection::followed_from(after.sequence)), Type::INT8);
            // A move of a label leaves its persona as it is.
            let changed = format!(
                "SELECT 1 FROM persona_store.changes AS c
                 WHERE c.persona = p.id AND c.sequence > {sequence} AND c.label IS NULL"
            );
            conditions.push(format!("EXISTS ({changed})"));
        }
    }
    if let Some(prefix) = &filter.handle_prefix {
        let from = values.add(prefix.as_str().to_owned(), Type::TEXT);
        let to = values.add(prefix.end(), Type::TEXT);
        conditions.push(format!("p.handle >= {from} AND p.handle < {to}"));
    }
    conditions.extend(tags(&filter.tags, values));
    conditions.extend(without_tags(&filter.without_tags, values));
    if let Some(label) = &filter.label {
        let label = values.add(label.to_string(), Type::TEXT);
        conditions.push(format!("EXISTS (SELECT 1 FROM persona_store.labels AS l WHERE l.persona = p.id AND l.label = {label})"));
    }
    conditions
}

/// Whether a persona has every one of these tags: the first few one by one, so that the server can
/// begin with the rarest of them, and all others in one count. The server plans each subquery anew,
/// so their number has a bound.
fn tags(wanted: &[String], values: &mut Values) -> Vec<String> {
    let wanted: BTreeSet<&String> = wanted.iter().collect();
    // No tag holds control characters, and the database takes no text with NUL, not even to compare
    // it.
    if wanted.iter().any(|tag| tag.contains('\0')) {
        return vec!["false".into()];
    }
    let mut wanted = wanted.into_iter().cloned();
    let mut conditions: Vec<String> = wanted
        .by_ref()
        .take(TAGS_ONE_BY_ONE_MAX)
        .map(|tag| {
            let tag = values.add(tag, Type::TEXT);
            format!("EXISTS (SELECT 1 FROM persona_store.persona_tags AS t WHERE t.tag = {tag} AND t.persona = p.id)")
        })
        .collect();
    let others: Vec<String> = wanted.collect();
    if !others.is_empty() {
        let (count, others) = (others.len(), values.add(others, Type::TEXT_ARRAY));
        conditions.push(format!(
            "(SELECT count(*) FROM persona_store.persona_tags AS t WHERE t.tag = ANY ({others}) AND t.persona = p.id) = {count}"
        ));
    }
    conditions
}

/// Whether a persona has none of these tags. One with NUL, which the database does not take, no
/// persona has.
fn without_tags(unwanted: &[String], values: &mut Values) -> Option<String> {
    let unwanted: Vec<String> =
        unwanted.iter().filter(|tag| !tag.contains('\0')).cloned().collect();
    if unwanted.is_empty() {
        return None;
    }
    let unwanted = values.add(unwanted, Type::TEXT_ARRAY);
    Some(format!(
        "NOT EXISTS (SELECT 1 FROM persona_store.persona_tags AS t WHERE t.tag = ANY ({unwanted}) AND t.persona = p.id)"
    ))
}

/// Whether an index has a persona as a candidate for a term.
fn found(term: &Term, values: &mut Values) -> String {
    let query = values.add(search::candidates(term), Type::TEXT);
    let tables: &[&str] = if term.is_of_titles() {
        &["persona_titles"]
    } else {
        &["persona_titles", "persona_texts"]
    };
    let of = |table: &&str| {
        format!(
            "SELECT persona FROM persona_store.{table} WHERE words @@ {query}::text::tsquery OR words IS NULL"
        )
    };
    format!("p.id IN ({})", tables.iter().map(of).collect::<Vec<_>>().join(" UNION ALL "))
}

/// Whether a term is in any of these parts.
fn is_in(parts: &[&str], term: &Term, values: &mut Values) -> String {
    let run = values.add(search::run_of(term), Type::TEXT);
    let parts: Vec<String> =
        parts.iter().map(|part| format!("strpos({part}, {run}) > 0")).collect();
    format!("({})", parts.join(" OR "))
}
