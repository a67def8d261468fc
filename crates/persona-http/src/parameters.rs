//! The query: which parameters a route knows, and what they hold. Every fault is collected before
//! any is answered.

use std::borrow::Cow;

use http::Uri;
use persona_model::{Revision, excerpt, nearest_name};

use super::problem::{Fault, Problem};

/// Most parameters of a query: every one that a route knows, with room for those that repeat.
pub(super) const PARAMETERS_MAX: usize = 64;

/// One query parameter of a route; `openapi/` describes it from the same row.
pub(super) struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may hold, as an OpenAPI schema would say it.
    pub holds: Holds,
    /// Whether it may be given more than once.
    pub repeats: bool,
    /// What it is for, in one sentence.
    pub about: &'static str,
}

/// What a parameter may hold.
pub(super) enum Holds {
    /// A whole number from 1 up to this.
    Number(u64),
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A tag.
    Tag,
    /// What a search looks for.
    Search,
    /// A cursor that a list handed out.
    Cursor,
    /// An RFC 3339 time, or a position of the feed.
    Since,
    /// Some of these names, separated by commas.
    Names(fn() -> Vec<&'static str>),
}

/// The parameters of one request, and what is wrong with them.
pub(super) struct Parameters<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    faults: Vec<Fault>,
}

impl<'a> Parameters<'a> {
    /// Reads a query; unknown and repeated parameters are faults.
    pub fn read(uri: &'a Uri, known: &[Parameter]) -> Self {
        let mut read = Self { pairs: Vec::new(), faults: Vec::new() };
        let Some(query) = uri.query() else { return read };
        let count = query.split('&').count();
        if count > PARAMETERS_MAX {
            read.refuse(
                "",
                "too_many",
                format!("must have at most {PARAMETERS_MAX} parameters, has {count}"),
            );
            return read;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match known.iter().find(|parameter| parameter.name == name) {
                None => read.refuse_unknown(&name, known),
                Some(parameter) if !parameter.repeats && read.value(parameter.name).is_some() => {
                    read.refuse(parameter.name, "repeated", "is there more than once");
                }
                Some(_) => read.pairs.push((name, value)),
            }
        }
        read
    }

    /// Refuses a query where there must be none.
    pub fn none(uri: &Uri) -> Result<(), Problem> {
        Parameters::read(uri, &[]).done()
    }

    /// Ends the reading: everything that was wrong, at once.
    pub fn done(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::bad_parameters(self.faults)) }
    }

    /// Adds a fault.
    pub fn refuse(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.faults.push(Fault {
            parameter: Some(excerpt(name).into()),
            code,
            message: message.into(),
            ..Fault::default()
        });
    }

    /// The text of a parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Every text of a parameter that may be repeated.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_ref())
    }

    /// A parameter read by `read`; what that refuses is a fault with these words.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let parsed = read(value);
        if parsed.is_none() {
            let message = format!("must be {wanted}, is {:?}", excerpt(value));
            self.refuse(name, "bad_value", message);
        }
        parsed
    }

    /// A parameter that is true or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "true or false", |value| value.parse().ok())
    }

    /// A parameter that is a whole number from 1 to `max`.
    pub fn number(&mut self, name: &str, max: u64) -> Option<u64> {
        self.parsed(name, &format!("a whole number from 1 to {max}"), |value| {
            whole(value).filter(|number| (1..=max).contains(number))
        })
    }

    /// A parameter that names a revision.
    pub fn revision(&mut self, name: &str) -> Option<Revision> {
        self.parsed(name, "a revision: a whole number from 1", |value| {
            whole(value).and_then(Revision::new)
        })
    }

    /// A parameter that is one of these words.
    pub fn word<T>(
        &mut self,
        name: &str,
        words: &[&str],
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.parsed(name, &format!("one of {}", words.join(", ")), read)
    }

    fn refuse_unknown(&mut self, name: &str, known: &[Parameter]) {
        let names = || known.iter().map(|parameter| parameter.name);
        let message = match nearest_name(name, names()) {
            Some(near) => format!("unknown parameter; did you mean {near}?"),
            None if known.is_empty() => "unknown parameter; this route takes none".into(),
            None => {
                format!("unknown parameter; known are {}", names().collect::<Vec<_>>().join(", "))
            }
        };
        self.refuse(name, "unknown_parameter", message);
    }
}

/// A number of digits only: no sign, no blanks.
fn whole(value: &str) -> Option<u64> {
    value.parse().ok().filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()))
}
