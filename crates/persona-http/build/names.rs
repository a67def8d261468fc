//! Makes the joined modules shorter by what they name: short names, the most frequent ones the
//! shortest, and one `let` for declarations that stand behind each other.
//!
//! No scopes are read. A name is renamed at all of its places or at none, whether they are one
//! variable or several of the same name, and gets a name that is nowhere else; so each place means
//! what it meant. Two questions are left. Whether a word is a variable or the name of a member is
//! seen by the signs around it. Whether it can be one of the browser is known of the names at the
//! top of a module, which a story compares with those of a window, and of those of local variables,
//! which the same story compares with `OF_BROWSERS`.

use std::collections::{BTreeMap, BTreeSet};

use super::shorten::{can_be_divided, is_of_word, regular_expression};

/// Names of local variables that the browser has, too. They stay.
const OF_BROWSERS: [&str; 12] = [
    "Screen", "close", "content", "event", "name", "open", "self", "status", "stop", "top", "when",
    "window",
];

/// What a bracket or a backtick begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Statements, or `${...}` of a template.
    Statements,
    /// Parentheses, or a list.
    Expression,
    /// An object, or a pattern that takes one apart.
    Object,
    /// The members of a class.
    Class,
    /// The names that an import takes.
    Import,
    /// The text of a template.
    Text,
}

/// What a word stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Variable,
    /// A variable with the name of a member, which stands there once: `{name}`.
    Both,
    /// The same in an import, which has another form.
    Imported,
    Member,
}

struct Word<'a> {
    text: &'a str,
    start: usize,
    place: Place,
    /// Whether this is the place of a local variable that declares it. Not all of them are known.
    is_declaration: bool,
}

/// A part of the text that is replaced.
struct Edit<'a> {
    start: usize,
    end: usize,
    by: [&'a str; 3],
}

/// Words that begin a block of statements.
const BLOCKS: [&str; 5] = ["catch", "do", "else", "finally", "try"];
/// Words that an object can stand behind, or a pattern.
const BEFORE_OBJECTS: [&str; 8] = ["await", "in", "let", "of", "return", "throw", "typeof", "void"];
/// Words before the name of a member.
const BEFORE_MEMBERS: [&str; 4] = ["async", "get", "set", "static"];
/// Words that mean something in some places. They are no names here.
const WORDS: [&str; 7] = ["as", "async", "do", "from", "if", "in", "of"];

/// The text, which has gone through `shorten`, with short names in place of those at its top and of
/// local variables, and with fewer declarations.
///
/// # Errors
///
/// Where a brace is found of which it is not known what it begins.
pub fn rename(text: &str, tops: &BTreeSet<String>) -> Result<String, String> {
    let mut scan =
        Scan { text, at: 0, levels: Vec::new(), last: None, words: Vec::new(), joints: Vec::new() };
    scan.run()?;
    let locals = scan.words.iter().filter(|word| word.is_declaration).map(|word| word.text);
    let locals = locals.filter(|name| !OF_BROWSERS.contains(name));
    let names = tops.iter().map(String::as_str).chain(locals);
    let names: BTreeSet<&str> = names.filter(|name| !WORDS.contains(name)).collect();
    let short = shorter(&scan.words, &names);
    let renamed = scan.words.iter().filter_map(|word| {
        let by = short.get(word.text)?.as_str();
        let before = match word.place {
            Place::Variable => ["", ""],
            Place::Both => [word.text, ":"],
            Place::Imported => [word.text, " as "],
            Place::Member => return None,
        };
        let end = word.start + word.text.len();
        Some(Edit { start: word.start, end, by: [before[0], before[1], by] })
    });
    let joined = scan.joints.iter().map(|&(start, end)| Edit { start, end, by: ["", "", ","] });
    let mut edits: Vec<_> = renamed.chain(joined).collect();
    edits.sort_by_key(|edit| edit.start);
    let mut edited = String::with_capacity(text.len());
    let mut end = 0;
    for edit in edits {
        edited.push_str(&text[end..edit.start]);
        edited.extend(edit.by);
        end = edit.end;
    }
    Ok(edited + &text[end..])
}

/// The short names of variables that have a longer one.
fn shorter<'a>(words: &[Word<'a>], names: &BTreeSet<&str>) -> BTreeMap<&'a str, String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words.iter().filter(|word| word.place != Place::Member) {
        if names.contains(word.text) {
            *counts.entry(word.text).or_default() += 1;
        }
    }
    let mut long: Vec<_> = counts.into_iter().collect();
    long.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let taken: BTreeSet<&str> = words.iter().map(|word| word.text).chain(WORDS).collect();
    let letters = || ('a'..='z').chain('A'..='Z');
    let two = letters().flat_map(|first| letters().map(move |last| format!("{first}{last}")));
    let short = letters().map(String::from).chain(two);
    let mut short = short.filter(|name| !taken.contains(name.as_str()));
    let pairs = long.into_iter().filter_map(|(name, _)| Some((name, short.next()?)));
    pairs.filter(|(name, short)| short.len() < name.len()).collect()
}

