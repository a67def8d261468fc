//! What a word is: a run of letters and digits, a character that stands alone, or signs before or
//! behind a word that belong to it (`C++`).
//!
//! The signs of `C++`, `C#` and `.NET` are a word of their own beside the letters: so `c` finds
//! `C`, `C++` and `C#`, and `c++` finds only `C++`. Other signs only separate words: `node.js` is
//! `node` and `js`.

use std::ops::Range;

use super::fold::{folded, stands_alone};

/// The separator between two texts: a word that no term has, so that no phrase is found across two
/// texts. The character is from the private use area of Unicode, where no letter is.
pub const SEPARATOR: char = '\u{e000}';

/// The signs that belong to a word, and the private character that an index gets for each. The
/// tokenizer of an index would take the sign itself for a separator.
const SIGNS: [(char, char); 3] = [('+', '\u{e001}'), ('#', '\u{e002}'), ('.', '\u{e003}')];

/// Folded words, joined by blanks; built character by character for speed, because every write of a
/// persona builds them.
#[derive(Default)]
pub(super) struct Words {
    pub joined: String,
    /// The range of the text that each word comes from, in bytes; `None` where no ranges are
    /// wanted.
    pub spans: Option<Vec<Range<usize>>>,
    /// Whether the next letter continues the last word.
    open: bool,
    /// The signs right before the next character. That character decides whether they are a word.
    run: Option<Run>,
}

/// A run of one sign, once or repeated.
struct Run {
    sign: char,
    count: usize,
    span: Range<usize>,
    follows_word: bool,
}

/// Whether no letter can be added to this word.
pub(super) fn is_closed(word: &str) -> bool {
    word.chars().all(|char| stands_alone(char) || SIGNS.iter().any(|(_, written)| *written == char))
}

/// The folded words of a text.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let mut words = Words::default();
    words.add_all(text);
    words.joined.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl Words {
    pub fn with_spans() -> Self {
        Self { spans: Some(Vec::new()), ..Self::default() }
    }

    pub fn add_all(&mut self, text: &str) {
        if text.is_ascii() {
            return self.add_ascii(text);
        }
        self.open = false;
        folded(text, |char, span| self.add_folded(char, &span));
        self.settle(None);
    }

    pub fn separate(&mut self) {
        if !self.joined.is_empty() {
            self.joined.push(' ');
            self.joined.push(SEPARATOR);
        }
    }

    /// Adds a text of ASCII only, with the same result as the slow way character by character.
    /// Several times as fast, and most texts are ASCII.
    fn add_ascii(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let is_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let mut at = 0;
        while let Some(start) = (at..bytes.len()).find(|at| is_word(*at)) {
            let end = (start..bytes.len()).find(|at| !is_word(*at)).unwrap_or(bytes.len());
            if start > 0 && bytes[start - 1] == b'.' {
                let run_start =
                    (0..start).rev().find(|at| bytes[*at] != b'.').map_or(0, |before| before + 1);
                let follows_word = run_start > 0 && is_word(run_start - 1);
                self.add_run(
                    &Run {
                        sign: '.',
                        count: start - run_start,
                        span: run_start..start,
                        follows_word,
                    },
                    Some(char::from(bytes[start])),
                );
            }
            self.begin(start..end);
            let from = self.joined.len();
            self.joined.push_str(&text[start..end]);
            self.joined[from..].make_ascii_lowercase();
            if let Some(sign @ (b'+' | b'#')) = bytes.get(end) {
                let count = bytes[end..].iter().take_while(|byte| *byte == sign).count();
                let run = Run {
                    sign: char::from(*sign),
                    count,
                    span: end..end + count,
                    follows_word: true,
                };
                self.add_run(&run, bytes.get(end + count).map(|byte| char::from(*byte)));
            }
            at = end;
        }
    }

    fn add_folded(&mut self, char: char, span: &Range<usize>) {
        if SIGNS.iter().any(|(sign, _)| *sign == char) {
            return self.add_sign(char, span);
        }
        self.settle(Some(char));
        let alone = stands_alone(char);
        if !alone && !char.is_alphanumeric() {
            self.open = false;
            return;
        }
        if alone || !self.open {
            self.begin(span.clone());
        } else if let Some(last) = self.spans.as_mut().and_then(|spans| spans.last_mut()) {
            last.end = span.end;
        }
        self.joined.push(char);
        self.open = !alone;
    }

    fn add_sign(&mut self, sign: char, span: &Range<usize>) {
        if let Some(run) = self.run.as_mut().filter(|run| run.sign == sign) {
            run.count += 1;
            run.span.end = span.end;
            return;
        }
        self.settle(Some(sign));
        self.run = Some(Run { sign, count: 1, span: span.clone(), follows_word: self.open });
        self.open = false;
    }

    /// Decides what the pending signs are, now that the next character is known; `None` is the end
    /// of the text.
    fn settle(&mut self, next: Option<char>) {
        if let Some(run) = self.run.take() {
            self.add_run(&run, next);
        }
    }

    fn add_run(&mut self, run: &Run, next: Option<char>) {
        if run.is_word(next) {
            self.begin(run.span.clone());
            let written =
                SIGNS.iter().filter(|(sign, _)| *sign == run.sign).map(|(_, written)| *written);
            self.joined.extend(written.cycle().take(run.count));
        }
    }

    fn begin(&mut self, span: Range<usize>) {
        if !self.joined.is_empty() {
            self.joined.push(' ');
        }
        if let Some(spans) = &mut self.spans {
            spans.push(span);
        }
    }
}

