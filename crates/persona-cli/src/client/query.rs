//! The query of a request.

use form_urlencoded::Serializer;

/// Builds `path?name=value&...`, encoded.
pub struct Query {
    path: String,
    parameters: Serializer<'static, String>,
}

impl Query {
    /// A path without parameters.
    pub fn new(path: &str) -> Self {
        Self { path: path.into(), parameters: Serializer::new(String::new()) }
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.append_pair(name, value);
        self
    }

    /// Adds a parameter, if it has a value.
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Path and query.
    pub fn into_path(mut self) -> String {
        match self.parameters.finish().as_str() {
            "" => self.path,
            query => format!("{}?{query}", self.path),
        }
    }
}