/// What is open, and whether the statement in it declares variables.
#[derive(Clone, Copy)]
struct Level {
    inside: Inside,
    is_let: bool,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    levels: Vec<Level>,
    /// Where the `;` behind the last statement is, if that was a declaration.
    last: Option<usize>,
    words: Vec<Word<'a>>,
    /// Where a declaration follows another one: from the end of the first to the name in the
    /// second.
    joints: Vec<(usize, usize)>,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), String> {
        self.open(Inside::Statements);
        while let Some(sign) = self.text[self.at..].chars().next() {
            if self.level().inside == Inside::Text {
                self.template(sign);
            } else {
                self.code(sign)?;
            }
        }
        Ok(())
    }

    fn level(&self) -> Level {
        self.levels.last().copied().unwrap_or(Level { inside: Inside::Statements, is_let: false })
    }

    fn declares(&mut self, is_let: bool) {
        if let Some(level) = self.levels.last_mut() {
            level.is_let = is_let;
        }
    }

    fn open(&mut self, inside: Inside) {
        self.levels.push(Level { inside, is_let: false });
    }

    fn template(&mut self, sign: char) {
        let rest = &self.text[self.at..];
        self.at += match sign {
            '`' => {
                self.levels.pop();
                1
            }
            '$' if rest.starts_with("${") => {
                self.open(Inside::Statements);
                2
            }
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            sign => sign.len_utf8(),
        };
    }

    fn code(&mut self, sign: char) -> Result<(), String> {
        let (before, rest) = self.text.split_at(self.at);
        let mut length = sign.len_utf8();
        match sign {
            '`' => self.open(Inside::Text),
            '(' | '[' => self.open(Inside::Expression),
            '{' => self.open(brace(before)?),
            ')' | ']' | '}' => {
                self.levels.pop();
            }
            // What stands behind the end of a line can be another statement.
            '\n' => self.declares(false),
            ';' => {
                self.last = self.level().is_let.then_some(self.at);
                self.declares(false);
            }
            '\'' | '"' => length = quoted(rest, sign),
            '/' if !can_be_divided(before) => length = regular_expression(rest),
            sign if is_of_word(sign) => length = self.word(before, rest),
            _ => {}
        }
        self.at += length;
        Ok(())
    }

    /// Notes a word, and returns its bytes.
    fn word(&mut self, before: &str, rest: &str) -> usize {
        let end = rest.find(|sign| !is_of_word(sign)).unwrap_or(rest.len());
        let (text, behind) = (&self.text[self.at..self.at + end], &rest[end..]);
        let inside = self.level().inside;
        // In parentheses it stands in the head of a loop.
        if text == "let" && inside == Inside::Statements {
            if self.last.is_some_and(|last| last + 1 == self.at) {
                let blank = usize::from(behind.starts_with(' '));
                self.joints.push((self.at - 1, self.at + end + blank));
            }
            self.declares(true);
        }
        let place = place(before, behind, inside);
        let is_declaration =
            place == Place::Variable && (before.ends_with("let ") || behind.starts_with("=>"));
        if !text.starts_with(|sign: char| sign.is_ascii_digit()) {
            self.words.push(Word { text, start: self.at, place, is_declaration });
        }
        end
    }
}

/// The bytes of the quoted text that a text begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text[1..].find(|sign| {
        let is_end = sign == quote && !is_escaped;
        is_escaped = sign == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// What a brace begins.
fn brace(before: &str) -> Result<Inside, String> {
    let before = before.trim_end();
    let word = last_word(before);
    let Some(last) = before.chars().next_back() else { return Ok(Inside::Statements) };
    if before.ends_with("=>") || ");{}".contains(last) || BLOCKS.contains(&word) {
        Ok(Inside::Statements)
    } else if word == "import" {
        Ok(Inside::Import)
    } else if is_class(before) {
        Ok(Inside::Class)
    } else if "(,=:[?|&.!".contains(last) || BEFORE_OBJECTS.contains(&word) {
        Ok(Inside::Object)
    } else {
        let tail: Vec<_> = before.chars().rev().take(40).collect();
        Err(format!("what does a brace begin behind {}?", tail.iter().rev().collect::<String>()))
    }
}

/// Whether a text ends with the head of a class.
fn is_class(text: &str) -> bool {
    let head = text.rsplit(|sign| !is_of_word(sign) && sign != ' ').next().unwrap_or_default();
    let words: Vec<_> = head.split(' ').collect();
    matches!(words[..], ["class", _] | ["class", _, "extends", _])
}