impl Run {
    /// Whether the signs belong to a word. `C++`, `C++17`, `50+`, `C#`, `C#8` and `.NET` have such
    /// signs; `a+b`, `page#part`, `...and` and lines of `####` have not.
    fn is_word(&self, next: Option<char>) -> bool {
        let is_letter = |char: char| char.is_alphabetic() && !stands_alone(char);
        match (self.sign, self.count) {
            ('.', 1) => !self.follows_word && next.is_some_and(is_letter),
            ('+', 1) => {
                self.follows_word && !next.is_some_and(|next| is_letter(next) || next.is_numeric())
            }
            ('+', 2) => self.follows_word,
            ('#', 1) => self.follows_word && !next.is_some_and(is_letter),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Words, is_closed, words_of as words};

    /// The words of a text, with the private characters turned back into signs.
    fn typed(text: &str) -> Vec<String> {
        let sign = |char: char| {
            super::SIGNS
                .iter()
                .find(|(_, written)| *written == char)
                .map_or(char, |(sign, _)| *sign)
        };
        words(text).iter().map(|word| word.chars().map(sign).collect()).collect()
    }

    #[test]
    fn words_are_folded_and_scripts_without_spaces_are_cut() {
        assert_eq!(
            words("Crème-brûlée, ÅNGSTRÖM's 2nd!"),
            ["creme", "brulee", "angstrom", "s", "2nd"]
        );
        assert_eq!(
            words("中日翻译 GPT4 한국어 ﬁne ①"),
            ["中", "日", "翻", "译", "gpt4", "한", "국", "어", "fine", "1"]
        );
        assert_eq!(words("🤖 robot🧙"), ["🤖", "robot", "🧙"]);
        assert_eq!(words("がか ｶﾞ ΣΊΣΥΦΟΣ İ e\u{301}"), ["が", "か", "カ", "σισυφοσ", "i", "e"]);
        assert_eq!(
            words("\u{1112}\u{1161}\u{11ab}"),
            ["한"],
            "a syllable in parts is the syllable"
        );
        assert_eq!(words("\u{0} \t\n.,;:!?"), Vec::<String>::new());
    }

    #[test]
    fn signs_that_belong_to_a_word_are_a_word_beside_it() {
        let cases: [(&str, &[&str]); 17] = [
            ("C++ c# F#, g++-12.", &["c", "++", "c", "#", "f", "#", "g", "++", "12"]),
            ("C++17 C#8.0 C++/CLI", &["c", "++", "17", "c", "#", "8", "0", "c", "++", "cli"]),
            (".NET (.net) ASP.NET node.js", &[".", "net", ".", "net", "asp", "net", "node", "js"]),
            ("Notepad++ 18+ A+.", &["notepad", "++", "18", "+", "a", "+"]),
            ("a+b 1+1 page#part", &["a", "b", "1", "1", "page", "part"]),
            ("# Title ## +1 ++i", &["title", "1", "i"]),
            ("end.Next ...and ..x .5", &["end", "next", "and", "x", "5"]),
            ("title##### a+++ b##", &["title", "a", "b"]),
            ("C++.NET C#.NET", &["c", "++", ".", "net", "c", "#", ".", "net"]),
            (
                "用C++语言 C#语言 使用.NET吧",
                &["用", "c", "++", "语", "言", "c", "#", "语", "言", "使", "用", ".", "net", "吧"],
            ),
            ("Ｃ＋＋ Ｃ＃ ．ＮＥＴ", &["c", "++", "c", "#", ".", "net"]),
            ("é++ .É ß#", &["e", "++", ".", "e", "ss", "#"]),
            ("…and é…x", &["and", "e", "x"]),
            ("+ # . ++ c ++ é", &["c", "e"]),
            ("++ # +", &[]),
            ("C++", &["c", "++"]),
            (".", &[]),
        ];
        for (text, wanted) in cases {
            assert_eq!(typed(text), wanted, "{text}");
        }
        assert!(
            words("C++ C# .NET")
                .iter()
                .all(|word| is_closed(word) != word.chars().all(char::is_alphanumeric))
        );
    }

    #[test]
    fn each_word_knows_where_it_comes_from() {
        let spans = |text: &str| {
            let mut words = Words::with_spans();
            words.add_all(text);
            let spans = words.spans.expect("asked for");
            spans.into_iter().map(|span| text[span].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            spans("The C++ of .NET, node.js"),
            ["The", "C", "++", "of", ".", "NET", "node", "js"]
        );
        assert_eq!(
            spans("Straße e\u{301}te\u{301} 中C#文 ＋ Ｃ＋＋"),
            ["Straße", "e\u{301}te\u{301}", "中", "C", "#", "文", "Ｃ", "＋＋"]
        );
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "[ -~]{0,40}|\\PC{0,40}|[aC1 .+#é中]{0,12}") {
            let once = words(&text);
            prop_assert_eq!(words(&format!("{text} é")), [once.clone(), vec!["e".to_owned()]].concat(), "plain or not, alike");
            // Signs are words only beside the word that they belong to.
            let plain: Vec<String> = once.into_iter().filter(|word| !word.starts_with(['\u{e001}', '\u{e002}', '\u{e003}'])).collect();
            prop_assert_eq!(words(&plain.join(" ")), plain);
        }

        #[test]
        fn spans_are_in_order_and_one_for_each_word(text in "\\PC{0,40}|[aC1 .+#é\u{301}中ß]{0,16}") {
            let mut found = Words::with_spans();
            found.add_all(&text);
            let spans = found.spans.expect("asked for");
            prop_assert_eq!(spans.len(), words(&text).len());
            prop_assert!(spans.iter().all(|span| text.get(span.clone()).is_some_and(|part| !part.is_empty())));
            prop_assert!(spans.windows(2).all(|pair| pair[0].start <= pair[1].start && pair[0].end <= pair[1].end));
        }
    }
}
