//! The query of a request, read by the rows of its operation. All errors are collected and answered
//! at once.

use std::borrow::Cow;

use http::Uri;
use persona_model::{excerpt, nearest_name};

use crate::contract::OperationId;
use crate::contract::parameters::{Parameter, Typed};
use crate::problem::{FieldError, Problem};

/// Most parameters of a query: every one that a route knows, with room for those that repeat.
pub(crate) const PARAMETERS_MAX: usize = 64;

/// The parameters of one request, and what is wrong with them.
pub(crate) struct Parameters<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    errors: Vec<FieldError>,
}

impl<'a> Parameters<'a> {
    /// Reads the query of this operation; unknown and repeated parameters are errors.
    pub fn read(uri: &'a Uri, operation: OperationId) -> Self {
        let mut read = Self { pairs: Vec::new(), errors: Vec::new() };
        let Some(query) = uri.query() else { return read };
        let known: Vec<Parameter> = operation.row().all_query().copied().collect();
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
                None => read.refuse_unknown(&name, &known),
                Some(row) if !row.repeats && read.text(row).is_some() => {
                    read.refuse(row.name, "repeated", "is there more than once");
                }
                Some(_) => read.pairs.push((name, value)),
            }
        }
        read
    }

    /// Refuses a query where there must be none.
    pub fn none(uri: &Uri, operation: OperationId) -> Result<(), Problem> {
        Parameters::read(uri, operation).done()
    }

    /// Ends the reading; all errors are answered at once.
    pub fn done(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::bad_parameters(self.errors)) }
    }

    /// Adds an error.
    pub fn refuse(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError {
            parameter: Some(excerpt(name).into()),
            code: code.into(),
            message: message.into(),
            ..FieldError::default()
        });
    }

    /// The text of a parameter.
    pub fn text(&self, row: &Parameter) -> Option<&str> {
        self.texts(row).next()
    }

    /// Every text of a parameter that may be repeated.
    pub fn texts(&self, row: &Parameter) -> impl Iterator<Item = &str> {
        let name = row.name;
        self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter; one that its row does not take is an error.
    pub fn value<T>(&mut self, row: &Typed<T>) -> Option<T> {
        let text = self.text(&row.parameter)?;
        match (row.read)(&row.parameter, text) {
            Ok(value) => Some(value),
            Err(wanted) => {
                let message = format!("must be {wanted}, is {:?}", excerpt(text));
                self.refuse(row.parameter.name, "bad_value", message);
                None
            }
        }
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
