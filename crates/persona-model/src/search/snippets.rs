//! Snippets: a few short parts of the texts of a persona, with the words of a search marked.
//!
//! Snippets are made from the document by the rules of the search, so that they are the same on
//! every backend.

use std::ops::Range;

use serde_json::Value;

use super::matches::{Match, densest, different, matches};
use super::query::Search;
use super::searched::{GREETING_FIELDS, NAME_FIELDS, TEXT_FIELDS};

/// Most snippets of a persona.
pub const SNIPPETS_MAX: usize = 3;
/// Most characters of a snippet, without marks and ellipses, and before signs of HTML are escaped.
pub const SNIPPET_CHARS_MAX: usize = 160;
/// Characters of context in front of the first mark.
const LEAD_CHARS: usize = 40;
/// Most bytes of a character.
const CHAR_BYTES_MAX: usize = 4;
/// A part of a text in which words of a search are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snippet {
    /// Which text: a JSON Pointer (RFC 6901) into the persona, such as `/alternate_greetings/1`.
    pub pointer: String,
    /// The part as HTML: matches are between `<mark>` and `</mark>`, and everything else is
    /// escaped. A run of white space is one blank; `…` stands where the text goes on.
    pub html: String,
}

/// A text that has words of the search, and the best place in it.
struct Found<'a> {
    pointer: String,
    text: &'a str,
    /// The ranges to mark, in bytes, in order and without overlap. Ranges too far away to be in the
    /// snippet are left out.
    marks: Vec<Range<usize>>,
    /// The first mark of the snippet.
    first: Range<usize>,
    /// The terms near the first mark, one bit for each.
    terms: u32,
}

