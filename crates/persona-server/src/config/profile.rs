//! Servers with a name in the settings file: `[server.NAME]` with `url`, `token_file` and
//! `ca_file`.

use std::path::{Path, PathBuf};

use persona_model::nearest_name;
use toml::de::{DeTable, DeValue};

use super::file::beside;

/// The table of the settings file that has one table for each server.
pub const SECTION: &str = "server";

/// The members that such a table may have.
const MEMBERS: [&str; 3] = ["url", "token_file", "ca_file"];

/// A server with a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The URL of the server.
    pub url: String,
    /// The file with the token for it.
    pub token_file: Option<PathBuf>,
    /// The file with the authorities that may sign the certificate of the server.
    pub ca_file: Option<PathBuf>,
}

impl Profile {
    /// Whether a text can be the name of a server; an address of a server cannot.
    pub fn can_be_name(text: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !text.is_empty() && text != "localhost" && text.bytes().all(is_part)
    }

    /// Reads a table; what is wrong goes to `complain`, with the place in the file. Relative paths
    /// are relative to the file.
    pub(super) fn read(
        file: &Path,
        name: &str,
        table: &DeTable<'_>,
        at: usize,
        complain: &mut dyn FnMut(usize, String),
    ) -> Option<Self> {
        if !Self::can_be_name(name) {
            complain(at, format!("{SECTION}.{name}: a name has letters, digits, - and _ only"));
            return None;
        }
        let mut profile =
            Self { name: name.into(), url: String::new(), token_file: None, ca_file: None };
        for (member, value) in table {
            let (known, at) = (member.get_ref().as_ref(), member.span().start);
            let DeValue::String(text) = value.get_ref() else {
                complain(at, format!("{SECTION}.{name}.{known} must be a string"));
                continue;
            };
            match known {
                "url" => profile.url = text.to_string(),
                "token_file" => profile.token_file = Some(beside(file, text)),
                "ca_file" => profile.ca_file = Some(beside(file, text)),
                _ => {
                    let near = nearest_name(known, MEMBERS);
                    let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                    complain(at, format!("unknown setting {SECTION}.{name}.{known}{near}"));
                }
            }
        }
        if profile.url.is_empty() {
            complain(at, format!("{SECTION}.{name} needs a url, such as https://persona.example"));
            return None;
        }
        Some(profile)
    }
}
