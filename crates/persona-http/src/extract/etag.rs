//! Entity tags and the conditions made of them (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2);
//! `conditions.rs` decides which apply.
//!
//! Tags as answers have them are in `tag_headers.rs`.

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use persona_model::{EntityTag, LabelPrecondition, LabelTag, Precondition};

use crate::problem::Problem;
pub(crate) use crate::tag_headers::{of, quoted};

/// What a client says of a label in `If-Match`.
pub(crate) fn label_precondition(headers: &HeaderMap) -> Result<LabelPrecondition, Problem> {
    Ok(match tags_in(headers, &IF_MATCH, "If-Match")? {
        None => LabelPrecondition::Any,
        Some(Tags::Any) => LabelPrecondition::IsSet,
        Some(Tags::Listed(tags)) => LabelPrecondition::OneOf(
            tags.into_iter()
                .filter(|tag| !tag.weak)
                .filter_map(|tag| LabelTag::parse(std::str::from_utf8(tag.opaque).ok()?))
                .collect(),
        ),
    })
}

/// Whether one of the tags in `If-Match` is this one, in strong comparison; `None` without the
/// header.
pub(crate) fn is_matched(headers: &HeaderMap, tag: &str) -> Result<Option<bool>, Problem> {
    Ok(tags_in(headers, &IF_MATCH, "If-Match")?.map(|tags| match tags {
        Tags::Any => true,
        Tags::Listed(tags) => tags.into_iter().any(|one| !one.weak && one.opaque == tag.as_bytes()),
    }))
}

/// Whether one of the tags in `If-None-Match` is this one, in weak comparison.
pub(crate) fn is_known_text(headers: &HeaderMap, tag: &str) -> Result<bool, Problem> {
    Ok(match tags_in(headers, &IF_NONE_MATCH, "If-None-Match")? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.into_iter().any(|one| one.opaque == tag.as_bytes()),
    })
}

/// What a client says in `If-Match`; `None` without the header.
///
/// The comparison is strong (RFC 9110 section 13.1.1): a weak tag, or one that this server never
/// hands out, matches no state.
pub(crate) fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    precondition_by(headers, Tag::read)
}

/// The same of a write. The tag of a read by a label names the content that was read too, so it is
/// met as long as that is the current one.
pub(crate) fn precondition_of_write(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    precondition_by(headers, |tag| tag.read().or_else(|| tag.read_behind_label()))
}

fn precondition_by<'a>(
    headers: &'a HeaderMap,
    read: impl Fn(&Tag<'a>) -> Option<EntityTag>,
) -> Result<Option<Precondition>, Problem> {
    let Some(tags) = tags_in(headers, &IF_MATCH, "If-Match")? else { return Ok(None) };
    Ok(Some(match tags {
        Tags::Any => Precondition::Any,
        Tags::Listed(tags) => {
            let strong = tags.iter().filter(|tag| !tag.weak);
            Precondition::OneOf(strong.filter_map(read).collect())
        }
    }))
}

/// The tag of a read by a label: it names the state of the label and that of the revision.
pub(crate) fn by_label(label: LabelTag, revision: EntityTag) -> String {
    format!("{label}-{revision}")
}

/// Whether a write must create the persona (`If-None-Match: *`).
pub(crate) fn must_be_new(headers: &HeaderMap) -> Result<bool, Problem> {
    match tags_in(headers, &IF_NONE_MATCH, "If-None-Match")? {
        None => Ok(false),
        Some(Tags::Any) if headers.contains_key(IF_MATCH) => Err(Problem::bad_header(
            "If-None-Match",
            "contradiction",
            "cannot be sent together with If-Match",
        )),
        Some(Tags::Any) => Ok(true),
        Some(Tags::Listed(_)) => Err(Problem::bad_header(
            "If-None-Match",
            "bad_value",
            "a write only knows *, which means: create it",
        )),
    }
}

/// Refuses `If-None-Match` where it would be ignored, because an ignored condition is a lost
/// update.
pub(crate) fn reject_if_none_match(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(IF_NONE_MATCH) {
        return Err(Problem::bad_header(
            "If-None-Match",
            "not_here",
            "is understood on GET, HEAD, PUT and to create only",
        ));
    }
    Ok(())
}

