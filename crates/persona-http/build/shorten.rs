//! Makes a module of the studio shorter without another meaning: its comments, which have the
//! types too, and its needless blanks, line ends and signs are left out. Names and statements stay.
//!
//! This is no parser of JavaScript. It knows texts, templates, regular expressions and comments,
//! which is what a blank can be inside of; and of markup (htm) that a line end beside a tag is no
//! text, and that `<//>` ends the element that is open, whatever its name.

/// What a closing brace or a backtick ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// A block, an object, or `${...}` of a template: code.
    Braces,
    /// The text of a template that is no markup.
    Text,
    /// Markup.
    Markup(Place),
}

/// A place in markup.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BetweenTags,
    Tag,
    /// Between the quotes of the value of an attribute.
    Value,
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

/// Words before the parentheses of the head of a statement.
const HEADS: [&str; 4] = ["for", "if", "while", "with"];

struct Shortener<'a> {
    rest: &'a str,
    kept: String,
    inside: Vec<Inside>,
    /// Of each open parenthesis: whether it begins the head of a loop or of a condition.
    parentheses: Vec<bool>,
    /// Whether the last parenthesis that was closed ended such a head.
    is_head: bool,
    /// Whether blanks or a comment came since the last sign.
    has_gap: bool,
}

/// The module without comments and needless blanks.
pub fn shorten(text: &str) -> String {
    let kept = String::with_capacity(text.len());
    let mut shortener = Shortener {
        rest: text,
        kept,
        inside: Vec::new(),
        parentheses: Vec::new(),
        is_head: false,
        has_gap: false,
    };
    while let Some(sign) = shortener.rest.chars().next() {
        match shortener.inside.last() {
            Some(Inside::Text) => shortener.template(sign),
            Some(&Inside::Markup(place)) => shortener.markup(sign, place),
            Some(Inside::Braces) | None => shortener.code(sign),
        }
    }
    shortener.kept
}

