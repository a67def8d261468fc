//! The generator of random requests: operation, values, and how the values are spoilt.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use proptest::sample::select;

use crate::contract::OperationId;
use crate::contract::parameters::ParameterKind;

/// Edge cases of numbers.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "-1",
    "01",
    "1.0",
    "1e3",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "NaN",
];
/// Texts that have a meaning in some parameter or header.
const WORDS: &[&str] = &[
    "*",
    "true",
    "false",
    "exact",
    "name",
    "-updated_at",
    "relevance",
    "character",
    "user",
    "a",
    "Ada",
    "C++ str*",
    "\"an exact phrase\" -not",
    "tag:a",
    "AND OR NOT NEAR(",
    "strasse",
    "(((",
    "name,tags",
    "2026-11-29T00:00:00Z",
    "2026-11-29T00:00:00+25:00",
    "1970-01-01T00:00:00.5Z",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Fri, 01 Jan 2100 00:00:00 GMT",
    "\"1-00000000\"",
    "W/\"1-00000000\"",
    "\"a\", \"b\"",
    "Bearer psk_x",
    "Basic YTpi",
    "bytes 0-1/2",
    "gzip;q=0",
    "Bearer psk_28zQg5LpajJ2UvPJZVqAen9baer58WMAd8nOsWHw19f1MHXse",
    "wait=5",
    "cross-site",
    "eyJhIjoxfQ",
    "AAAA",
    "%00",
    "..%2f",
    "a\u{202e}b",
    "Grüße",
    "@bea",
    "@a/b",
    "production",
    "1-0123456789abcdef",
    "persona_session=psk_x; a=b",
    "",
];
/// Labels in paths.
const LABELS: &[&str] = &["production", "production", "staging", "latest", "7", "a%2Fb", "%00", ""];
/// Parameters and headers besides those that the table of operations declares.
const OTHER_NAMES: &[&str] = &["limit", "cursor", "q", "note", "revision", "nothing"];
const OTHER_HEADERS: &[&str] = &[
    "authorization",
    "idempotency-key",
    "x-persona-author",
    "x-persona-note",
    "x-request-id",
    "accept",
    "content-range",
    "cookie",
    "expect",
    "if-range",
    "last-event-id",
    "origin",
    "sec-fetch-site",
    "range",
];
/// Media types of bodies, valid and invalid ones.
const TYPES: &[&str] = &[
    "application/json",
    "application/json; charset=utf-8",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/x-ndjson",
    "text/csv",
    "text/plain",
    "",
    "nonsense",
];
/// Bodies that are valid for some operation.
const BODIES: &[&str] = &[
    "",
    "{}",
    "null",
    r#"{"name":"Ada","tags":["x","y"],"extensions":{"a":[1,2.5,null]}}"#,
    r#"{"name":"Bea","handle":"bea","kind":"user","is_active":false,"description":"Straße"}"#,
    r#"{"nickname":"A","description":null}"#,
    r#"[{"op":"test","path":"/name","value":"Ada"},{"op":"add","path":"/tags/-","value":"z"}]"#,
    r#"[{"op":"copy","from":"/extensions","path":"/extensions/b"},{"op":"remove","path":"/tags"}]"#,
    r#"{"items":[{"op":"create","document":{"name":"C"}},{"op":"delete","id":"x"}]}"#,
    r#"[{"op":"create","document":{"name":"C"}}]"#,
    r#"{"document":{"name":"Old"},"created_at":"2026-01-01T00:00:00Z"}"#,
    "act,prompt\n\"Linux Terminal\",\"I want you to act as a linux terminal\"\n",
    "{\"name\":\"One\"}\n{\"name\":\"Two\"}\n",
    "[{\"name\":\"One\"},{\"name\":2}]",
];
/// Pieces that are inserted into a body or a text.
const PIECES: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\u0000",
    "\\ud800",
    "1e999",
    "-0",
    "null",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{0}",
    "'",
    ";",
    "--",
    "/",
    "~1",
    "%",
    "=",
    "&",
    "é",
    "🜁",
    "99999999999999999999999",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The identities and tags of the store.