/// Whether the client has this state already (`If-None-Match`, weak comparison).
pub(crate) fn is_known(headers: &HeaderMap, current: EntityTag) -> Result<bool, Problem> {
    Ok(match tags_in(headers, &IF_NONE_MATCH, "If-None-Match")? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.into_iter().any(|tag| tag.read() == Some(current)),
    })
}

/// The content of `If-Match` or `If-None-Match`.
#[derive(PartialEq, Eq, Debug)]
enum Tags<'a> {
    Any,
    Listed(Vec<Tag<'a>>),
}

#[derive(PartialEq, Eq, Debug)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl Tag<'_> {
    /// The state with exactly this tag; `None` for the form `"7"` of early versions and for any
    /// other text.
    fn read(&self) -> Option<EntityTag> {
        std::str::from_utf8(self.opaque).ok().and_then(EntityTag::parse)
    }

    /// The state of the revision in a tag as [`by_label`] makes it.
    fn read_behind_label(&self) -> Option<EntityTag> {
        let text = std::str::from_utf8(self.opaque).ok()?;
        let (hyphen, _) = text.match_indices('-').nth(1)?;
        LabelTag::parse(&text[..hyphen])?;
        EntityTag::parse(&text[hyphen + 1..])
    }
}

fn tags_in<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    spelled: &'static str,
) -> Result<Option<Tags<'a>>, Problem> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes).peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    tags_of(lines).map(Some).ok_or_else(|| {
        let first = headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default();
        let problem = Problem::bad_header(
            spelled,
            "bad_etag",
            format!("must be * or entity tags in double quotes, is {first}"),
        );
        problem.hint(format!(
            "write the tag as the ETag header has it, with its quotes: {spelled}: \"7-9f3c21aa\""
        ))
    })
}

/// The tags of all lines of a header; `None` when they break the grammar, or when `*` is not alone.
fn tags_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Tags<'a>> {
    let mut tags = Vec::new();
    let mut any = false;
    for line in lines {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            any = true;
            continue;
        }
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b",") {
                rest = after.trim_ascii_start();
                continue;
            }
            let (tag, after) = tag_at(rest)?;
            tags.push(tag);
            rest = after.trim_ascii_start();
            if !(rest.is_empty() || rest.starts_with(b",")) {
                return None;
            }
        }
    }
    match (any, tags.is_empty()) {
        (true, true) => Some(Tags::Any),
        (false, false) => Some(Tags::Listed(tags)),
        _ => None,
    }
}

