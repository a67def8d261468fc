//! Where the terms of a search are in one text, and where most of them are close together.

use std::ops::Range;

use super::query::{SEARCH_TERMS_MAX, Term};
use super::words::Words;

/// Most places of one term in one text that are looked at for a snippet; later places are ignored.
/// So a text needs at most 3 MiB of memory (this limit times [`SEARCH_TERMS_MAX`]). In an ordinary
/// text of 256 KiB the most frequent word is rarer.
pub(super) const PLACES_MAX: usize = 4096;
/// A further mark that is at most this many bytes behind the first one is in the same snippet in
/// any language.
const NEAR_BYTES: usize = 100;

/// A part of a text that one or more terms match.
#[derive(Clone, Debug)]
pub(super) struct Match {
    /// The range of the part, in bytes of the text.
    pub span: Range<usize>,
    /// The terms that match exactly this part, one bit for each.
    pub terms: u32,
}

/// These terms without duplicates.
pub(super) fn different(terms: &[Term]) -> Vec<&Term> {
    let mut different: Vec<&Term> = Vec::with_capacity(terms.len());
    for term in terms {
        if !different.contains(&term) {
            different.push(term);
        }
    }
    different
}

/// The matches of the terms in a text, by start and then by end, each part once. Of each term the
/// first [`PLACES_MAX`] places count. Terms that apply to name and tags only (`Term::is_of_titles`)
/// are skipped in other texts.
pub(super) fn matches(terms: &[&Term], text: &str, is_title: bool) -> Vec<Match> {
    let mut words = Words::with_spans();
    words.add_all(text);
    let (joined, spans) = (words.joined, words.spans.unwrap_or_default());
    if spans.is_empty() {
        return Vec::new();
    }
    let words: Vec<&str> = joined.split(' ').collect();
    let mut matches = Vec::new();
    for (number, term) in
        terms.iter().enumerate().filter(|(_, term)| is_title || !term.is_of_titles())
    {
        let span = |first: usize| spans[first].start..spans[first + term.words.len() - 1].end;
        let places = term.places(&words, PLACES_MAX).into_iter();
        matches.extend(places.map(|first| Match { span: span(first), terms: 1 << number }));
    }
    matches.sort_unstable_by_key(|found| (found.span.start, found.span.end));
    matches.dedup_by(|found, before| {
        let is_same = found.span == before.span;
        before.terms |= if is_same { found.terms } else { 0 };
        is_same
    });
    matches
}

/// The first of the matches that have the most different terms close behind them: its index, and a
/// bit for each of these terms.
///
/// Each match enters and leaves the window once, so the time is linear in the number of matches.
pub(super) fn densest(matches: &[Match]) -> Option<(usize, u32)> {
    let mut window = Window::default();
    let mut best: Option<(usize, u32)> = None;
    for (number, first) in matches.iter().enumerate() {
        let reach = first.span.start + NEAR_BYTES;
        let is_near =
            |found: &&Match| found.span.end <= reach || found.span.start == first.span.start;
        while let Some(next) = matches.get(window.end).filter(is_near) {
            window.take_in(next);
        }
        if best.is_none_or(|(_, most)| window.terms.count_ones() > most.count_ones()) {
            best = Some((number, window.terms));
        }
        window.let_go(first);
    }
    best
}

/// A run of matches that follow each other.
#[derive(Default)]
struct Window {
    /// The index of the first match behind the window.
    end: usize,
    /// How often each term is in the window.
    counts: [usize; SEARCH_TERMS_MAX],
    /// The terms that are in the window, one bit for each.
    terms: u32,
}

impl Window {
    fn take_in(&mut self, found: &Match) {
        self.end += 1;
        self.terms |= found.terms;
        for (_, count) in self.counts_of(found) {
            *count += 1;
        }
    }

    fn let_go(&mut self, found: &Match) {
        let mut gone = 0;
        for (bit, count) in self.counts_of(found) {
            *count -= 1;
            gone |= if *count == 0 { bit } else { 0 };
        }
        self.terms &= !gone;
    }

    /// The bit of each term of a match, and how often the term is in the window.
    fn counts_of(&mut self, found: &Match) -> impl Iterator<Item = (u32, &mut usize)> {
        let counts =
            self.counts.iter_mut().enumerate().map(|(number, count)| (1_u32 << number, count));
        counts.filter(move |(bit, _)| found.terms & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{PLACES_MAX, different, matches};
    use crate::Search;

    /// How many matches are kept of a text of 256 KiB.
    fn kept(search: &str, word: &str) -> usize {
        let search = Search::parse(search).expect("a search");
        let text = word.repeat(256 * 1024 / word.len());
        matches(&different(&search.wanted), &text, false).len()
    }

    #[test]
    fn what_is_kept_of_a_heavy_text_is_bounded() {
        assert_eq!(kept(&"a ".repeat(32), "a "), PLACES_MAX, "equal terms are one");
        assert_eq!(
            kept("aa aa* \"aa\" \"aa\"*", "aa "),
            PLACES_MAX,
            "each part of the text is there once"
        );
        let phrases: Vec<String> =
            (1..30).map(|words| format!("\"{}\"", "a ".repeat(words))).collect();
        let all = phrases.join(" ");
        assert_eq!(kept(&all, "a "), phrases.len() * PLACES_MAX, "of each term the first places");
    }
}
