//! A settings file: reads TOML into rows of text, each with its line.

use std::path::{Path, PathBuf};

use persona_model::nearest_name;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::key::{KEYS, Key};
use super::profile::{self, Profile};
use super::renamed::setting_of_earlier_name;

/// Most bytes of a settings file; many times the size of a file with every setting and comments.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// One settings file, as far as it could be read.
#[derive(Debug, Default)]
pub struct SettingsFile {
    /// The settings in the file: name, text, line.
    pub values: Vec<(&'static str, String, usize)>,
    /// The servers that the file names.
    pub profiles: Vec<Profile>,
    /// The problems in the file.
    pub problems: Vec<Problem>,
}

impl SettingsFile {
    /// Reads a file; `None` when there is none.
    pub fn read(path: &Path) -> Option<Self> {
        let failed = |error: std::io::Error| {
            let message = format!("could not be read: {error}");
            Self {
                problems: vec![Problem { origin: path.display().to_string(), message, hint: None }],
                ..Self::default()
            }
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => return Some(failed(error)),
            Ok(facts) if facts.len() > FILE_BYTES_MAX => {
                return Some(failed(std::io::Error::other(format!(
                    "larger than {FILE_BYTES_MAX} bytes"
                ))));
            }
            Ok(_) => {}
        }
        Some(std::fs::read_to_string(path).map_or_else(failed, |text| Self::parse(path, &text)))
    }

    fn parse(path: &Path, text: &str) -> Self {
        let mut file = Self::default();
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                file.complain(path, line, format!("not valid TOML: {}", error.message()));
                return file;
            }
        };
        for (section, value) in &table {
            let line = line_of(text, section.span().start);
            match value.get_ref() {
                DeValue::Table(servers) if section.get_ref() == profile::SECTION => {
                    file.read_profiles(path, text, servers);
                }
                DeValue::Table(members) if sections().any(|known| known == section.get_ref()) => {
                    file.read_section(path, text, section.get_ref(), members);
                }
                value
                    if !matches!(value, DeValue::Table(_))
                        && keys_called(section.get_ref()).next().is_some() =>
                {
                    file.complain_unplaced(path, line, section.get_ref());
                }
                _ => {
                    let known = sections().chain([profile::SECTION]);
                    file.complain_unknown(path, line, section.get_ref(), known);
                }
            }
        }
        // The TOML library sorts tables by name, but the user reads problems from the top of the
        // file down.
        file.problems.sort_by_key(|problem| {
            problem.origin.rsplit(':').next().and_then(|line| line.parse::<usize>().ok())
        });
        file
    }

    fn read_profiles(&mut self, path: &Path, text: &str, servers: &DeTable<'_>) {
        let mut wrong = Vec::new();
        for (name, value) in servers {
            let (at, mut complain) =
                (name.span().start, |at: usize, message| wrong.push((at, message)));
            let name = name.get_ref();
            match value.get_ref() {
                DeValue::Table(table) => {
                    let profile = Profile::read(path, name, table, at, &mut complain);
                    self.profiles.extend(profile);
                }
                _ => complain(at, format!("{}.{name} must be a table", profile::SECTION)),
            }
        }
        for (at, message) in wrong {
            self.complain(path, line_of(text, at), message);
        }
    }

    fn read_section(&mut self, path: &Path, text: &str, section: &str, members: &DeTable<'_>) {
        for (member, value) in members {
            let line = line_of(text, member.span().start);
            let known = || KEYS.iter().filter(|key| key.section == section);
            let Some(key) = known().find(|key| key.member == member.get_ref()) else {
                let name = format!("{section}.{}", member.get_ref());
                let earlier = setting_of_earlier_name(member.get_ref());
                if let Some(key) = earlier.filter(|key| key.section == section) {
                    let message = format!("{name} is called {} now", key.place());
                    self.complain(path, line, message);
                    continue;
                }
                let places: Vec<String> = known().chain(KEYS).map(Key::place).collect();
                self.complain_unknown(path, line, &name, places.iter().map(String::as_str));
                continue;
            };
            let list = list_in(value.get_ref()).filter(|_| key.shape.is_list());
            if let Some(value) = plain(value.get_ref()).or(list) {
                self.values.push((key.name, value, line));
            } else {
                let form = if key.shape.is_list() {
                    "a string with commas, or a list of strings"
                } else {
                    "a string, a number, true or false"
                };
                self.complain(path, line, format!("{} must be {form}", key.place()));
            }
        }
    }

    fn complain(&mut self, path: &Path, line: usize, message: String) {
        self.problems.push(Problem {
            origin: format!("{}:{line}", path.display()),
            message,
            hint: None,
        });
    }

    /// Complains of a setting that stands outside the sections that have it.
    fn complain_unplaced(&mut self, path: &Path, line: usize, name: &str) {
        let place = |key: &Key| format!("{} below [{}]", key.member, key.section);
        let places: Vec<String> = keys_called(name).map(place).collect();
        let places = places.join(" or ");
        self.complain(path, line, format!("{name} must stand in a section: write {places}"));
    }

    fn complain_unknown<'a>(
        &mut self,
        path: &Path,
        line: usize,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        let message = match nearest_name(name, known) {
            Some(near) if near != name => format!("unknown setting {name}; did you mean {near}?"),
            _ => format!("unknown setting {name}"),
        };
        self.complain(path, line, message);
    }
}

/// Resolves a relative path in a settings file against the folder of that file.
pub fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}

/// The settings that have this name in their section or on the command line.
fn keys_called(name: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.member == name || key.name == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.section)
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().into()),
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

/// The texts of a list, with commas between them as in flags and variables.
fn list_in(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(items) = value else { return None };
    let texts = items.iter().map(|item| match item.get_ref() {
        DeValue::String(text) if !text.contains(',') => Some(text.to_string()),
        _ => None,
    });
    texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