impl Shortener<'_> {
    fn template(&mut self, sign: char) {
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
            sign => self.keep(sign.len_utf8()),
        }
    }

    fn markup(&mut self, sign: char, place: Place) {
        match (place, sign) {
            (Place::Value, '"') => self.enter(Place::Tag),
            (Place::Value, _) => self.template(sign),
            (Place::Tag, '"') => self.value(),
            (Place::Tag, '>') => self.enter(Place::BetweenTags),
            (Place::Tag, ' ') if self.rest.starts_with(" />") => self.skip(1),
            (Place::BetweenTags, '<') if self.rest.starts_with("</") => self.end_of_element(),
            (Place::BetweenTags, '<') => self.enter(Place::Tag),
            (_, '\n') => self.end_line_of_markup(place),
            _ => self.template(sign),
        }
    }

    /// Keeps a sign behind which another place of the markup begins.
    fn enter(&mut self, place: Place) {
        self.inside.pop();
        self.inside.push(Inside::Markup(place));
        self.keep(1);
    }

    /// Leaves out the end of a line beside a tag, and the indentation of the next line. In a tag it
    /// is a blank.
    fn end_line_of_markup(&mut self, place: Place) {
        let next = self.rest.trim_start_matches(['\n', ' ']);
        if place == Place::Tag {
            self.kept.push(' ');
        } else if !self.kept.ends_with(['>', '`']) && !next.starts_with(['<', '`']) {
            self.kept.push('\n');
        }
        self.rest = next;
    }

    /// Leaves out the quotes around the value of an attribute that is one word.
    fn value(&mut self) {
        let rest = &self.rest[1..];
        let end = rest.find(|sign| !is_of_word(sign) && sign != '-').unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with('"') {
            self.kept.push_str(&rest[..end]);
            self.rest = &rest[end + 1..];
        } else {
            self.enter(Place::Value);
        }
    }

    /// Ends an element by the short form, which needs no name.
    fn end_of_element(&mut self) {
        let end = self.rest.find('>').map_or(self.rest.len(), |end| end + 1);
        self.kept.push_str("<//>");
        self.rest = &self.rest[end..];
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
            '/' if !can_be_divided(&self.kept) => self.regular_expression(),
            '\'' | '"' => self.text(sign),
            '`' => {
                let is_markup = self.kept.ends_with("html");
                let markup = Inside::Markup(Place::BetweenTags);
                self.inside.push(if is_markup { markup } else { Inside::Text });
                self.keep(1);
            }
            '{' => {
                self.inside.push(Inside::Braces);
                self.keep(1);
            }
            '(' => {
                let word = self.kept.rsplit(|sign| !is_of_word(sign)).next().unwrap_or_default();
                self.parentheses.push(HEADS.contains(&word));
                self.keep(1);
            }
            ')' | ']' | '}' => {
                if sign == '}' {
                    self.inside.pop();
                }
                self.close(sign);
            }
            '=' if self.rest.starts_with("=>") => {
                self.bare_parameter();
                self.keep(2);
            }
            sign => {
                if self.has_gap
                    && self.kept.chars().next_back().is_some_and(|last| must_part(last, sign))
                {
                    self.kept.push(' ');
                }
                // That nothing is assigned to a constant was checked in the source.
                if self.rest.starts_with("const ") && !self.kept.ends_with(is_of_word) {
                    self.kept.push_str("let");
                    self.skip(5);
                    return;
                }
                self.keep(sign.len_utf8());
            }
        }
    }

    /// Keeps a closing bracket without what it makes needless before it: a line end, the comma of
    /// the last item, and the end of the last statement of a block.
    fn close(&mut self, sign: char) {
        if self.kept.ends_with('\n') {
            self.kept.pop();
        }
        let mut signs = self.kept.chars();
        let last = signs.next_back();
        let rest = signs.as_str();
        let is_needless = match last {
            // A comma behind another one or behind a bracket is a hole of a list.
            Some(',') => !rest.ends_with([',', '[']),
            // What is behind the head of a loop is its body, also where it is empty.
            Some(';') => sign == '}' && !rest.ends_with("else") && !self.is_behind_head(rest),
            _ => false,
        };
        if is_needless {
            self.kept.pop();
        }
        if sign == ')' {
            self.is_head = self.parentheses.pop().unwrap_or_default();
        }
        self.keep(1);
    }

    fn is_behind_head(&self, text: &str) -> bool {
        self.is_head && text.ends_with(')')
    }

    /// Leaves out the parentheses of the only parameter of an arrow function.
    fn bare_parameter(&mut self) {
        let Some(inner) = self.kept.strip_suffix(')') else { return };
        let name = inner.rsplit(|sign| !is_of_word(sign)).next().unwrap_or_default();
        let before = &inner[..inner.len() - name.len()];
        let Some(before) = before.strip_suffix('(') else { return };
        let is_number = name.starts_with(|sign: char| sign.is_ascii_digit());
        if !name.is_empty() && !is_number && !before.ends_with(is_of_word) {
            self.kept = format!("{before}{name}");
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

    fn regular_expression(&mut self) {
        if self.kept.ends_with('/') {
            self.kept.push(' ');
        }
        self.keep(regular_expression(self.rest));
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

/// Whether code ends with something that could be divided. Behind anything else a slash begins a
/// regular expression.
pub fn can_be_divided(code: &str) -> bool {
    let code = code.trim_end();
    let Some(last) = code.chars().next_back() else { return false };
    let word = code.rsplit(|sign| !is_of_word(sign)).next().unwrap_or_default();
    if is_of_word(last) { !KEYWORDS.contains(&word) } else { ")]}'\"`".contains(last) }
}

/// The bytes of the regular expression that a text begins with, without its flags.
pub fn regular_expression(text: &str) -> usize {
    let (mut is_class, mut is_escaped) = (false, false);
    let end = text[1..].find(|sign| {
        let is_end = sign == '/' && !is_class && !is_escaped;
        match sign {
            '[' if !is_escaped => is_class = true,
            ']' if !is_escaped => is_class = false,
            _ => {}
        }
        is_escaped = sign == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Whether two signs mean something else without a blank between them.
fn must_part(last: char, next: char) -> bool {
    (is_of_word(last) && is_of_word(next))
        || (last == next && "+-/".contains(last))
        || (last.is_ascii_digit() && next == '.')
}

pub fn is_of_word(sign: char) -> bool {
    sign.is_alphanumeric() || "_$#".contains(sign) || !sign.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn comments_types_and_blanks_are_left_out() {
        for (text, short) in [
            ("export const a = 1; // one\n  b = a;\n", "export let a=1;b=a;"),
            ("() => { f(); }", "()=>{f()}"),
            (
                "/** Says\n * why. */\nexport function f(a, b) { return a + b; }",
                "export function f(a,b){return a+b}",
            ),
            ("run(/** @type {any} */ (event) => event.x)", "run(event=>event.x)"),
            ("import { a } from './a.js';", "import{a}from'./a.js';"),
            ("a  ?  [ b ] : { c : 1 }", "a?[b]:{c:1}"),
            ("f(\n  a,\n  [\n    b,\n  ]\n)\n\ng()\n", "f(a,[b])\ng()\n"),
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
            ("html`<p>\n  ${ a }\n  b  c\n  </p>`", "html`<p>${a}\nb  c<//>`"),
            ("html`<${A} b\n  c=${ d } /></${A}>`", "html`<${A} b c=${d}/><//>`"),
            (
                "html`<p a=\"b-c\" d=\"e f\" g=\"\" h=\"${ i } j\" k=\"l\">m=\"n\" /></p>`",
                "html`<p a=b-c d=\"e f\" g=\"\" h=\"${i} j\" k=l>m=\"n\" /><//>`",
            ),
            ("`a\n    b`", "`a\n    b`"),
            (r#"/a  \/  [/ ]"/u.test(b)"#, r#"/a  \/  [/ ]"/u.test(b)"#),
            ("a = (b) / c / d", "a=(b)/c/d"),
            ("return /a  b/", "return/a  b/"),
            ("a / /b  c/.d", "a/ /b  c/.d"),
            ("[a, , b, ,]", "[a,,b,,]"),
            ("[,]", "[,]"),
            ("{ while (f()); }", "{while(f());}"),
            ("{ if (f(g())) a(); else ; }", "{if(f(g()))a();else;}"),
            ("async (a) => (b, c) => (d) => d", "async(a)=>(b,c)=>d=>d"),
            ("(a = f(b)) => a", "(a=f(b))=>a"),
        ] {
            assert_eq!(shorten(text), short);
            assert_eq!(shorten(short), short);
        }
    }
}