/// What a word stands for, by what stands before and behind it.
fn place(before: &str, behind: &str, inside: Inside) -> Place {
    let before = before.trim_end_matches(' ');
    if before.ends_with('.') && !before.ends_with("...") {
        return Place::Member;
    }
    // Two words beside each other are no two variables, so the first one is `get` or the like.
    let next = behind.strip_prefix(' ').map(first_word);
    if next.is_some_and(|next| !["", "extends", "in", "instanceof", "of"].contains(&next)) {
        return Place::Member;
    }
    let last = before.chars().next_back().unwrap_or(';');
    let is_prefixed = BEFORE_MEMBERS.contains(&last_word(before));
    match inside {
        Inside::Import => Place::Imported,
        Inside::Class if is_prefixed || "{};\n*".contains(last) => Place::Member,
        Inside::Object if is_prefixed || "{,\n*".contains(last) => match behind.chars().next() {
            Some(':' | '(') => Place::Member,
            Some(',' | '}' | '=') => Place::Both,
            _ => Place::Variable,
        },
        _ => Place::Variable,
    }
}

/// The word at the beginning of a text.
fn first_word(text: &str) -> &str {
    text.split(|sign| !is_of_word(sign)).next().unwrap_or_default()
}

/// The word at the end of a text.
fn last_word(text: &str) -> &str {
    text.rsplit(|sign| !is_of_word(sign)).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::rename;

    /// Renames what has these names at its top.
    fn renamed(text: &str, tops: &str) -> Result<String, String> {
        rename(text, &tops.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn a_name_is_short_at_all_of_its_places() {
        for (text, short) in [
            (
                "let long=1;f(long,`${long} long`,\"long\",/long/)",
                "let a=1;f(a,`${a} long`,\"long\",/long/)",
            ),
            ("x=long/long/2", "x=a/a/2"),
            ("g(long?long:more,...long)", "g(a?a:b,...a)"),
            ("d`<${long} long=${long}/>`", "d`<${a} long=${a}/>`"),
            ("if(x){long(more)}else{more}", "if(x){b(a)}else{a}"),
            ("()=>{long}", "()=>{a}"),
            ("class long extends more{}", "class a extends b{}"),
        ] {
            assert_eq!(renamed(text, "long more").as_deref(), Ok(short), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_member_stays() {
        for (text, short) in [
            ("x.long(long)?.long", "x.long(a)?.long"),
            ("({long:long,y:{long,z}})", "({long:a,y:{long:a,z}})"),
            ("let{long,y=long,...more}=x", "let{long:a,y=a,...b}=x"),
            ("f=({long=1,x})=>long", "f=({long:a=1,x})=>a"),
            (
                "f({long(){long()},async more(){},get long(){}})",
                "f({long(){a()},async more(){},get long(){}})",
            ),
            (
                "class X{long=long;more(){return long}\nstatic long(){}get more(){}}",
                "class X{long=a;more(){return a}\nstatic long(){}get more(){}}",
            ),
            ("import{long,more}from'long'", "import{long as a,more as b}from'long'"),
        ] {
            assert_eq!(renamed(text, "long more").as_deref(), Ok(short), "{text}");
        }
    }

    #[test]
    fn local_variables_are_renamed_but_for_those_that_the_browser_has() {
        for (text, short) in [
            ("f(one=>{let two=one;return[two]})", "f(a=>{let b=a;return[b]})"),
            ("f(name=>close(name))", "f(name=>close(name))"),
            ("f((one,two)=>one)", "f((one,two)=>one)"),
            ("for(let one of from)f(async()=>one)", "for(let a of from)f(async()=>a)"),
            // A name that is taken is given to nothing else.
            ("let first=a;let second=b", "let c=a,d=b"),
        ] {
            assert_eq!(renamed(text, "").as_deref(), Ok(short), "{text}");
        }
    }

    #[test]
    fn declarations_behind_each_other_are_one() {
        for (text, short) in [
            (
                "let a=f(()=>{g();let b;let{c}=b});let[d]=a;e",
                "let a=f(()=>{g();let b,{c}=b}),[d]=a;e",
            ),
            // The end of a line can end a statement, too.
            ("let a=1\nf();let b", "let a=1\nf();let b"),
            (
                "if(a){let b}f();let c;for(let d;;){}let e",
                "if(a){let b}f();let c;for(let d;;){}let e",
            ),
        ] {
            assert_eq!(renamed(text, "").as_deref(), Ok(short), "{text}");
        }
    }

    #[test]
    fn a_brace_that_is_not_understood_is_told() {
        let told = renamed("a\n+{}", "").expect_err("a sign that no brace stands behind yet");
        assert!(told.contains("a\n+"), "{told}");
    }
}