pub struct Known {
    /// The identity of a persona, and of a deleted one.
    pub there: String,
    pub deleted: String,
    /// The entity tag of the last answer: mostly that of the first persona.
    pub tag: String,
}

/// The kind of a text, before identities and tags are known.
#[derive(Clone, Debug)]
enum Said {
    There,
    Deleted,
    Tag,
    Text(String),
}

impl Said {
    fn of<'a>(&'a self, known: &'a Known) -> &'a str {
        match self {
            Self::There => &known.there,
            Self::Deleted => &known.deleted,
            Self::Tag => &known.tag,
            Self::Text(text) => text,
        }
    }
}

/// A change of some bytes; its place is a fraction of the length.
#[derive(Clone, Debug)]
enum Spoil {
    Flip(u16, u8),
    Cut(u16),
    Leave(u16, u8),
    Repeat(u16, u8),
    Put(u16, &'static str),
}

impl Spoil {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |part: u16| bytes.len() * usize::from(part) / (usize::from(u16::MAX) + 1);
        let span =
            |part, count: u8| place(part)..(place(part) + usize::from(count)).min(bytes.len());
        match *self {
            Self::Flip(part, bits) => {
                let place = place(part);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= bits;
                }
            }
            Self::Cut(part) => bytes.truncate(place(part)),
            Self::Leave(part, count) => drop(bytes.drain(span(part, count))),
            Self::Repeat(part, count) => {
                let copy = bytes[span(part, count)].to_vec();
                bytes.splice(place(part)..place(part), copy);
            }
            Self::Put(part, piece) => drop(bytes.splice(place(part)..place(part), piece.bytes())),
        }
    }
}

fn spoil_all(spoilt: &[Spoil], bytes: &mut Vec<u8>) {
    for spoil in spoilt {
        spoil.apply(bytes);
    }
}

/// A request, before identities and tags are known.
#[derive(Clone, Debug)]
pub struct Shape {
    operation: OperationId,
    method: Option<Method>,
    /// The identity in the path.
    id: Said,
    /// The text to use wherever the path or the query takes a number; `None` for a valid number.
    number: Option<&'static str>,
    /// The label in the path.
    label: &'static str,
    query: Vec<(usize, Said)>,
    headers: Vec<(usize, Said)>,
    /// The value of `If-Match`, if the operation demands the header.
    condition: Option<Said>,
    content_type: &'static str,
    body: &'static str,
    spoilt: Vec<Spoil>,
    /// Whether the request is sent to the router that demands tokens.
    pub wants_token: bool,
}

impl Shape {
    /// The request; `None` if it cannot be written in HTTP, so that the library would refuse it.
    pub fn request(&self, known: &Known) -> Option<Request<Body>> {
        let row = self.operation.row();
        let has_label = self.operation.path().contains("{label}");
        let second = if has_label { self.label } else { self.number.unwrap_or("1") };
        let values = [&encoded(self.id.of(known)), second];
        let mut path = self.operation.path_of(&values);
        let is_number = |name| {
            row.all_query().any(|parameter| {
                parameter.name == name && matches!(parameter.holds, ParameterKind::Number(_))
            })
        };
        let names: Vec<&str> = row.all_query().map(|parameter| parameter.name).collect();
        for (number, (index, said)) in self.query.iter().enumerate() {
            let name = chosen(&names, OTHER_NAMES, *index);
            let sign = if number == 0 { '?' } else { '&' };
            let value = self.number.filter(|_| is_number(name)).unwrap_or(said.of(known));
            path.extend([&sign.to_string(), name, "=", &encoded(value)]);
        }
        let method = match &self.method {
            Some(method) => method.clone(),
            None => row.method.as_str().parse().ok()?,
        };
        let mut bytes = self.body.as_bytes().to_vec();
        spoil_all(&self.spoilt, &mut bytes);
        let uri: Uri = path.parse().ok()?;
        let mut request = Request::builder().method(method).uri(uri).body(bytes.into()).ok()?;
        let names: Vec<&str> = row.all_headers().map(|header| header.name).collect();
        for (index, said) in &self.headers {
            let name = chosen(&names, OTHER_HEADERS, *index).parse::<HeaderName>().ok()?;
            request
                .headers_mut()
                .append(name, HeaderValue::from_bytes(said.of(known).as_bytes()).ok()?);
        }
        let demanded = row.all_headers().any(|header| header.name == "If-Match" && header.required);
        if let Some(said) = self.condition.as_ref().filter(|_| demanded) {
            let value = HeaderValue::from_str(said.of(known)).ok()?;
            request.headers_mut().append(http::header::IF_MATCH, value);
        }
        if !self.content_type.is_empty() {
            let value = HeaderValue::from_static(self.content_type);
            request.headers_mut().insert(http::header::CONTENT_TYPE, value);
        }
        Some(request)
    }
}