impl Search {
    /// Shows where the wanted terms are in a representation: at most [`SNIPPETS_MAX`] parts of
    /// different texts, in the order of name, tags and longer texts. Texts that show a term that no
    /// earlier text shows come first.
    ///
    /// `goes_on` is asked before each text, which has 256 KiB at most; the result is `None` as soon
    /// as it returns `false`.
    pub fn snippets(&self, answer: &Value, goes_on: impl Fn() -> bool) -> Option<Vec<Snippet>> {
        let terms = different(&self.wanted);
        let (mut found, mut seen): (Vec<Found<'_>>, u32) = (Vec::new(), 0);
        for (pointer, text, is_title) in texts(answer) {
            if !goes_on() {
                return None;
            }
            let matches = matches(&terms, text, is_title);
            let Some(next) = Found::of(pointer, text, &matches) else {
                continue;
            };
            // A text without a new term is never chosen, because an earlier text shows the same
            // terms. So only a few texts are kept, however many there are.
            if found.len() < SNIPPETS_MAX || next.terms & !seen != 0 {
                seen |= next.terms;
                found.push(next);
            }
        }
        Some(chosen(found).into_iter().map(Found::snippet).collect())
    }
}

/// Chooses the texts that are shown, in their order.
fn chosen(found: Vec<Found<'_>>) -> Vec<Found<'_>> {
    let mut found: Vec<(usize, Found<'_>)> = found.into_iter().enumerate().collect();
    let (mut chosen, mut shown) = (Vec::new(), 0);
    while chosen.len() < SNIPPETS_MAX && !found.is_empty() {
        let at = found.iter().position(|(_, text)| text.terms & !shown != 0).unwrap_or_default();
        let next = found.remove(at);
        shown |= next.1.terms;
        chosen.push(next);
    }
    chosen.sort_by_key(|(place, _)| *place);
    chosen.into_iter().map(|(_, text)| text).collect()
}

/// Every text that is searched, with its pointer, and whether it is of name or tags.
fn texts(answer: &Value) -> impl Iterator<Item = (String, &str, bool)> {
    let line = |field: &'static str| Some((format!("/{field}"), answer.get(field)?.as_str()?));
    let items = |field: &'static str| {
        let items = answer.get(field).and_then(Value::as_array).into_iter().flatten().enumerate();
        items.filter_map(move |(index, item)| Some((format!("/{field}/{index}"), item.as_str()?)))
    };
    let titles = NAME_FIELDS.into_iter().filter_map(line).chain(items("tags"));
    let longer =
        TEXT_FIELDS.into_iter().filter_map(line).chain(GREETING_FIELDS.into_iter().flat_map(items));
    titles
        .map(|(pointer, text)| (pointer, text, true))
        .chain(longer.map(|(pointer, text)| (pointer, text, false)))
}

impl<'a> Found<'a> {
    fn of(pointer: String, text: &'a str, matches: &[Match]) -> Option<Self> {
        let (best, terms) = densest(matches)?;
        let start = matches[best].span.start;
        let mut marks: Vec<Range<usize>> = Vec::new();
        for Match { span, .. } in matches {
            match marks.last_mut().filter(|last| last.end >= span.start) {
                Some(last) => last.end = last.end.max(span.end),
                None => marks.push(span.clone()),
            }
        }
        let first = marks.iter().find(|mark| mark.contains(&start))?.clone();
        let near = first.start.saturating_sub(LEAD_CHARS * CHAR_BYTES_MAX)
            ..=first.start + SNIPPET_CHARS_MAX * CHAR_BYTES_MAX;
        marks.retain(|mark| near.contains(&mark.start));
        marks.shrink_to_fit();
        Some(Self { pointer, text, marks, first, terms })
    }

    fn snippet(self) -> Snippet {
        let (text, first) = (self.text, &self.first);
        let lead = text[..first.start]
            .char_indices()
            .rev()
            .take(LEAD_CHARS)
            .last()
            .map_or(first.start, |(at, _)| at);
        // A snippet does not begin in the middle of a word if there is a blank to begin at.
        let start = if lead == 0 {
            0
        } else {
            lead + text[lead..first.start].find(char::is_whitespace).unwrap_or_default()
        };
        let most = text[start..]
            .char_indices()
            .nth(SNIPPET_CHARS_MAX)
            .map_or(text.len(), |(length, _)| start + length);
        let kept = first.end.min(most);
        let end = if most == text.len() {
            most
        } else {
            kept + text[kept..most].rfind(char::is_whitespace).unwrap_or(most - kept)
        };
        let mut html = Html::default();
        let mut at = start;
        for mark in self.marks.iter().filter(|mark| mark.start >= start && mark.start < end) {
            html.text(&text[at..mark.start]);
            html.mark(&text[mark.start..mark.end.min(end)]);
            at = mark.end.min(end);
        }
        html.text(&text[at..end]);
        let (before, after) = (!text[..start].trim().is_empty(), !text[end..].trim().is_empty());
        let html = format!(
            "{}{}{}",
            if before { "…" } else { "" },
            html.written.trim(),
            if after { "…" } else { "" }
        );
        Snippet { pointer: self.pointer, html }
    }
}

/// Text as HTML, with white space as one blank.
#[derive(Default)]
struct Html {
    written: String,
    is_after_blank: bool,
}

impl Html {
    fn mark(&mut self, text: &str) {
        self.written.push_str("<mark>");
        self.text(text);
        self.written.push_str("</mark>");
    }

    fn text(&mut self, text: &str) {
        for char in text.chars() {
            let is_blank = char.is_whitespace();
            match char {
                _ if is_blank && self.is_after_blank => {}
                _ if is_blank => self.written.push(' '),
                '&' => self.written.push_str("&amp;"),
                '<' => self.written.push_str("&lt;"),
                '>' => self.written.push_str("&gt;"),
                '"' => self.written.push_str("&quot;"),
                '\'' => self.written.push_str("&#39;"),
                other => self.written.push(other),
            }
            self.is_after_blank = is_blank;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ops::Range;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{
        Found, SNIPPET_CHARS_MAX, SNIPPETS_MAX, Search, Snippet, chosen, different, matches, texts,
    };
    use crate::Document;

    fn snippets(text: &str, members: &Value) -> Vec<(String, String)> {
        let snippets = Search::parse(text).expect("a search").snippets(members, || true);
        snippets.into_iter().flatten().map(|snippet| (snippet.pointer, snippet.html)).collect()
    }

    /// The marked parts of a description.
    fn marked(search: &str, text: &str) -> String {
        let found = snippets(search, &json!({ "description": text }));
        found.into_iter().map(|(_, html)| html).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_was_found_is_marked_as_it_is_written_in_the_text() {
        for (search, text, wanted) in [
            ("c++", "Learn C and C++.", "Learn C and <mark>C++</mark>."),
            ("c", "Learn C and C++.", "Learn <mark>C</mark> and <mark>C</mark>++."),
            (".net", "The .NET, not net", "The <mark>.NET</mark>, not net"),
            ("strasse", "Die Straße.", "Die <mark>Straße</mark>."),
            ("creme", "Cre\u{301}me!", "<mark>Cre\u{301}me</mark>!"),
            ("\"act as\" wiz*", "Act — as a wizard", "<mark>Act — as</mark> a <mark>wizard</mark>"),
            ("日本", "東京と日本語", "東京と<mark>日本</mark>語"),
            ("a \"a b\"", "a b a", "<mark>a b</mark> <mark>a</mark>"),
            ("x -y", "y x", "y <mark>x</mark>"),
            ("x", "  x\n\n\ty ", "<mark>x</mark> y"),
            (
                "b",
                "<b>\"b\" & 'b'</b>",
                "&lt;<mark>b</mark>&gt;&quot;<mark>b</mark>&quot; &amp; &#39;<mark>b</mark>&#39;&lt;/<mark>b</mark>&gt;",
            ),
            ("-x", "y", ""),
            ("z", "y", ""),
        ] {
            assert_eq!(marked(search, text), wanted, "{search} in {text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_words_around_the_place_that_shows_most() {
        let filler = "lorem ipsum dolor ".repeat(40);
        let text = format!("{filler}linux here. {filler}A linux terminal is there. {filler}");
        let found = marked("linux terminal", &text);
        assert!(found.starts_with("…") && found.ends_with("…"), "{found}");
        assert!(
            found.contains("dolor A <mark>linux</mark> <mark>terminal</mark> is there. lorem"),
            "{found}"
        );
        assert!(
            ["lorem", "ipsum", "dolor"]
                .iter()
                .any(|word| found.trim_matches('…').starts_with(word)),
            "{found}"
        );
        let long = "x".repeat(100_000);
        let again = "a ".repeat(120_000);
        assert!(
            marked(&format!("\"{}\"", "a ".repeat(500)), &again).starts_with("<mark>a a a"),
            "one word again and again"
        );
        assert_eq!(marked(&format!("\"{} b\"", "a ".repeat(500)), &again), "");
        assert_eq!(
            marked("xx*", &long),
            format!("<mark>{}</mark>…", "x".repeat(SNIPPET_CHARS_MAX))
        );
    }

    #[test]
    fn each_term_is_shown_once_before_any_is_shown_again() {
        let persona = json!({
            "name": "C++ tutor", "nickname": "c++", "handle": "c", "tags": ["c++", "wizard"], "description": "c++ again",
            "alternate_greetings": ["Hello", "I know C++ and templates"], "extensions": { "c++": "c++" },
        });
        let pointers = |text: &str| {
            snippets(text, &persona).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers("c++"), ["/name", "/nickname", "/tags/0"]);
        assert_eq!(
            pointers("c++ templates wizard"),
            ["/name", "/tags/1", "/alternate_greetings/1"]
        );
        assert_eq!(pointers("t*"), ["/name"], "one letter is looked for in name and tags only");
    }

    #[test]
    fn it_ends_before_the_text_at_which_it_does_not_go_on() {
        let persona = json!({ "name": "a", "tags": ["a"], "description": "a", "alternate_greetings": ["a", "a"] });
        let search = Search::parse("a").expect("a search");
        let asked = Cell::new(0);
        let up_to = |texts: usize| {
            asked.set(0);
            search.snippets(&persona, || {
                asked.set(asked.get() + 1);
                asked.get() <= texts
            })
        };
        for texts in 0..5 {
            assert_eq!((up_to(texts), asked.get()), (None, texts + 1));
        }
        assert_eq!((up_to(5).map(|snippets| snippets.len()), asked.get()), (Some(SNIPPETS_MAX), 5));
    }

    /// The reference implementation: each place is compared with all places behind it, and nothing
    /// is dropped early.
    fn naive(search: &Search, answer: &Value) -> Vec<Snippet> {
        let terms = different(&search.wanted);
        let found = texts(answer).filter_map(|(pointer, text, is_title)| {
            let matches = matches(&terms, text, is_title);
            let near = |first: usize| {
                let start = matches[first].span.start;
                let near = matches[first..]
                    .iter()
                    .take_while(|found| found.span.end <= start + 100 || found.span.start == start);
                near.fold(0_u32, |terms, found| terms | found.terms)
            };
            let best = (0..matches.len()).rev().max_by_key(|first| near(*first).count_ones())?;
            let mut marks: Vec<Range<usize>> = Vec::new();
            for found in &matches {
                match marks.last_mut().filter(|last| last.end >= found.span.start) {
                    Some(last) => last.end = last.end.max(found.span.end),
                    None => marks.push(found.span.clone()),
                }
            }
            let first = marks.iter().find(|mark| mark.contains(&matches[best].span.start))?.clone();
            Some(Found { pointer, text, marks, first, terms: near(best) })
        });
        chosen(found.collect()).into_iter().map(Found::snippet).collect()
    }

    proptest! {
        #[test]
        fn the_parts_are_those_of_comparing_every_place_with_all_behind_it(
            texts in prop::collection::vec("([abc] |[ab]{2} |中|é |x{20} |x{60} ){0,40}", 0..8),
            terms in prop::collection::vec("[abcé中]|[ab]{2}|a\\*|[ab]{2}\\*|x*|\"[ab] [abc]\"|\"a a a\"", 1..8),
        ) {
            let persona = json!({ "name": "a b", "tags": ["c"], "description": texts.first(), "alternate_greetings": texts });
            let search = Search::parse(&terms.join(" "));
            let Ok(search) = search else { return Ok(()) };
            prop_assert_eq!(search.snippets(&persona, || true), Some(naive(&search, &persona)));
        }

        #[test]
        fn what_is_found_is_marked_bounded_and_harmless(
            name in "[abC+#.éß ]{1,12}", text in "[abC+#.é<>&\"' 中ß\n]{0,300}|\\PC{0,200}",
            search in "[abC+#.éß中]{1,3}( -?[abC+#.é]{1,2}\\*?){0,2}",
        ) {
            prop_assume!(!name.trim().is_empty());
            let Ok(search) = Search::parse(&search) else { return Ok(()) };
            let document = Document::from_json(json!({ "name": name, "description": text, "tags": ["a b", "C++"] })).expect("valid");
            let found = search.snippets(&document.to_json(), || true).expect("it goes on");
            prop_assert!(found.len() <= SNIPPETS_MAX);
            if search.is_met_by(&document) {
                prop_assert_eq!(found.is_empty(), search.wanted.is_empty());
            }
            for snippet in &found {
                prop_assert!(snippet.html.contains("<mark>"));
                let plain = snippet.html.replace("<mark>", "").replace("</mark>", "");
                prop_assert!(!plain.contains(['<', '>', '"', '\'']), "{}", snippet.html);
                let mut shown = plain.trim_matches('…').to_owned();
                for (escaped, sign) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
                    shown = shown.replace(escaped, sign);
                }
                prop_assert!(shown.chars().count() <= SNIPPET_CHARS_MAX);
                // The snippet is a part of the text, apart from white space.
                let blanks = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                let whole = document.to_json().pointer(&snippet.pointer).and_then(Value::as_str).expect("a text").to_owned();
                prop_assert!(blanks(&whole).contains(&blanks(&shown)), "{:?} of {:?}", shown, whole);
            }
        }
    }
}
