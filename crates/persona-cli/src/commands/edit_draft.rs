//! The file that the editor gets, and the copy that is kept when the text could not be saved.
//!
//! The name of the file has the persona and the state that the text started from, so that a kept
//! text can be resumed: `persona-edit-<id>-r<entity tag>-<random>.toml`, with `.kept` in the name
//! of a kept file. The entity tag has a checksum besides the revision, because after a restore the
//! same revision can be another state. Beside a kept text is the state itself, with `.base` in
//! place of `.toml`: the history may drop its revision, where that was an autosave.
//!
//! The folder for temporary files is often shared, so a kept text is only read from a regular file
//! of this user.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use persona_model::{EntityTag, PersonaId};
use persona_server::exit_code::ExitCode;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use super::form::{Form, Syntax};
use crate::failure::Failure;

const PREFIX: &str = "persona-edit-";
const KEPT: &str = ".kept";

/// A text that is being edited, in a private file.
pub struct Draft {
    file: NamedTempFile,
    /// The syntax of the text.
    pub syntax: Syntax,
}

impl Draft {
    /// Makes a file with the form of a state.
    pub fn new(id: PersonaId, tag: EntityTag, form: &Form) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::io("could not write a file for the editor", &error);
        let prefix = format!("{PREFIX}{id}-r{tag}-");
        let mut file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(form.syntax.ending())
            .tempfile()
            .map_err(failed)?;
        file.write_all(form.text.as_bytes()).map_err(failed)?;
        Ok(Self { file, syntax: form.syntax })
    }

    /// The current content of the file. It is opened by name, because editors replace the file.
    pub fn text(&self) -> Result<String, Failure> {
        std::fs::read_to_string(self.file.path())
            .map_err(|error| Failure::io("could not read what was typed", &error))
    }

    /// Runs the editor through the shell, because the variable may hold arguments (`code --wait`).
    pub fn open_in(&self, editor: &str) -> Result<(), Failure> {
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("{editor} \"$1\""))
            .arg("sh")
            .arg(self.file.path())
            .status();
        let failure = || {
            Failure::new(
                ExitCode::Failure,
                format!("the editor {editor:?} did not work, nothing was changed"),
            )
            .hint("set VISUAL or EDITOR to another one")
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failure().because(status)),
            Err(error) => Err(failure().because(error)),
        }
    }

    /// Keeps the file, with the members of the state that the text started from beside it, and
    /// returns its path.
    pub fn keep(self, base: &Map<String, Value>) -> io::Result<PathBuf> {
        let (_, path) = self.file.keep().map_err(|refused| refused.error)?;
        let marked = marked(&path, self.syntax);
        let path = if std::fs::rename(&path, &marked).is_ok() { marked } else { path };
        // Needed only if that revision is dropped; without it the text is still kept.
        let _ = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(base_beside(&path))
            .and_then(|mut file| file.write_all(Value::from(base.clone()).to_string().as_bytes()));
        Ok(path)
    }

    /// The files that earlier edits of a persona kept.
    pub fn earlier(&self, id: PersonaId) -> Vec<PathBuf> {
        let entries = self.file.path().parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut paths: Vec<PathBuf> =
            entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| is_kept(path) && origin_of(path).is_some_and(|(of, _, _)| of == id));
        paths.retain(|path| path.symlink_metadata().is_ok_and(|facts| is_own_plain_file(&facts)));
        paths.sort();
        paths
    }
}

fn marked(path: &Path, syntax: Syntax) -> PathBuf {
    let name = path.display().to_string();
    format!("{}{KEPT}{}", name.strip_suffix(syntax.ending()).unwrap_or(&name), syntax.ending())
        .into()
}

/// The file beside a kept text with the members of the state that it started from.
fn base_beside(text: &Path) -> PathBuf {
    text.with_extension("base")
}

/// The members of the state that a kept text started from; `None` where they cannot be read.
pub fn read_base(text: &Path) -> Option<Map<String, Value>> {
    serde_json::from_str(&read_kept(&base_beside(text)).ok()?).ok()
}

/// Removes a kept text, and what is kept beside it. A file that cannot be removed is only offered
/// again.
pub fn remove_kept(text: &Path) {
    let _ = std::fs::remove_file(text);
    let _ = std::fs::remove_file(base_beside(text));
}

fn is_kept(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(KEPT))
}

/// The text of a kept file. Another user can put a link, a pipe or a text of its own under any name
/// in a shared folder.
///
/// # Errors
///
/// The file cannot be read, or is no regular file of this user.
pub fn read_kept(path: &Path) -> io::Result<String> {
    // `NONBLOCK` keeps the open of a pipe from waiting. The check is made on the open file, because
    // the name could be replaced in between.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !is_own_plain_file(&file.metadata()?) {
        return Err(io::Error::other("it is no plain file that belongs to this user"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn is_own_plain_file(facts: &Metadata) -> bool {
    facts.is_file() && facts.uid() == geteuid().as_raw()
}

/// Reads the name of a draft: its persona, the state that it started from, and its syntax.
pub fn origin_of(path: &Path) -> Option<(PersonaId, EntityTag, Syntax)> {
    let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let syntax =
        [Syntax::Toml, Syntax::Json].into_iter().find(|syntax| name.ends_with(syntax.ending()))?;
    let (id, rest) = name.split_once("-r")?;
    let (tag, _) = rest.rsplit_once('-')?;
    Some((PersonaId::parse(id)?, EntityTag::parse(tag)?, syntax))
}