/// The tag at the start of a text, and what follows it.
fn tag_at(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (weak, text) = text.strip_prefix(b"W/").map_or((false, text), |strong| (true, strong));
    let text = text.strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = (&text[..end], &text[end + 1..]);
    opaque.iter().all(|byte| *byte > b' ' && *byte != 0x7f).then_some((Tag { weak, opaque }, after))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};
    use persona_model::{EntityTag, LabelTag, Precondition, Revision};

    use super::{by_label, is_known, must_be_new, of, precondition, precondition_of_write};

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (name.clone(), HeaderValue::try_from(*value).expect("a header value"))
            })
            .collect()
    }

    fn tag(number: u64, checksum: u32) -> EntityTag {
        EntityTag { revision: Revision::new(number).expect("not 0"), checksum }
    }

    #[test]
    fn a_tag_is_in_quotes_whatever_its_length() {
        assert_eq!(of(tag(1, 0)), "\"1-00000000\"");
        assert_eq!(of(tag(u64::MAX, u32::MAX)), "\"18446744073709551615-ffffffff\"");
    }

    #[test]
    fn if_match_is_compared_strongly() {
        let read =
            |value| precondition(&headers(&[(header::IF_MATCH, value)])).expect("well formed");
        let (seven, eight) = (tag(7, 0x9f3c_21aa), tag(8, 1));
        assert_eq!(precondition(&HeaderMap::new()).expect("none"), None);
        assert_eq!(read("*"), Some(Precondition::Any));
        assert_eq!(read("\"7-9f3c21aa\""), Some(Precondition::at(seven)));
        assert_eq!(
            read(" , \"7-9f3c21aa\" ,, \"8-00000001\""),
            Some(Precondition::OneOf(vec![seven, eight]))
        );
        for never in
            ["\"7\"", "\"07-9f3c21aa\"", "\"7-9F3C21AA\"", "\"0-00000000\"", "\"\"", "\"abc,*\""]
        {
            assert_eq!(read(never), Some(Precondition::OneOf(Vec::new())), "{never}");
        }
        assert_eq!(read("W/\"7-9f3c21aa\""), Some(Precondition::OneOf(Vec::new())));
        assert_eq!(read("W/\"8-00000001\", \"7-9f3c21aa\""), Some(Precondition::at(seven)));
        let two_lines =
            headers(&[(header::IF_MATCH, "\"7-9f3c21aa\""), (header::IF_MATCH, "\"8-00000001\"")]);
        assert_eq!(
            precondition(&two_lines).expect("well formed"),
            Some(Precondition::OneOf(vec![seven, eight]))
        );
    }

    #[test]
    fn a_write_takes_the_tag_of_a_read_by_a_label_for_the_revision_in_it() {
        let (label, seven) = (LabelTag { version: 3, checksum: 1 }, tag(7, 0x9f3c_21aa));
        let of_label = format!("\"{}\"", by_label(label, seven));
        let read = |value: &str| {
            let headers = headers(&[(header::IF_MATCH, value)]);
            [precondition(&headers), precondition_of_write(&headers)]
                .map(|read| read.expect("well formed"))
        };
        let (met, never) = (Some(Precondition::at(seven)), Some(Precondition::OneOf(Vec::new())));
        assert_eq!(read(&of_label), [never.clone(), met.clone()]);
        assert_eq!(read("\"7-9f3c21aa\""), [met.clone(), met]);
        for other in [
            "\"l3-00000001\"",
            "\"l3-00000001-7\"",
            "\"x3-00000001-7-9f3c21aa\"",
            "\"l3-1-7-9f3c21aa\"",
        ] {
            assert_eq!(read(other), [never.clone(), never.clone()], "{other}");
        }
        assert_eq!(read(&format!("W/{of_label}"))[1], never);
    }

    #[test]
    fn a_condition_that_breaks_the_grammar_is_refused() {
        for bad in
            ["7", "", ",", "\"7", "7\"", "\"7\" \"8\"", "w/\"7\"", "*, \"7\"", "\"7\"x", "\"a b\""]
        {
            assert!(precondition(&headers(&[(header::IF_MATCH, bad)])).is_err(), "{bad}");
            assert!(
                is_known(&headers(&[(header::IF_NONE_MATCH, bad)]), tag(7, 1)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn if_none_match_is_compared_weakly_and_as_a_whole() {
        let known = |value| {
            is_known(&headers(&[(header::IF_NONE_MATCH, value)]), tag(7, 0x9f3c_21aa))
                .expect("well formed")
        };
        for hit in ["\"7-9f3c21aa\"", "W/\"7-9f3c21aa\"", "\"1-00000000\", W/\"7-9f3c21aa\"", "*"] {
            assert!(known(hit), "{hit}");
        }
        for miss in ["\"7\"", "\"7-9f3c21ab\"", "\"8-9f3c21aa\"", "W/\"7\"", "\"07-9f3c21aa\""] {
            assert!(!known(miss), "{miss}");
        }
    }

    #[test]
    fn only_a_star_creates() {
        assert!(must_be_new(&headers(&[(header::IF_NONE_MATCH, "*")])).expect("well formed"));
        assert!(!must_be_new(&HeaderMap::new()).expect("none"));
        assert!(must_be_new(&headers(&[(header::IF_NONE_MATCH, "\"7-9f3c21aa\"")])).is_err());
        assert!(
            must_be_new(&headers(&[(header::IF_NONE_MATCH, "*"), (header::IF_MATCH, "*")]))
                .is_err()
        );
    }
}