/// Mostly one of `names`, sometimes one of `others`.
fn chosen<'a>(names: &[&'a str], others: &[&'a str], index: usize) -> &'a str {
    let all = names.len() * 4 + others.len();
    let at = index % all;
    if at < names.len() * 4 { names[at % names.len()] } else { others[at - names.len() * 4] }
}

/// Percent-encodes every byte that cannot be in a path or a query.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'%' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => Just(Said::There),
        1 => Just(Said::Deleted),
        2 => Just(Said::Tag),
        2 => select(NUMBERS).prop_map(|text| Said::Text(text.into())),
        4 => select(WORDS).prop_map(|text| Said::Text(text.into())),
        1 => (select(WORDS), spoils()).prop_map(|(text, spoilt)| {
            let mut bytes = text.as_bytes().to_vec();
            spoil_all(&spoilt, &mut bytes);
            Said::Text(String::from_utf8_lossy(&bytes).into())
        }),
        1 => any::<String>().prop_map(Said::Text),
    ]
}

fn spoils() -> impl Strategy<Value = Vec<Spoil>> {
    let spoil = prop_oneof![
        any::<(u16, u8)>().prop_map(|(part, bits)| Spoil::Flip(part, bits)),
        any::<u16>().prop_map(Spoil::Cut),
        any::<(u16, u8)>().prop_map(|(part, count)| Spoil::Leave(part, count)),
        any::<(u16, u8)>().prop_map(|(part, count)| Spoil::Repeat(part, count)),
        (any::<u16>(), select(PIECES)).prop_map(|(part, piece)| Spoil::Put(part, piece)),
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(spoil, 1..5)]
}

/// Empty in most requests, so that many requests get past the checks of their parameters.
fn few(said: impl Strategy<Value = Said>) -> impl Strategy<Value = Vec<(usize, Said)>> {
    let some = prop::collection::vec((any::<usize>(), said), 1..3);
    prop_oneof![2 => Just(Vec::new()), 1 => some]
}

/// Any request.
pub fn shape() -> impl Strategy<Value = Shape> {
    let changes = OperationId::ALL.iter().copied().filter(|id| id.row().all_query().count() > 0);
    let methods = [Method::HEAD, Method::OPTIONS, Method::PUT, Method::POST, Method::TRACE];
    let one = (
        prop_oneof![1 => select(OperationId::ALL), 4 => select(changes.collect::<Vec<_>>())],
        prop::option::weighted(0.05, select(methods.to_vec())),
        (
            prop_oneof![4 => Just(Said::There), 1 => said()],
            prop::option::of(select(NUMBERS)),
            select(LABELS),
        ),
        (few(said()), few(prop_oneof![Just(Said::Tag), said()])),
        prop::option::weighted(0.8, prop_oneof![Just(Said::Text("*".into())), Just(Said::Tag)]),
        prop_oneof![5 => Just(None), 1 => select(TYPES).prop_map(Some)],
        (prop::option::weighted(0.3, select(BODIES)), any::<usize>(), spoils()),
        prop::bool::weighted(0.02),
    );
    one.prop_map(|(operation, method, at, (query, headers), condition, of_type, body, closed)| {
        let bodies = operation.row().bodies;
        let ((id, number, label), (other, index, spoilt)) = (at, body);
        let right = bodies.get(index % bodies.len().max(1));
        Shape {
            operation,
            method,
            id,
            number,
            label,
            query,
            headers,
            condition,
            content_type: of_type.unwrap_or(right.map_or("", |body| body.media_type)),
            body: other.unwrap_or(right.map_or("", |body| body.example)),
            spoilt,
            wants_token: closed,
        }
    })
}
