//! Makes a module of the studio shorter without another meaning: its comments, which have the
//! types too, and its needless blanks and line ends are left out. Names and statements stay.
//!
//! This is no parser of JavaScript. It knows texts, templates, regular expressions and comments,
//! which is what a blank can be inside of.

/// What a closing brace or a backtick ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A block, an object, or `${...}` of a template: code.
    Braces,
    /// The text of a template. Markup loses the indentation of its lines, which htm ignores.
    Template { is_markup: bool },
}

/// Words before which a slash divides nothing, although they look like names.
const KEYWORDS: [&str; 12] = [
    "await",
    "case",
    "delete",
    "else",
    "in",
    "instanceof",
    "of",
    "return",
    "throw",
    "typeof",
    "void",
    "yield",
];

struct Shortener<'a> {
    rest: &'a str,
    kept: String,
    inside: Vec<Inside>,
    /// Whether blanks or a comment came since the last sign.
    has_gap: bool,
}

/// The module without comments and needless blanks.
pub fn shorten(text: &str) -> String {
    let kept = String::with_capacity(text.len());
    let mut shortener = Shortener { rest: text, kept, inside: Vec::new(), has_gap: false };
    while let Some(sign) = shortener.rest.chars().next() {
        match shortener.inside.last() {
            Some(&Inside::Template { is_markup }) => shortener.template(sign, is_markup),
            _ => shortener.code(sign),
        }
    }
    shortener.kept
}

impl Shortener<'_> {
    fn template(&mut self, sign: char, is_markup: bool) {
        match sign {
            '`' => {
                self.inside.pop();
                self.keep(1);
            }
            '$' if self.rest.starts_with("${") => {
                self.inside.push(Inside::Braces);
                self.keep(2);
            }
            '\\' => self.keep_escaped(),
            '\n' if is_markup => {
                self.keep(1);
                self.rest = self.rest.trim_start_matches(' ');
            }
            sign => self.keep(sign.len_utf8()),
        }
    }

    fn code(&mut self, sign: char) {
        match sign {
            ' ' => self.skip(1),
            '\n' => {
                self.skip(1);
                self.end_line();
            }
            '/' if self.rest.starts_with("//") => {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            }
            '/' if self.rest.starts_with("/*") => self.comment(),
            '/' if self.is_regular_expression() => self.regular_expression(),
            '\'' | '"' => self.text(sign),
            '`' => {
                let is_markup = self.kept.ends_with("html");
                self.inside.push(Inside::Template { is_markup });
                self.keep(1);
            }
            '{' => {
                self.inside.push(Inside::Braces);
                self.keep(1);
            }
            ')' | ']' | '}' => {
                if sign == '}' {
                    self.inside.pop();
                }
                if self.kept.ends_with('\n') {
                    self.kept.pop();
                }
                self.keep(1);
            }
            sign => {
                if self.has_gap
                    && self.kept.chars().next_back().is_some_and(|last| must_part(last, sign))
                {
                    self.kept.push(' ');
                }
                self.keep(sign.len_utf8());
            }
        }
    }

    fn comment(&mut self) {
        let end = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
        let has_lines = self.rest[..end].contains('\n');
        self.skip(end);
        if has_lines {
            self.end_line();
        }
    }

    /// Ends a line where the end of a statement may hang on that: not behind a sign that no
    /// statement ends with, or that ends it already.
    fn end_line(&mut self) {
        if !self.kept.is_empty() && !self.kept.ends_with(['\n', ';', '{', ',', '(', '[']) {
            self.kept.push('\n');
        }
        self.has_gap = false;
    }

    fn text(&mut self, quote: char) {
        self.keep(1);
        while let Some(sign) = self.rest.chars().next() {
            match sign {
                '\\' => self.keep_escaped(),
                sign => self.keep(sign.len_utf8()),
            }
            if sign == quote {
                break;
            }
        }
    }

    /// Whether a slash begins a regular expression: it does where nothing stands before it that
    /// could be divided.
    fn is_regular_expression(&self) -> bool {
        let before = self.kept.trim_end();
        let Some(last) = before.chars().next_back() else { return true };
        let word = before.rsplit(|sign| !is_of_word(sign)).next().unwrap_or_default();
        if is_of_word(last) { KEYWORDS.contains(&word) } else { !")]}'\"`".contains(last) }
    }

    fn regular_expression(&mut self) {
        let mut is_class = false;
        if self.kept.ends_with('/') {
            self.kept.push(' ');
        }
        self.keep(1);
        while let Some(sign) = self.rest.chars().next() {
            match sign {
                '\\' => self.keep_escaped(),
                sign => self.keep(sign.len_utf8()),
            }
            match sign {
                '[' => is_class = true,
                ']' => is_class = false,
                '/' if !is_class => break,
                _ => {}
            }
        }
    }

    /// Keeps a backslash and the sign behind it.
    fn keep_escaped(&mut self) {
        let second = self.rest.chars().nth(1).map_or(0, char::len_utf8);
        self.keep(1 + second);
    }

    fn keep(&mut self, bytes: usize) {
        let (kept, rest) = self.rest.split_at(bytes);
        self.kept.push_str(kept);
        self.rest = rest;
        self.has_gap = false;
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
        self.has_gap = true;
    }
}

/// Whether two signs mean something else without a blank between them.
fn must_part(last: char, next: char) -> bool {
    (is_of_word(last) && is_of_word(next))
        || (last == next && "+-/".contains(last))
        || (last.is_ascii_digit() && next == '.')
}

fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || "_$#".contains(sign) || !sign.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn comments_types_and_blanks_are_left_out() {
        for (text, short) in [
            ("const a = 1; // one\n  b = a;\n", "const a=1;b=a;"),
            (
                "/** Says\n * why. */\nexport function f(a, b) { return a + b; }",
                "export function f(a,b){return a+b;}",
            ),
            ("run(/** @type {any} */ (event) => event.x)", "run((event)=>event.x)"),
            ("import { a } from './a.js';", "import{a}from'./a.js';"),
            ("a  ?  [ b ] : { c : 1 }", "a?[b]:{c:1}"),
            ("f(\n  a,\n  [\n    b,\n  ]\n)\n\ng()\n", "f(a,[b,])\ng()\n"),
        ] {
            assert_eq!(shorten(text), short);
        }
    }

    #[test]
    fn blanks_stay_where_they_mean_something() {
        for (text, short) in [
            ("return typeof a in b", "return typeof a in b"),
            ("a + +b - -c", "a+ +b- -c"),
            ("1 .toFixed()", "1 .toFixed()"),
            (r#"'a  \'//  b' + "/* '""#, r#"'a  \'//  b'+"/* '""#),
            ("`a  ${ b + `c  ${ d }` }  // \\` e`", "`a  ${b+`c  ${d}`}  // \\` e`"),
            ("html`<p>\n  ${ a }\n  b  c</p>`", "html`<p>\n${a}\nb  c</p>`"),
            ("`a\n    b`", "`a\n    b`"),
            (r#"/a  \/  [/ ]"/u.test(b)"#, r#"/a  \/  [/ ]"/u.test(b)"#),
            ("a = (b) / c / d", "a=(b)/c/d"),
            ("return /a  b/", "return/a  b/"),
            ("a / /b  c/.d", "a/ /b  c/.d"),
        ] {
            assert_eq!(shorten(text), short);
            assert_eq!(shorten(short), short);
        }
    }
}
